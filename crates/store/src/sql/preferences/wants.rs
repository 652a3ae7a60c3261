//! Messaging's preferences: what a user wants of a category.

use watchbell_core::UserId;

use super::super::audit::Done;
use super::rows::{all, at, name};
use super::{SqlStore, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::preferences::{Preference, Wants};

#[derive(Debug, sqlx_macros::FromRow)]
pub(in super::super) struct PreferenceRow {
    pub id: String,
    pub user_id: i64,
    category: String,
    in_app: bool,
    email: bool,
    push: bool,
    digest: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<PreferenceRow> for Preference {
    type Error = StoreError;

    fn try_from(row: PreferenceRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            user_id: UserId(row.user_id),
            category: Some(row.category).filter(|category| !category.is_empty()),
            wants: Wants { in_app: row.in_app, email: row.email, push: row.push, digest: name(&row.digest)? },
            created_at: at(row.created_at),
            updated_at: at(row.updated_at),
        })
    }
}

pub(super) async fn put(store: &SqlStore, by: Actor, user: UserId, category: Option<&str>, wants: Wants) -> Result<Preference, StoreError> {
    let mut change = store.begin_change(user).await?;
    let before: Option<PreferenceRow> =
        sqlx::query_as(sql("SELECT id, user_id, category, in_app, email, push, digest, created_at, updated_at FROM preferences \
         WHERE user_id = $1 AND category = $2"))
        .bind(user.0)
        .bind(category.unwrap_or_default())
        .fetch_optional(&mut *change.tx)
        .await?;
    let before: Option<Preference> = before.map(TryInto::try_into).transpose()?;
    let row: PreferenceRow =
        sqlx::query_as(sql("INSERT INTO preferences (id, user_id, category, in_app, email, push, digest, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (user_id, category) DO UPDATE SET in_app = excluded.in_app, \
         email = excluded.email, push = excluded.push, digest = excluded.digest, updated_at = excluded.updated_at \
         RETURNING id, user_id, category, in_app, email, push, digest, created_at, updated_at"))
        .bind(watchbell_core::ids::uuid())
        .bind(user.0)
        .bind(category.unwrap_or_default())
        .bind(wants.in_app)
        .bind(wants.email)
        .bind(wants.push)
        .bind(wants.digest.as_str())
        .bind(store.clock.now().as_millis())
        .fetch_one(&mut *change.tx)
        .await?;
    let object = format!("users/{user}/preferences/{}", category.unwrap_or("*"));
    let changes = changes(before.map(|before| before.wants), wants);
    store.commit_change(change, by, "preference.put", Done::new(object, changes)).await?;
    row.try_into()
}

fn changes(before: Option<Wants>, after: Wants) -> Changes {
    Changes::default()
        .field("inApp", before.map(|wants| wants.in_app).as_ref(), Some(&after.in_app))
        .field("email", before.map(|wants| wants.email).as_ref(), Some(&after.email))
        .field("push", before.map(|wants| wants.push).as_ref(), Some(&after.push))
        .field("digest", before.map(|wants| wants.digest.as_str()).as_ref(), Some(&after.digest.as_str()))
}

pub(super) async fn list(store: &SqlStore, user: UserId) -> Result<Vec<Preference>, StoreError> {
    let rows: Vec<PreferenceRow> = sqlx::query_as(sql(
        "SELECT id, user_id, category, in_app, email, push, digest, created_at, updated_at FROM preferences WHERE user_id = $1 \
         ORDER BY category",
    ))
    .bind(user.0)
    .fetch_all(&store.read)
    .await?;
    all(rows)
}
