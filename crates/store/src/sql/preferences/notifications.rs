//! What users were told in the app.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use watchbell_core::{DeliveryId, UserId};

use super::super::page::{beyond, newest_first, push_order};
use super::rows::{all, at};
use super::{Db, SqlStore, sql};
use crate::access::Actor;
use crate::preferences::{Notification, NotificationAction, NotificationFilter, NotificationStatus, Notifications};
use crate::{Notified, StoreError};

#[async_trait]
impl Notifications for SqlStore {
    async fn add_notification(&self, notification: Notification) -> Result<bool, StoreError> {
        add(self, notification).await
    }

    async fn notification(&self, user: UserId, id: &DeliveryId) -> Result<Option<Notification>, StoreError> {
        get(self, user, id).await
    }

    async fn notifications(&self, user: UserId, filter: &NotificationFilter) -> Result<Vec<Notification>, StoreError> {
        list(self, user, filter).await
    }

    async fn unread_count(&self, user: UserId) -> Result<i64, StoreError> {
        unread_count(self, user).await
    }

    async fn act_on_notification(
        &self,
        by: Actor,
        user: UserId,
        id: &DeliveryId,
        action: NotificationAction,
    ) -> Result<Notification, StoreError> {
        act(self, by, user, id, action).await
    }

    async fn mark_all_seen(&self, by: Actor, user: UserId) -> Result<u64, StoreError> {
        mark_all_seen(self, by, user).await
    }
}

macro_rules! columns {
    () => {
        "id, user_id, category, title, body, url, created_at, seen_at, read_at, dismissed_at"
    };
}

#[derive(sqlx_macros::FromRow)]
struct NotificationRow {
    id: String,
    user_id: i64,
    category: Option<String>,
    title: String,
    body: String,
    url: Option<String>,
    created_at: i64,
    seen_at: Option<i64>,
    read_at: Option<i64>,
    dismissed_at: Option<i64>,
}

impl TryFrom<NotificationRow> for Notification {
    type Error = StoreError;

    fn try_from(row: NotificationRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeliveryId(row.id),
            user_id: UserId(row.user_id),
            category: row.category,
            title: row.title,
            body: row.body,
            url: row.url,
            created_at: at(row.created_at),
            seen_at: row.seen_at.map(at),
            read_at: row.read_at.map(at),
            dismissed_at: row.dismissed_at.map(at),
        })
    }
}

pub(super) async fn add(store: &SqlStore, notification: Notification) -> Result<bool, StoreError> {
    let Notification { id, user_id, category, title, body, url, created_at, .. } = notification;
    let mut tx = store.begin_tx().await?;
    let added = sqlx::query(sql("INSERT INTO notifications (id, user_id, category, title, body, url, created_at) \
         SELECT $1, u.id, $3, $4, $5, $6, $7 FROM users u WHERE u.id = $2 ON CONFLICT (id) DO NOTHING"))
    .bind(id.0.clone())
    .bind(user_id.0)
    .bind(category)
    .bind(title)
    .bind(body)
    .bind(url)
    .bind(created_at.as_millis())
    .execute(&mut *tx)
    .await?
    .rows_affected();
    tx.commit().await?;
    if added > 0 {
        store.wakes.announce_notified(Notified { user_id, id });
    }
    Ok(added > 0)
}

pub(super) async fn get(store: &SqlStore, user: UserId, id: &DeliveryId) -> Result<Option<Notification>, StoreError> {
    let row: Option<NotificationRow> =
        sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM notifications WHERE id = $1 AND user_id = $2")))
            .bind(id.as_str())
            .bind(user.0)
            .fetch_optional(&store.read)
            .await?;
    row.map(Notification::try_from).transpose()
}

pub(super) async fn list(store: &SqlStore, user: UserId, filter: &NotificationFilter) -> Result<Vec<Notification>, StoreError> {
    let mut query = QueryBuilder::<Db>::new(concat!("SELECT ", columns!(), " FROM notifications WHERE user_id = "));
    query.push_bind(user.0);
    if let Some(category) = &filter.category {
        query.push(" AND category = ").push_bind(category.clone());
    }
    query.push(match filter.status {
        None => " AND dismissed_at IS NULL",
        Some(NotificationStatus::Unseen) => " AND dismissed_at IS NULL AND seen_at IS NULL",
        Some(NotificationStatus::Seen) => " AND dismissed_at IS NULL AND seen_at IS NOT NULL",
        Some(NotificationStatus::Unread) => " AND dismissed_at IS NULL AND read_at IS NULL",
        Some(NotificationStatus::Read) => " AND dismissed_at IS NULL AND read_at IS NOT NULL",
        Some(NotificationStatus::Dismissed) => " AND dismissed_at IS NOT NULL",
    });
    if let Some(cursor) = filter.from.place() {
        query.push(format_args!(" AND (created_at, id) {} (", beyond(&filter.from))).push_bind(cursor.created_at.as_millis());
        query.push(", ").push_bind(cursor.id.0.clone()).push(")");
    }
    push_order(&mut query, &filter.from, &["created_at", "id"], filter.limit);
    let rows: Vec<NotificationRow> = query.build_query_as().fetch_all(&store.read).await?;
    Ok(newest_first(all(rows)?, &filter.from))
}

pub(super) async fn unread_count(store: &SqlStore, user: UserId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(sql("SELECT count(*) FROM notifications WHERE user_id = $1 AND read_at IS NULL AND dismissed_at IS NULL"))
        .bind(user.0)
        .fetch_one(&store.read)
        .await?)
}

pub(super) async fn act(
    store: &SqlStore,
    by: Actor,
    user: UserId,
    id: &DeliveryId,
    action: NotificationAction,
) -> Result<Notification, StoreError> {
    let statement = match action {
        NotificationAction::Seen => {
            concat!("UPDATE notifications SET seen_at = COALESCE(seen_at, $3) WHERE id = $1 AND user_id = $2 RETURNING ", columns!())
        }
        NotificationAction::Read => concat!(
            "UPDATE notifications SET seen_at = COALESCE(seen_at, $3), read_at = COALESCE(read_at, $3) \
             WHERE id = $1 AND user_id = $2 RETURNING ",
            columns!()
        ),
        NotificationAction::Dismiss => concat!(
            "UPDATE notifications SET dismissed_at = COALESCE(dismissed_at, $3) WHERE id = $1 AND user_id = $2 RETURNING ",
            columns!()
        ),
    };
    let mut tx = store.begin_edit().await?;
    let row: Option<NotificationRow> =
        sqlx::query_as(sql(statement)).bind(id.as_str()).bind(user.0).bind(store.clock.now().as_millis()).fetch_optional(&mut *tx).await?;
    let notification: Notification = row.ok_or(StoreError::NotFound("notification"))?.try_into()?;
    store.record(&mut tx, by, "notification.act", format!("users/{user}/notifications/{id}: {action}")).await?;
    tx.commit().await?;
    Ok(notification)
}

pub(super) async fn mark_all_seen(store: &SqlStore, by: Actor, user: UserId) -> Result<u64, StoreError> {
    let mut tx = store.begin_edit().await?;
    let seen = sqlx::query(sql("UPDATE notifications SET seen_at = $2 WHERE user_id = $1 AND seen_at IS NULL AND dismissed_at IS NULL"))
        .bind(user.0)
        .bind(store.clock.now().as_millis())
        .execute(&mut *tx)
        .await?
        .rows_affected();
    store.record(&mut tx, by, "notification.all_seen", format!("users/{user}/notifications: {seen}")).await?;
    tx.commit().await?;
    Ok(seen)
}
