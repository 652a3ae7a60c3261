//! Events for topics: their members are planned chunk by chunk, so that an event for many holds up nothing else.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use async_trait::async_trait;
use watchbell_core::event::SubscriptionData;
use watchbell_core::{EventId, UserId};

use super::plan::Writes;
use super::rows::{at, json};
use super::{SqlStore, sql};
use crate::StoreError;
use crate::housekeeping::FanOut;

/// How many members of a topic are planned in one transaction: some 20 ms of work, in which an alert of one of them waits.
const FAN_OUT_CHUNK: i64 = 200;

#[async_trait]
impl FanOut for SqlStore {
    async fn fan_out(&self) -> Result<bool, StoreError> {
        let mut tx = self.begin_tx().await?;
        let passed_over = || self.fan_out_passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        let after = passed_over().clone();
        let next: Option<(String, String, i64)> =
            sqlx::query_as(sql("SELECT event_id, topic, last_user_id FROM fanouts WHERE event_id > $1 ORDER BY event_id LIMIT 1 {skip}"))
                .bind(after.clone())
                .fetch_optional(&mut *tx)
                .await?;
        // What fails is passed over, so that it holds up no other one, until all those behind it are done.
        *passed_over() = next.as_ref().map(|(event_id, ..)| event_id.clone()).unwrap_or_default();
        let Some((event_id, topic, last)) = next else { return Ok(!after.is_empty()) };
        let (data, base_at): (String, i64) =
            sqlx::query_as(sql("SELECT data, base_at FROM events WHERE id = $1")).bind(event_id.clone()).fetch_one(&mut *tx).await?;
        let members: Vec<i64> =
            sqlx::query_scalar(sql("SELECT user_id FROM topic_members WHERE topic = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"))
                .bind(topic)
                .bind(last)
                .bind(FAN_OUT_CHUNK)
                .fetch_all(&mut *tx)
                .await?;
        let users: BTreeSet<UserId> = members.iter().map(|id| UserId(*id)).collect();
        let policies = self.policies(&mut tx, &users).await?;
        let data: SubscriptionData = json(&data)?;
        let defaults = self.default_channels(&mut tx, &data.category.as_deref().into_iter().collect()).await?;
        let defaults = defaults.into_values().next().unwrap_or_default();
        let plan = self.planner.plan_members(&EventId(event_id.clone()), &data, at(base_at), &policies, &defaults, self.clock.now());
        let writes = Writes { insert: plan.insert, ..Writes::default() };
        let (due, _) = self.write(&mut tx, &writes).await?;
        match members.last() {
            Some(last) if i64::try_from(members.len()) == Ok(FAN_OUT_CHUNK) => {
                sqlx::query(sql("UPDATE fanouts SET last_user_id = $2 WHERE event_id = $1"))
                    .bind(event_id)
                    .bind(*last)
                    .execute(&mut *tx)
                    .await?;
            }
            _ => {
                sqlx::query(sql("DELETE FROM fanouts WHERE event_id = $1")).bind(event_id).execute(&mut *tx).await?;
            }
        }
        tx.commit().await?;
        *passed_over() = after;
        self.wakes.announce(due);
        Ok(true)
    }
}
