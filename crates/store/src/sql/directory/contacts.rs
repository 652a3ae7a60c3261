//! Contacts: at most one primary phone number of a user, and no target twice.
//!
//! They are written only while their user is locked.

use async_trait::async_trait;
use std::collections::HashMap;

use serde_json::Value;
use watchbell_core::contact::{self, Contact, ContactKind, ContactStatus};
use watchbell_core::{ContactId, Reason, Timestamp, UserId, mask};

use super::super::audit::Done;
use super::super::{array, blacklist};
use super::rows::{ContactRow, all, at};
use super::{Connection, SqlStore, Tx, codes, consent, owners, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::directory::{Contacts, NewContact};

#[async_trait]
impl Contacts for SqlStore {
    async fn create_contact(&self, by: Actor, user: UserId, contact: NewContact) -> Result<Contact, StoreError> {
        create(self, by, user, contact).await
    }

    async fn contacts(&self, user: UserId, kind: Option<ContactKind>) -> Result<Vec<Contact>, StoreError> {
        list(self, user, kind).await
    }

    async fn contacts_of(&self, users: &[UserId]) -> Result<Vec<Contact>, StoreError> {
        of_users(self, users).await
    }

    async fn contact_times(&self, user: UserId) -> Result<HashMap<ContactId, (Timestamp, Timestamp)>, StoreError> {
        times(self, user).await
    }

    async fn contact(&self, user: UserId, kind: Option<ContactKind>, id: ContactId) -> Result<Option<Contact>, StoreError> {
        let mut on = self.read.acquire().await?;
        find(&mut on, user, kind, id).await
    }

    async fn replace_contact(&self, by: Actor, user: UserId, id: ContactId, contact: NewContact) -> Result<Contact, StoreError> {
        replace(self, by, user, id, contact).await
    }

    async fn delete_contact(
        &self,
        by: Actor,
        user: UserId,
        kind: Option<ContactKind>,
        id: ContactId,
        force: bool,
    ) -> Result<(), StoreError> {
        delete(self, by, user, kind, id, force).await
    }

    async fn consent(&self, kind: ContactKind, target: &str, is_in: bool) -> Result<usize, StoreError> {
        consent::consent(self, kind, target, is_in).await
    }

    async fn set_contact_status(&self, by: Actor, user: UserId, id: ContactId, status: ContactStatus) -> Result<Contact, StoreError> {
        set_status(self, by, user, id, status).await
    }
}

macro_rules! columns {
    () => {
        "id, user_id, kind, target, region, is_primary, status"
    };
}

pub(super) async fn create(store: &SqlStore, by: Actor, user: UserId, new: NewContact) -> Result<Contact, StoreError> {
    let mut change = store.begin_change(user).await?;
    let made = insert(store, &mut change.tx, user, &new).await?;
    store.commit_change(change, by, "contact.create", Done::new(object(user, made.id), changes(None, Some(&made)))).await?;
    Ok(made)
}

pub(super) async fn insert(store: &SqlStore, tx: &mut Tx, user: UserId, new: &NewContact) -> Result<Contact, StoreError> {
    check_prefix(store, new)?;
    // However it is spelt; the table itself tells spellings apart.
    if let Some(first) = with_target(tx, user, new.kind, &new.target).await? {
        return Err(StoreError::DuplicateContact(first));
    }
    let count = "SELECT COUNT(*) FROM contacts WHERE user_id = $1";
    store.check_quota(tx, count, user, store.quotas.contacts, "contacts").await?;
    let status = blacklist::status(tx, new.kind, &new.target, new.status).await?;
    let made: Option<ContactRow> = sqlx::query_as(sql(concat!(
        "INSERT INTO contacts (user_id, kind, target, region, is_primary, status, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, FALSE, $5, $6, $6) ON CONFLICT (user_id, kind, target) DO NOTHING RETURNING ",
        columns!()
    )))
    .bind(user.0)
    .bind(new.kind.as_str())
    .bind(&new.target)
    .bind(&new.region)
    .bind(status.as_str())
    .bind(store.clock.now().as_millis())
    .fetch_optional(&mut **tx)
    .await
    .map_err(owners::taken)?;
    let Some(made) = made else {
        let first = with_target(tx, user, new.kind, &new.target).await?;
        return Err(first.map_or(StoreError::NotFound("contact"), StoreError::DuplicateContact));
    };
    let mut made: Contact = made.try_into()?;
    if new.primary == Some(true) && new.kind == ContactKind::Phone {
        make_primary(tx, user, made.id).await?;
        made.primary = true;
    }
    Ok(made)
}

pub(super) async fn list(store: &SqlStore, user: UserId, kind: Option<ContactKind>) -> Result<Vec<Contact>, StoreError> {
    let rows: Vec<ContactRow> =
        sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM contacts WHERE user_id = $1 AND kind = COALESCE($2, kind) ORDER BY id")))
            .bind(user.0)
            .bind(kind.map(ContactKind::as_str))
            .fetch_all(&store.read)
            .await?;
    if rows.is_empty() {
        owners::must_exist(store, user).await?;
    }
    all(rows)
}

pub(super) async fn of_users(store: &SqlStore, users: &[UserId]) -> Result<Vec<Contact>, StoreError> {
    let ids: Vec<i64> = users.iter().map(|user| user.0).collect();
    let rows: Vec<ContactRow> =
        sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM contacts WHERE user_id {in $1 bigint} ORDER BY user_id, id")))
            .bind(array(&ids)?)
            .fetch_all(&store.read)
            .await?;
    all(rows)
}

pub(super) async fn times(store: &SqlStore, user: UserId) -> Result<HashMap<ContactId, (Timestamp, Timestamp)>, StoreError> {
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(sql("SELECT id, created_at, updated_at FROM contacts WHERE user_id = $1"))
        .bind(user.0)
        .fetch_all(&store.read)
        .await?;
    Ok(rows.into_iter().map(|(id, made, changed)| (ContactId(id), (at(made), at(changed)))).collect())
}

pub(super) async fn find(
    on: &mut Connection,
    user: UserId,
    kind: Option<ContactKind>,
    id: ContactId,
) -> Result<Option<Contact>, StoreError> {
    let row: Option<ContactRow> =
        sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM contacts WHERE id = $1 AND user_id = $2 AND kind = COALESCE($3, kind)")))
            .bind(id.0)
            .bind(user.0)
            .bind(kind.map(ContactKind::as_str))
            .fetch_optional(on)
            .await?;
    row.map(TryInto::try_into).transpose()
}

pub(super) async fn replace(store: &SqlStore, by: Actor, user: UserId, id: ContactId, new: NewContact) -> Result<Contact, StoreError> {
    let mut change = store.begin_change(user).await?;
    let (old, contact) = replace_in(store, &mut change.tx, user, id, &new).await?;
    store.commit_change(change, by, "contact.replace", Done::new(object(user, id), changes(Some(&old), Some(&contact)))).await?;
    Ok(contact)
}

/// Makes an address the one that is shown of its kind, within a change of its user.
pub(super) async fn put_shown(store: &SqlStore, tx: &mut Tx, by: Actor, user: UserId, new: &NewContact) -> Result<(), StoreError> {
    let rows: Vec<ContactRow> =
        sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM contacts WHERE user_id = $1 AND kind = $2 ORDER BY id")))
            .bind(user.0)
            .bind(new.kind.as_str())
            .fetch_all(&mut **tx)
            .await?;
    let contacts: Vec<Contact> = all(rows)?;
    let shown = contact::shown(&contacts, new.kind);
    match (contacts.iter().find(|there| there.target == new.target), shown) {
        (Some(same), Some(shown)) if same.id == shown.id => Ok(()),
        // It is there, but not verified: whoever may say so says so.
        (Some(same), shown) if is_confirmed(same, new) && (shown.is_none() || new.kind == ContactKind::Phone) => {
            codes::void(store, tx, same.id, &Reason::ContactDecided).await?;
            let confirmed = write_status(tx, user, same.id, new.status).await?;
            if new.kind == ContactKind::Phone {
                make_primary(tx, user, same.id).await?;
            }
            store.record(tx, by, "contact.status", Done::new(object(user, same.id), changes(Some(same), Some(&confirmed)))).await
        }
        (Some(same), _) if new.kind == ContactKind::Phone => make_primary(tx, user, same.id).await,
        (Some(_), None) => Ok(()),
        (_, Some(shown)) => {
            let (old, contact) = replace_in(store, tx, user, shown.id, new).await?;
            let done = Done::new(object(user, contact.id), changes(Some(&old), Some(&contact)));
            store.record(tx, by, "contact.replace", done).await
        }
        (_, None) => {
            let made = insert(store, tx, user, new).await?;
            store.record(tx, by, "contact.create", Done::new(object(user, made.id), changes(None, Some(&made)))).await
        }
    }
}

/// Whether an admin gives as a user's what the user has claimed.
fn is_confirmed(claimed: &Contact, new: &NewContact) -> bool {
    claimed.status == ContactStatus::Locked && new.status == ContactStatus::Ok
}

/// Replaces a contact within a change of its user; answers it as it was and as it is.
async fn replace_in(
    store: &SqlStore,
    tx: &mut Tx,
    user: UserId,
    id: ContactId,
    new: &NewContact,
) -> Result<(Contact, Contact), StoreError> {
    let old = find(tx, user, Some(new.kind), id).await?.ok_or(StoreError::NotFound("contact"))?;
    let moved = old.target != new.target;
    if moved {
        check_prefix(store, new)?;
        if let Some(first) = with_target(tx, user, new.kind, &new.target).await?.filter(|first| *first != id) {
            return Err(StoreError::DuplicateContact(first));
        }
        // A code that went to the old address must not open the new one, nor be sent there.
        codes::void(store, tx, id, &Reason::AddressChanged).await?;
        blacklist::remember(tx, [&old]).await?;
    }
    let status = if moved { blacklist::status(tx, new.kind, &new.target, new.status).await? } else { old.status };
    let primary = match new.primary {
        Some(primary) => primary && new.kind == ContactKind::Phone,
        None => old.primary,
    };
    if primary && !old.primary {
        make_primary(tx, user, id).await?;
    }
    let row: ContactRow = sqlx::query_as(sql(concat!(
        "UPDATE contacts SET opted_out = CASE WHEN target = $2 THEN opted_out END, target = $2, region = $3, is_primary = $4, \
         status = $5, updated_at = $6 WHERE id = $1 RETURNING ",
        columns!()
    )))
    .bind(id.0)
    .bind(&new.target)
    .bind(&new.region)
    .bind(primary)
    .bind(status.as_str())
    .bind(store.clock.now().as_millis())
    .fetch_one(&mut **tx)
    .await
    .map_err(owners::taken)?;
    Ok((old, row.try_into()?))
}

pub(super) async fn delete(
    store: &SqlStore,
    by: Actor,
    user: UserId,
    kind: Option<ContactKind>,
    id: ContactId,
    force: bool,
) -> Result<(), StoreError> {
    let mut change = store.begin_change(user).await?;
    let tx = &mut change.tx;
    let contact = find(tx, user, kind, id).await?.ok_or(StoreError::NotFound("contact"))?;
    let rules: Vec<i64> =
        sqlx::query_scalar(sql("SELECT id FROM rules WHERE contact_id = $1 ORDER BY id")).bind(id.0).fetch_all(&mut **tx).await?;
    if !rules.is_empty() && !force {
        return Err(StoreError::ContactInUse(rules));
    }
    codes::void(store, tx, id, &Reason::ContactDeleted).await?;
    blacklist::remember(tx, [&contact]).await?;
    for text in ["DELETE FROM rules WHERE contact_id = $1", "DELETE FROM contacts WHERE id = $1"] {
        sqlx::query(sql(text)).bind(id.0).execute(&mut **tx).await?;
    }
    let changes = changes(Some(&contact), None).field("rules", Some(&rules).filter(|rules| !rules.is_empty()), None);
    store.commit_change(change, by, "contact.delete", Done::new(object(user, id), changes)).await
}

pub(super) async fn set_status(
    store: &SqlStore,
    by: Actor,
    user: UserId,
    id: ContactId,
    status: ContactStatus,
) -> Result<Contact, StoreError> {
    let mut change = store.begin_change(user).await?;
    let before = find(&mut change.tx, user, None, id).await?.ok_or(StoreError::NotFound("contact"))?;
    let contact = write_status(&mut change.tx, user, id, status).await?;
    if before.status == ContactStatus::Blacklisted && status != ContactStatus::Blacklisted {
        blacklist::forget(&mut change.tx, &before).await?;
    }
    if status != ContactStatus::Locked {
        codes::void(store, &mut change.tx, id, &Reason::ContactDecided).await?;
    }
    store.commit_change(change, by, "contact.status", Done::new(object(user, id), changes(Some(&before), Some(&contact)))).await?;
    Ok(contact)
}

pub(super) async fn write_status(tx: &mut Tx, user: UserId, id: ContactId, status: ContactStatus) -> Result<Contact, StoreError> {
    let row: Option<ContactRow> = sqlx::query_as(sql(concat!(
        "UPDATE contacts SET status = $3, opted_out = NULL WHERE id = $1 AND user_id = $2 RETURNING ",
        columns!()
    )))
    .bind(id.0)
    .bind(user.0)
    .bind(status.as_str())
    .fetch_optional(&mut **tx)
    .await
    .map_err(owners::taken)?;
    row.ok_or(StoreError::NotFound("contact"))?.try_into()
}

/// Takes `primary` from the number that has it; an index allows one at a time.
async fn make_primary(tx: &mut Tx, user: UserId, id: ContactId) -> Result<(), StoreError> {
    sqlx::query(sql("UPDATE contacts SET is_primary = FALSE WHERE user_id = $1 AND is_primary")).bind(user.0).execute(&mut **tx).await?;
    sqlx::query(sql("UPDATE contacts SET is_primary = TRUE WHERE id = $1")).bind(id.0).execute(&mut **tx).await?;
    Ok(())
}

async fn with_target(tx: &mut Tx, user: UserId, kind: ContactKind, target: &str) -> Result<Option<ContactId>, StoreError> {
    // One mailbox may be written in capitals or not; all other addresses are one spelling only.
    let of = if kind == ContactKind::Email {
        "SELECT id FROM contacts WHERE user_id = $1 AND kind = $2 AND lower(target) = lower($3) ORDER BY id LIMIT 1"
    } else {
        "SELECT id FROM contacts WHERE user_id = $1 AND kind = $2 AND target = $3"
    };
    let found: Option<i64> = sqlx::query_scalar(sql(of)).bind(user.0).bind(kind.as_str()).bind(target).fetch_optional(&mut **tx).await?;
    Ok(found.map(ContactId))
}

/// The target masked, as in histories.
fn changes(before: Option<&Contact>, after: Option<&Contact>) -> Changes {
    let kind = |contact: &Contact| contact.kind.as_str();
    let target = |contact: &Contact| (contact.kind, contact.target.clone());
    let primary = |contact: &Contact| contact.primary;
    let status = |contact: &Contact| contact.status.as_str();
    Changes::default()
        .field("kind", before.map(kind).as_ref(), after.map(kind).as_ref())
        .shown("target", before.map(target).as_ref(), after.map(target).as_ref(), |(kind, target)| {
            Value::String(mask::address(*kind, target))
        })
        .field("primary", before.map(primary).as_ref(), after.map(primary).as_ref())
        .field("status", before.map(status).as_ref(), after.map(status).as_ref())
}

pub(super) fn object(user: UserId, id: ContactId) -> String {
    format!("users/{user}/contacts/{id}")
}

/// Whether codes are sent to a number that is to be verified: one that never can be is better not there at all.
fn check_prefix(store: &SqlStore, new: &NewContact) -> Result<(), StoreError> {
    if new.kind == ContactKind::Phone && new.status == ContactStatus::Locked { codes::check_prefix(store, &new.target) } else { Ok(()) }
}
