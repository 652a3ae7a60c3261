//! Users: made, found, replaced, deleted.

use async_trait::async_trait;
use serde_json::{Map, Value};
use sqlx::QueryBuilder;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::ids::{UserRef, check_external_id, public_id};
use watchbell_core::user::{Profile, User};
use watchbell_core::{Reason, UserId};

use super::super::audit::Done;
use super::super::{array, blacklist};
use super::rows::{ContactRow, UserRow, all, to_json};
use super::{Connection, Db, SqlStore, Tx, contacts, owners, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::directory::{NewContact, NewUser, UserFilter, Users};

#[async_trait]
impl Users for SqlStore {
    async fn create_user(&self, by: Actor, user: NewUser) -> Result<User, StoreError> {
        create(self, by, user).await
    }

    async fn user(&self, user: &UserRef) -> Result<Option<User>, StoreError> {
        get(self, user).await
    }

    async fn users(&self, filter: &UserFilter) -> Result<(Vec<User>, i64), StoreError> {
        list(self, filter).await
    }

    async fn users_of(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        of_ids(self, ids).await
    }

    async fn replace_user(&self, by: Actor, id: UserId, user: NewUser, addresses: &[NewContact]) -> Result<User, StoreError> {
        replace(self, by, id, user, addresses).await
    }

    async fn delete_user(&self, by: Actor, id: UserId) -> Result<(), StoreError> {
        delete(self, by, id).await
    }
}

macro_rules! columns {
    () => {
        "id, public_id, external_id, username, first_name, last_name, timezone, locale, quiet_hours, custom_fields, profile, version, created_at, \
         updated_at"
    };
}

pub(super) async fn create(store: &SqlStore, by: Actor, new: NewUser) -> Result<User, StoreError> {
    let first_contacts = first_contacts(&new);
    let mut tx = store.begin_edit().await?;
    let public_id = public_id('U');
    check_names(&mut tx, new.external_id.as_deref(), None, &public_id).await?;
    let row: UserRow = sqlx::query_as(sql(concat!(
        "INSERT INTO users (public_id, external_id, username, first_name, last_name, timezone, locale, quiet_hours, custom_fields, profile, \
         version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11) RETURNING ",
        columns!()
    )))
    .bind(public_id)
    .bind(new.external_id)
    .bind(new.username)
    .bind(new.first_name)
    .bind(new.last_name)
    .bind(or(new.timezone, "UTC"))
    .bind(or(new.locale, "en"))
    .bind(new.quiet_hours.as_ref().map(to_json).transpose()?)
    .bind(to_json(&new.custom_fields)?)
    .bind(to_json(&new.profile)?)
    .bind(store.clock.now().as_millis())
    .fetch_one(&mut *tx)
    .await
    .map_err(owners::taken)?;
    let user: User = row.try_into()?;
    for contact in &first_contacts {
        contacts::insert(store, &mut tx, user.id, contact).await?;
    }
    store.record(&mut tx, by, "user.create", Done::new(format!("users/{}", user.id), changes(None, Some(&user)))).await?;
    tx.commit().await?;
    Ok(user)
}

pub(super) async fn get(store: &SqlStore, user: &UserRef) -> Result<Option<User>, StoreError> {
    let row: Option<UserRow> = match user {
        UserRef::Id(id) => {
            sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"))).bind(id.0).fetch_optional(&store.read).await?
        }
        // Somebody's external id may look like another's public id: the public one is meant.
        UserRef::Name(name) => {
            sqlx::query_as(sql(concat!(
                "SELECT ",
                columns!(),
                " FROM users WHERE public_id = $1 OR external_id = $1 ORDER BY CASE WHEN public_id = $1 THEN 0 ELSE 1 END LIMIT 1"
            )))
            .bind(name)
            .fetch_optional(&store.read)
            .await?
        }
    };
    row.map(TryInto::try_into).transpose()
}

pub(super) async fn of_ids(store: &SqlStore, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<UserRow> = sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM users WHERE id {in $1 bigint} ORDER BY id")))
        .bind(array(&ids)?)
        .fetch_all(&store.read)
        .await?;
    all(rows)
}

pub(super) async fn list(store: &SqlStore, filter: &UserFilter) -> Result<(Vec<User>, i64), StoreError> {
    let mut count = QueryBuilder::<Db>::new("SELECT COUNT(*) FROM users WHERE 1 = 1");
    push_filter(&mut count, filter);
    let total: i64 = count.build_query_scalar().fetch_one(&store.read).await?;
    let mut query = QueryBuilder::<Db>::new(concat!("SELECT ", columns!(), " FROM users WHERE 1 = 1"));
    push_filter(&mut query, filter);
    // What is right before an id is found from there backwards.
    query.push(if filter.before.is_some() { " ORDER BY id DESC LIMIT " } else { " ORDER BY id LIMIT " });
    query.push_bind(filter.limit.max(0)).push(" OFFSET ").push_bind(filter.offset.max(0));
    let mut rows: Vec<UserRow> = query.build_query_as().fetch_all(&store.read).await?;
    if filter.before.is_some() {
        rows.reverse();
    }
    Ok((all(rows)?, total))
}

/// The canary's user is nobody whom somebody could want to see in a list.
fn push_filter(query: &mut QueryBuilder<Db>, filter: &UserFilter) {
    query.push(" AND username <> ").push_bind(watchbell_core::canary::USER);
    if let Some(username) = &filter.username {
        query.push(" AND lower(username) = lower(").push_bind(username.clone()).push(")");
    }
    if let Some(name) = &filter.full_name {
        query.push(" AND lower(first_name || ' ' || last_name) = lower(").push_bind(name.clone()).push(")");
    }
    if let Some(after) = filter.after {
        query.push(" AND id > ").push_bind(after.0);
    }
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before.0);
    }
    if let Some(after) = filter.created_after {
        query.push(" AND created_at > ").push_bind(after.as_millis());
    }
    if let Some(before) = filter.created_before {
        query.push(" AND created_at < ").push_bind(before.as_millis());
    }
    if let Some(email) = &filter.email {
        // As an array, so that PostgreSQL looks the users up by id, however many it expects to have that address.
        query.push(sql(" AND id {anyof} SELECT user_id FROM contacts WHERE kind = 'email' AND status = 'OK' AND lower(target) = lower("));
        query.push_bind(email.clone()).push(sql(") {end}"));
    }
}

pub(super) async fn replace(store: &SqlStore, by: Actor, id: UserId, new: NewUser, addresses: &[NewContact]) -> Result<User, StoreError> {
    let mut change = store.begin_change(id).await?;
    let before = read(&mut change.tx, id).await?;
    // What was taken once is kept until it is changed.
    if new.external_id != before.external_id {
        check_names(&mut change.tx, new.external_id.as_deref(), Some(id), &before.public_id).await?;
    }
    for address in addresses {
        contacts::put_shown(store, &mut change.tx, by, id, address).await?;
    }
    sqlx::query(sql("UPDATE users SET external_id = $2, username = $3, first_name = $4, last_name = $5, timezone = $6, locale = $7, \
         quiet_hours = $8, custom_fields = $9, profile = $10 WHERE id = $1"))
    .bind(id.0)
    .bind(new.external_id)
    .bind(new.username)
    .bind(new.first_name)
    .bind(new.last_name)
    .bind(or(new.timezone, "UTC"))
    .bind(or(new.locale, "en"))
    .bind(new.quiet_hours.as_ref().map(to_json).transpose()?)
    .bind(to_json(&new.custom_fields)?)
    .bind(to_json(&new.profile)?)
    .execute(&mut *change.tx)
    .await
    .map_err(owners::taken)?;
    let after = read(&mut change.tx, id).await?;
    store.commit_change(change, by, "user.replace", Done::new(format!("users/{id}"), changes(Some(&before), Some(&after)))).await?;
    // Read anew, for the version that the change was given.
    get(store, &UserRef::Id(id)).await?.ok_or(StoreError::NotFound("user"))
}

/// There is nobody left to plan for, so this ends without the change's plan. The user's keys go too, but never the last that
/// can make others.
pub(super) async fn delete(store: &SqlStore, by: Actor, id: UserId) -> Result<(), StoreError> {
    let mut change = store.begin_change(id).await?;
    let admins = store.admin_keys(&mut change.tx).await?;
    if !admins.is_empty() && admins.iter().all(|(_, user)| *user == Some(id)) {
        return Err(StoreError::LastAdminKey);
    }
    let before = read(&mut change.tx, id).await?;
    let blacklisted: Vec<ContactRow> = sqlx::query_as(sql(
        "SELECT id, user_id, kind, target, region, is_primary, status FROM contacts WHERE user_id = $1 AND status = 'BLACKLISTED'",
    ))
    .bind(id.0)
    .fetch_all(&mut *change.tx)
    .await?;
    blacklist::remember(&mut change.tx, &all(blacklisted)?).await?;
    store.lock_waiting(&mut change.tx, &[id]).await?;
    let stopped: Vec<String> =
        sqlx::query_scalar(sql("UPDATE deliveries SET state = 'cancelled', reason = $3, lease = NULL, updated_at = $2 WHERE id \
         {anyof} SELECT id FROM ready_queue WHERE user_id = $1 {end} AND state {states pending} RETURNING id"))
        .bind(id.0)
        .bind(store.clock.now().as_millis())
        .bind(to_json(&Reason::UserDeleted)?)
        .fetch_all(&mut *change.tx)
        .await?;
    store.dequeue(&mut change.tx, &stopped).await?;
    // Rules hold on to their contacts, so they go first; all else goes with the user.
    for text in ["DELETE FROM responders WHERE user_id = $1", "DELETE FROM rules WHERE user_id = $1", "DELETE FROM users WHERE id = $1"] {
        sqlx::query(sql(text)).bind(id.0).execute(&mut *change.tx).await?;
    }
    store.record(&mut change.tx, by, "user.delete", Done::new(format!("users/{id}"), changes(Some(&before), None))).await?;
    change.tx.commit().await?;
    Ok(())
}

/// A user who is locked.
async fn read(on: &mut Connection, id: UserId) -> Result<User, StoreError> {
    let row: Option<UserRow> =
        sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"))).bind(id.0).fetch_optional(on).await?;
    row.ok_or(StoreError::NotFound("user"))?.try_into()
}

/// Who a user is, is masked; how they read is not. Of fields of others' making only that they changed is said.
fn changes(before: Option<&User>, after: Option<&User>) -> Changes {
    fn text<'a>(user: Option<&'a User>, get: impl Fn(&'a User) -> &'a str) -> Option<&'a str> {
        user.map(get)
    }
    fn profile(user: &User) -> Option<&Profile> {
        Some(&user.profile).filter(|profile| **profile != Profile::default())
    }
    fn custom_fields(user: &User) -> Option<&Map<String, Value>> {
        Some(&user.custom_fields).filter(|fields| !fields.is_empty())
    }
    let timezone = |user: &User| user.timezone.clone();
    let locale = |user: &User| user.locale.clone();
    Changes::default()
        .masked("externalId", before.and_then(|user| user.external_id.as_deref()), after.and_then(|user| user.external_id.as_deref()))
        .masked("username", text(before, |user| &user.username), text(after, |user| &user.username))
        .masked("firstName", text(before, |user| &user.first_name), text(after, |user| &user.first_name))
        .masked("lastName", text(before, |user| &user.last_name), text(after, |user| &user.last_name))
        .field("timezone", before.map(timezone).as_ref(), after.map(timezone).as_ref())
        .field("locale", before.map(locale).as_ref(), after.map(locale).as_ref())
        .field("quietHours", before.and_then(|user| user.quiet_hours.as_ref()), after.and_then(|user| user.quiet_hours.as_ref()))
        .shown("profile", before.and_then(profile), after.and_then(profile), |_| "…".into())
        .shown("customFields", before.and_then(custom_fields), after.and_then(custom_fields), |_| "…".into())
}

/// Whether a user may have that external id, and a new one that `U…` id: nobody else may be meant by them.
async fn check_names(tx: &mut Tx, external_id: Option<&str>, user: Option<UserId>, public_id: &str) -> Result<(), StoreError> {
    if let Some(external_id) = external_id {
        check_external_id(external_id).map_err(StoreError::BadExternalId)?;
    }
    let other: Option<i64> =
        sqlx::query_scalar(sql("SELECT id FROM users WHERE id <> $3 AND (public_id = $1 OR external_id = $2) LIMIT 1"))
            .bind(external_id.unwrap_or_default())
            .bind(if user.is_none() { public_id } else { "" })
            .bind(user.map_or(0, |user| user.0))
            .fetch_optional(&mut **tx)
            .await?;
    other.map_or(Ok(()), |_| Err(StoreError::Taken("external id")))
}

fn first_contacts(new: &NewUser) -> Vec<NewContact> {
    let contact =
        |kind, target: &str, region| NewContact { kind, target: target.to_owned(), region, primary: None, status: ContactStatus::Ok };
    let email = new.email.as_ref().map(|email| contact(ContactKind::Email, email, None));
    let phone = new.phone.as_ref().map(|(number, region)| contact(ContactKind::Phone, number, Some(region.clone())));
    email.into_iter().chain(phone).collect()
}

fn or(text: String, fallback: &str) -> String {
    if text.is_empty() { fallback.to_owned() } else { text }
}
