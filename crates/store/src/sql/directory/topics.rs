//! Topics, and who is told of their events.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use watchbell_core::UserId;

use super::super::audit::Done;
use super::super::page::{beyond, newest_first, push_order};
use super::super::{BindAll, array, columns};
use super::rows::at;
use super::{Db, SqlStore, no_such_user, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::columns::row;
use crate::directory::{Subscription, SubscriptionFilter, Topic, Topics};
use crate::page::Side;

#[async_trait]
impl Topics for SqlStore {
    async fn add_members(&self, by: Actor, topic: &str, users: &[UserId]) -> Result<(), StoreError> {
        add(self, by, topic, users).await
    }

    async fn remove_members(&self, by: Actor, topic: &str, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        remove(self, by, topic, users).await
    }

    async fn topics(&self, side: &Side<Topic>, limit: i64) -> Result<Vec<Topic>, StoreError> {
        list(self, side, limit).await
    }

    async fn topic(&self, topic: &str) -> Result<Option<Topic>, StoreError> {
        get(self, topic).await
    }

    async fn delete_topic(&self, by: Actor, topic: &str) -> Result<(), StoreError> {
        delete(self, by, topic).await
    }

    async fn subscriptions(&self, filter: &SubscriptionFilter) -> Result<Vec<Subscription>, StoreError> {
        subscriptions(self, filter).await
    }

    async fn subscriptions_of(&self, topic: &str, users: &[UserId]) -> Result<Vec<Subscription>, StoreError> {
        subscriptions_of(self, topic, users).await
    }

    async fn members(&self, topic: &str, after: UserId, limit: i64) -> Result<Vec<UserId>, StoreError> {
        members(self, topic, after, limit).await
    }

    async fn topics_of(&self, user: UserId) -> Result<Vec<String>, StoreError> {
        of_user(self, user).await
    }
}

/// Of those who are added or taken out at once, so many are named in the audit log.
const NAMED: usize = 20;

row! {
    struct Member {
        id: UserId,
    }
}

/// A topic is there from its first member on, until it is deleted.
pub(super) async fn add(store: &SqlStore, by: Actor, topic: &str, users: &[UserId]) -> Result<(), StoreError> {
    let members: Vec<Member> = users.iter().map(|id| Member { id: *id }).collect();
    let now = store.clock.now().as_millis();
    let mut tx = store.begin_edit().await?;
    if !members.is_empty() {
        // Written even where it is there, so that who deletes it waits.
        sqlx::query(sql("INSERT INTO topics (topic, created_at) VALUES ($1, $2) \
             ON CONFLICT (topic) DO UPDATE SET created_at = topics.created_at"))
        .bind(topic)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    }
    // In order of id, as users are locked everywhere: PostgreSQL checks each row's user under a lock.
    sqlx::query(sql(
        "INSERT INTO topic_members (topic, user_id, created_at) SELECT $1, r.id, $2 FROM {rows $3: id bigint} WHERE true ORDER BY r.id \
         ON CONFLICT DO NOTHING",
    ))
    .bind(topic)
    .bind(now)
    .bind_all(columns(&members)?)
    .execute(&mut *tx)
    .await
    .map_err(no_such_user)?;
    let ids: Vec<i64> = users.iter().map(|user| user.0).collect();
    store.record(&mut tx, by, "topic.add", Done::new(format!("topics/{topic}"), named(None, Some(&ids)))).await?;
    tx.commit().await?;
    Ok(())
}

/// Users, the first of them by name.
fn named(before: Option<&[i64]>, after: Option<&[i64]>) -> Changes {
    let first = |users: &[i64]| users.iter().take(NAMED).copied().collect::<Vec<_>>();
    let count = |users: &[i64]| users.len();
    Changes::default().field("users", before.map(first).as_ref(), after.map(first).as_ref()).field(
        "count",
        before.map(count).as_ref(),
        after.map(count).as_ref(),
    )
}

pub(super) async fn remove(store: &SqlStore, by: Actor, topic: &str, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<i64> = users.iter().map(|user| user.0).collect();
    let mut tx = store.begin_edit().await?;
    let removed: Vec<i64> =
        sqlx::query_scalar(sql("DELETE FROM topic_members WHERE topic = $1 AND user_id {in $2 bigint} RETURNING user_id"))
            .bind(topic)
            .bind(array(&ids)?)
            .fetch_all(&mut *tx)
            .await?;
    let done = match removed.as_slice() {
        [] => return Ok(Vec::new()),
        [user] => Done::from(format!("topics/{topic}/users/{user}")),
        many => Done::new(format!("topics/{topic}"), named(Some(many), None)),
    };
    store.record(&mut tx, by, "topic.remove", done).await?;
    tx.commit().await?;
    Ok(removed.into_iter().map(UserId).collect())
}

pub(super) async fn delete(store: &SqlStore, by: Actor, topic: &str) -> Result<(), StoreError> {
    let mut tx = store.begin_edit().await?;
    let deleted = sqlx::query(sql("DELETE FROM topics WHERE topic = $1")).bind(topic).execute(&mut *tx).await?.rows_affected();
    if deleted == 0 {
        return Err(StoreError::NotFound("topic"));
    }
    sqlx::query(sql("DELETE FROM topic_members WHERE topic = $1")).bind(topic).execute(&mut *tx).await?;
    store.record(&mut tx, by, "topic.delete", format!("topics/{topic}")).await?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn get(store: &SqlStore, topic: &str) -> Result<Option<Topic>, StoreError> {
    let row: Option<(String, i64)> =
        sqlx::query_as(sql("SELECT topic, created_at FROM topics WHERE topic = $1")).bind(topic).fetch_optional(&store.read).await?;
    Ok(row.map(|(name, made)| Topic { name, created_at: at(made) }))
}

pub(super) async fn list(store: &SqlStore, side: &Side<Topic>, limit: i64) -> Result<Vec<Topic>, StoreError> {
    let mut query = QueryBuilder::<Db>::new("SELECT topic, created_at FROM topics WHERE 1 = 1");
    if let Some(place) = side.place() {
        query.push(format_args!(" AND (created_at, topic) {} (", beyond(side)));
        query.push_bind(place.created_at.as_millis()).push(", ").push_bind(place.name.clone()).push(")");
    }
    push_order(&mut query, side, &["created_at", "topic"], limit);
    let rows: Vec<(String, i64)> = query.build_query_as().fetch_all(&store.read).await?;
    let topics = rows.into_iter().map(|(name, made)| Topic { name, created_at: at(made) }).collect();
    Ok(newest_first(topics, side))
}

pub(super) async fn subscriptions(store: &SqlStore, filter: &SubscriptionFilter) -> Result<Vec<Subscription>, StoreError> {
    let mut query = QueryBuilder::<Db>::new("SELECT topic, user_id, created_at FROM topic_members WHERE 1 = 1");
    if let Some(topic) = &filter.topic {
        query.push(" AND topic = ").push_bind(topic.clone());
    }
    if let Some(user) = filter.user {
        query.push(" AND user_id = ").push_bind(user.0);
    }
    if let Some(after) = filter.created_after {
        query.push(" AND created_at > ").push_bind(after.as_millis());
    }
    if let Some(before) = filter.created_before {
        query.push(" AND created_at < ").push_bind(before.as_millis());
    }
    if let Some(place) = filter.side.place() {
        query.push(format_args!(" AND (created_at, user_id, topic) {} (", beyond(&filter.side)));
        query.push_bind(place.created_at.as_millis()).push(", ").push_bind(place.user_id.0).push(", ");
        query.push_bind(place.topic.clone()).push(")");
    }
    push_order(&mut query, &filter.side, &["created_at", "user_id", "topic"], filter.limit);
    let rows: Vec<(String, i64, i64)> = query.build_query_as().fetch_all(&store.read).await?;
    Ok(newest_first(rows.into_iter().map(subscription).collect(), &filter.side))
}

pub(super) async fn subscriptions_of(store: &SqlStore, topic: &str, users: &[UserId]) -> Result<Vec<Subscription>, StoreError> {
    let ids: Vec<i64> = users.iter().map(|user| user.0).collect();
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(sql(
        "SELECT topic, user_id, created_at FROM topic_members WHERE topic = $1 AND user_id {in $2 bigint} ORDER BY user_id",
    ))
    .bind(topic)
    .bind(array(&ids)?)
    .fetch_all(&store.read)
    .await?;
    Ok(rows.into_iter().map(subscription).collect())
}

fn subscription((topic, user, made): (String, i64, i64)) -> Subscription {
    Subscription { topic, user_id: UserId(user), created_at: at(made) }
}

pub(super) async fn members(store: &SqlStore, topic: &str, after: UserId, limit: i64) -> Result<Vec<UserId>, StoreError> {
    let members: Vec<i64> =
        sqlx::query_scalar(sql("SELECT user_id FROM topic_members WHERE topic = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"))
            .bind(topic)
            .bind(after.0)
            .bind(limit.max(0))
            .fetch_all(&store.read)
            .await?;
    Ok(members.into_iter().map(UserId).collect())
}

pub(super) async fn of_user(store: &SqlStore, user: UserId) -> Result<Vec<String>, StoreError> {
    let topics = sqlx::query_scalar(sql("SELECT topic FROM topic_members WHERE user_id = $1 ORDER BY topic"));
    Ok(topics.bind(user.0).fetch_all(&store.read).await?)
}
