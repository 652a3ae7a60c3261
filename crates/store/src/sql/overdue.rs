//! Messages whose provider has not said in time that they arrived.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::delivery::State;
use watchbell_core::{Channel, DeliveryId, Reason, Timestamp};

use super::receipts::passed_on;
use super::rows::{at, to_json};
use super::{BindAll, Connection, SqlStore, array, attempts, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::queue::{Finished, Next, Overdue};
use crate::wake::{Effects, Moved};

/// Whether a delivery `d` was sent, and somebody is still to be told of an alert by it: of its own, or of one that it tells together with
/// others.
macro_rules! is_wanted {
    () => {
        "d.state = 'sent' AND d.stop IS NULL AND (EXISTS (SELECT 1 FROM responders r WHERE r.user_id = d.user_id AND r.alert_id = d.alert_id \
         AND d.scope = 'alert:' || r.round || ':' || r.alert_id) OR EXISTS (SELECT 1 FROM deliveries m JOIN responders r \
         ON r.user_id = m.user_id AND r.alert_id = m.alert_id AND m.scope = 'alert:' || r.round || ':' || r.alert_id WHERE m.bundle_id = d.id))"
    };
}

impl SqlStore {
    /// Lists what was sent and is to be confirmed by its provider.
    pub(super) async fn await_receipts(
        &self,
        on: &mut Connection,
        finished: &[Finished],
        held: &BTreeSet<DeliveryId>,
    ) -> Result<(), StoreError> {
        row! {
            struct Row<'a> {
                id: &'a DeliveryId,
                due_at: i64,
            }
        }
        let sent = finished.iter().filter(|end| end.next == Next::Sent && held.contains(&end.id));
        let rows: Vec<Row<'_>> = sent.filter_map(|end| Some(Row { id: &end.id, due_at: end.receipt_by?.as_millis() })).collect();
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("INSERT INTO awaited_receipts (id, channel, due_at) SELECT d.id, d.channel, r.due_at \
             FROM {rows $1: id text, due_at bigint} JOIN deliveries d ON d.id = r.id WHERE d.state = 'sent' \
             ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at"))
        .bind_all(columns(&rows)?)
        .execute(on)
        .await?;
        Ok(())
    }

    pub(super) async fn first_awaited(&self, channels: &[Channel]) -> Result<Option<Timestamp>, StoreError> {
        row! {
            struct Row {
                channel: &'static str,
            }
        }
        let rows: Vec<Row> = channels.iter().map(|channel| Row { channel: channel.as_str() }).collect();
        let first: Option<i64> = sqlx::query_scalar(sql("SELECT min(due_at) FROM (SELECT (SELECT w.due_at FROM awaited_receipts w \
             WHERE w.channel = r.channel ORDER BY w.due_at LIMIT 1) AS due_at FROM {rows $1: channel text}) AS firsts"))
        .bind_all(columns(&rows)?)
        .fetch_one(&self.write)
        .await?;
        Ok(first.map(at))
    }

    pub(super) async fn overdue_receipts(&self, channel: Channel, most: i64) -> Result<Vec<Overdue>, StoreError> {
        let mut tx = self.begin_tx().await?;
        let due: Vec<(String, i64, Option<i64>)> = sqlx::query_as(sql(concat!(
            "SELECT w.id, w.due_at, CASE WHEN ",
            is_wanted!(),
            " THEN COALESCE(d.sent_at, w.due_at) END FROM awaited_receipts w \
             LEFT JOIN deliveries d ON d.id = w.id WHERE w.channel = $1 AND w.due_at <= $2 ORDER BY w.due_at LIMIT $3",
        )))
        .bind(channel.as_str())
        .bind(self.clock.now().as_millis())
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
        let is_settled = |(id, _, sent_at): &(String, _, Option<i64>)| sent_at.is_none().then(|| id.clone());
        let mut settled: Vec<String> = due.iter().filter_map(is_settled).collect();
        let waited: BTreeMap<String, i64> =
            due.into_iter().filter_map(|(id, due_at, sent_at)| Some((id, (due_at - sent_at?) / 1_000))).collect();
        let ids: Vec<String> = waited.keys().cloned().collect();
        // What cannot be read was sent all the same: nothing more is done about it.
        let (jobs, unreadable) = self.read_jobs(&mut tx, &ids).await?;
        settled.extend(unreadable.into_iter().map(|one| one.id));
        if !settled.is_empty() {
            sqlx::query(sql("DELETE FROM awaited_receipts WHERE id {in $1 text}")).bind(array(&settled)?).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        let within_s = |id: &DeliveryId| waited.get(id.as_str()).and_then(|seconds| u32::try_from(*seconds).ok()).unwrap_or(0);
        Ok(jobs.into_iter().map(|job| Overdue { within_s: within_s(&job.id), job }).collect())
    }

    pub(super) async fn apply_overdue(&self, overdue: &[(DeliveryId, Option<Reason>)]) -> Result<(), StoreError> {
        let mut tx = self.begin_tx().await?;
        self.lock_ends(&mut tx, &overdue.iter().map(|(id, _)| id).collect::<Vec<_>>(), &[]).await?;
        let mut effects = Effects::default();
        let now = self.clock.now();
        for (id, reason) in overdue {
            let Some(reason) = reason else { continue };
            let reason = Reason::PassedOn { after: reason.clone().boxed() };
            let wanted: Option<(String, String)> =
                sqlx::query_as(sql(concat!("SELECT d.channel, d.attempt_log FROM deliveries d WHERE d.id = $1 AND ", is_wanted!())))
                    .bind(id.as_str().to_owned())
                    .fetch_optional(&mut *tx)
                    .await?;
            let Some((channel, log)) = wanted else { continue };
            sqlx::query(sql("UPDATE deliveries SET state = 'scheduled', ready_at = $2, reason = $3, attempt_log = $4, updated_at = $2 \
                 WHERE id = $1"))
            .bind(id.as_str().to_owned())
            .bind(now.as_millis())
            .bind(to_json(&reason)?)
            .bind(passed_on(attempts::parse(&log)?)?)
            .execute(&mut *tx)
            .await?;
            self.enqueue(&mut tx, &[id]).await?;
            let bundles = self.bundles_among(&mut tx, &BTreeSet::from([id.clone()])).await?;
            self.share_outcome(&mut tx, &bundles).await?;
            effects.due.extend(Channel::from_db(&channel));
            effects.moved.push(Moved { id: id.clone(), state: State::Scheduled, reason: Some(reason) });
        }
        let ids = array(overdue.iter().map(|(id, _)| id))?;
        sqlx::query(sql("DELETE FROM awaited_receipts WHERE id {in $1 text}")).bind(ids).execute(&mut *tx).await?;
        tx.commit().await?;
        self.wakes.announce(effects);
        Ok(())
    }
}
