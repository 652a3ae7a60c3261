//! Messages that are to say that somebody has answered: noted by the answer, in its transaction, and forgotten when they say so. They
//! are a courtesy: what could not be edited within some minutes is left as it is.

use std::collections::HashMap;

use async_trait::async_trait;
use watchbell_core::event::{Action, AlertState, Answer};
use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::rows::{at, name};
use super::{SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::facts::Scope;
use crate::queue::{EditJob, Edits};

/// How long an edit is tried, in milliseconds: later nobody looks at the message.
pub(super) const EDITED_MS: i64 = 10 * 60 * 1000;

/// So many messages of one round are edited.
const MOST_OF_ROUND: i64 = 500;

#[derive(sqlx_macros::FromRow)]
struct Row {
    delivery_id: String,
    provider: Option<String>,
    message_id: Option<String>,
    action: String,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
    at: i64,
}

impl Row {
    /// As `User::display_name`.
    fn by(&self) -> String {
        let names = format!("{} {}", self.first_name.as_deref().unwrap_or_default(), self.last_name.as_deref().unwrap_or_default());
        let names = names.trim();
        if names.is_empty() { self.username.clone().unwrap_or_default() } else { names.to_owned() }
    }
}

#[async_trait]
impl Edits for SqlStore {
    async fn take_edits(&self, channels: &[Channel], most: i64, until: Timestamp) -> Result<Vec<EditJob>, StoreError> {
        // Nearly always there is none, and nothing need be written to know that.
        let any: Option<i64> = sqlx::query_scalar(sql("SELECT at FROM edits LIMIT 1")).fetch_optional(&self.write).await?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let names: Vec<&str> = channels.iter().map(|channel| channel.as_str()).collect();
        let mut tx = self.begin_tx().await?;
        let taken: Vec<String> = sqlx::query_scalar(sql("UPDATE edits SET taken_until = $2 WHERE delivery_id {anyof} SELECT delivery_id \
             FROM edits WHERE channel {in $4 text} AND taken_until <= $3 AND at > $5 ORDER BY taken_until LIMIT $1 {skip} {end} \
             RETURNING delivery_id"))
        .bind(most)
        .bind(until.as_millis())
        .bind(now.as_millis())
        .bind(array(&names)?)
        .bind(now.plus_ms(-EDITED_MS).as_millis())
        .fetch_all(&mut *tx)
        .await?;
        let rows: Vec<Row> = sqlx::query_as(sql("SELECT e.delivery_id, d.provider, d.message_id, e.action, u.first_name, u.last_name, \
             u.username, e.at FROM edits e JOIN deliveries d ON d.id = e.delivery_id LEFT JOIN users u ON u.id = e.user_id \
             WHERE e.delivery_id {in $1 text}"))
        .bind(array(&taken)?)
        .fetch_all(&mut *tx)
        .await?;
        let (jobs, _) = self.read_jobs(&mut tx, &taken).await?;
        tx.commit().await?;
        let mut jobs: HashMap<String, _> = jobs.into_iter().map(|job| (job.id.0.clone(), job)).collect();
        let edit = |row: Row| {
            let state = match name(&row.action)? {
                Action::Resolve => AlertState::Resolved,
                Action::Accept | Action::Decline => AlertState::Accepted,
            };
            let by = row.by();
            let found = jobs.remove(&row.delivery_id).zip(row.provider.zip(row.message_id));
            Ok(found.map(|(job, (provider, message_id))| EditJob { job, provider, message_id, state, by, at: at(row.at) }))
        };
        let edits: Vec<Option<EditJob>> = rows.into_iter().map(edit).collect::<Result<_, StoreError>>()?;
        Ok(edits.into_iter().flatten().collect())
    }

    async fn edits_done(&self, deliveries: &[DeliveryId]) -> Result<(), StoreError> {
        let mut tx = self.begin_tx().await?;
        sqlx::query(sql("DELETE FROM edits WHERE delivery_id {in $1 text}")).bind(array(deliveries)?).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

impl SqlStore {
    /// Notes the messages of the round that was answered, on channels whose messages can change at all.
    pub(super) async fn note_edits(&self, tx: &mut Tx, alert: &str, answer: &Answer) -> Result<(), StoreError> {
        if answer.action == Action::Decline {
            return Ok(());
        }
        let scope = Scope::Alert { id: alert.to_owned(), round: answer.round };
        sqlx::query(sql("INSERT INTO edits (delivery_id, channel, action, user_id, taken_until, at) SELECT id, channel, $3, $4, 0, $5 \
             FROM deliveries WHERE subject = $2 AND scope = $1 AND state IN ('sent', 'delivered') AND message_id IS NOT NULL \
             AND channel NOT IN ('email', 'sms', 'voice', 'whatsapp', 'webhook', 'in_app') ORDER BY id LIMIT $6 \
             ON CONFLICT (delivery_id) DO UPDATE SET action = excluded.action, user_id = excluded.user_id, taken_until = 0, at = excluded.at"))
        .bind(scope.key())
        .bind(scope.subject())
        .bind(answer.action.as_str())
        .bind(answer.user.0)
        .bind(self.clock.now().as_millis())
        .bind(MOST_OF_ROUND)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
