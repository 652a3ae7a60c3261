//! Who is told of a topic's events.

use watchbell_core::UserId;

use super::super::audit::Done;
use super::super::{BindAll, columns};
use super::{SqlStore, no_such_user, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::columns::row;

/// Of those who are added at once, so many are named in the audit log.
const NAMED: usize = 20;

row! {
    struct Member {
        id: UserId,
    }
}

pub(super) async fn add(store: &SqlStore, by: Actor, topic: &str, users: &[UserId]) -> Result<(), StoreError> {
    let members: Vec<Member> = users.iter().map(|id| Member { id: *id }).collect();
    let mut tx = store.begin_edit().await?;
    // In order of id, as users are locked everywhere: PostgreSQL checks each row's user under a lock.
    sqlx::query(sql("INSERT INTO topics (topic, user_id) SELECT $1, r.id FROM {rows $2: id bigint} WHERE true ORDER BY r.id \
         ON CONFLICT DO NOTHING"))
    .bind(topic)
    .bind_all(columns(&members)?)
    .execute(&mut *tx)
    .await
    .map_err(no_such_user)?;
    let first: Vec<i64> = users.iter().take(NAMED).map(|user| user.0).collect();
    let changes = Changes::default().field("users", None, Some(&first)).field("count", None, Some(&users.len()));
    store.record(&mut tx, by, "topic.add", Done::new(format!("topics/{topic}"), changes)).await?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn remove(store: &SqlStore, by: Actor, topic: &str, user: UserId) -> Result<bool, StoreError> {
    let mut tx = store.begin_edit().await?;
    let removed = sqlx::query(sql("DELETE FROM topics WHERE topic = $1 AND user_id = $2"))
        .bind(topic)
        .bind(user.0)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    if removed == 0 {
        return Ok(false);
    }
    store.record(&mut tx, by, "topic.remove", format!("topics/{topic}/users/{user}")).await?;
    tx.commit().await?;
    Ok(true)
}

pub(super) async fn members(store: &SqlStore, topic: &str, after: UserId, limit: i64) -> Result<Vec<UserId>, StoreError> {
    let members: Vec<i64> =
        sqlx::query_scalar(sql("SELECT user_id FROM topics WHERE topic = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"))
            .bind(topic)
            .bind(after.0)
            .bind(limit.max(0))
            .fetch_all(&store.read)
            .await?;
    Ok(members.into_iter().map(UserId).collect())
}

pub(super) async fn of_user(store: &SqlStore, user: UserId) -> Result<Vec<String>, StoreError> {
    let topics = sqlx::query_scalar(sql("SELECT topic FROM topics WHERE user_id = $1 ORDER BY topic"));
    Ok(topics.bind(user.0).fetch_all(&store.read).await?)
}
