//! Ending what nobody ends, and deleting what has been kept long enough, in batches that hold no lock for long.

use async_trait::async_trait;
use watchbell_core::Timestamp;
use watchbell_core::ids::id_floor;

use super::plan::Writes;
use super::rows::{AlertRow, all};
use super::{SqlStore, array, sql};
use crate::StoreError;
use crate::facts::{Alert, Scope};
use crate::housekeeping::{Cutoffs, Retention};

/// Milliseconds after which the event that carried a verification code is deleted; the code itself is worthless after 15 minutes.
const CODE_KEPT_MS: i64 = 60 * 60 * 1000;

/// What a text meant is kept as long as a message can be answered, and providers repeat themselves: three days.
const TEXT_KEPT_MS: i64 = 3 * 24 * 60 * 60 * 1000;

#[async_trait]
impl Retention for SqlStore {
    async fn close_unresolved(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin_tx().await?;
        let rows: Vec<AlertRow> = sqlx::query_as(sql(
            "SELECT id, state, priority, summary, url, category, round, since_round, event_id, content, history FROM alerts \
             WHERE updated_at < $1 AND state = 'open' AND NOT EXISTS (SELECT 1 FROM deliveries \
             WHERE subject = 'alert:' || alerts.id AND state {states to_send}) ORDER BY updated_at LIMIT $2 {skip}",
        ))
        .bind(before.as_millis())
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
        let alerts: Vec<Alert> = all(rows)?;
        if alerts.is_empty() {
            return Ok(false);
        }
        let named = alerts.iter().flat_map(|alert| &alert.history).flat_map(|happened| &happened.named).map(|named| named.user_id);
        // For their locks: no change of theirs is planned meanwhile.
        self.policies(&mut tx, &named.collect()).await?;
        self.lock_subjects(&mut tx, &alerts.iter().map(|alert| Scope::subject_of_alert(&alert.id)).collect::<Vec<_>>()).await?;
        let mut writes = Writes::default();
        for alert in &alerts {
            writes.gather(self.planner.close(alert, self.clock.now()), &alert.event_id, true);
        }
        let (effects, _) = self.write(&mut tx, &writes).await?;
        tx.commit().await?;
        self.wakes.announce(effects);
        Ok(i64::try_from(alerts.len()) == Ok(most))
    }

    async fn tidy(&self, before: &Cutoffs, most: i64) -> Result<bool, StoreError> {
        let (deliveries_before, events_before) = (before.deliveries, before.events);
        let now = self.clock.now();
        let mut tx = self.begin_tx().await?;
        let deliveries: Vec<String> =
            sqlx::query_scalar(sql("DELETE FROM deliveries WHERE id {anyof} SELECT id FROM deliveries WHERE id < $1 \
             AND state NOT {states open} ORDER BY id LIMIT $2 {skip} {end} RETURNING id"))
            .bind(id_floor(deliveries_before))
            .bind(most)
            .fetch_all(&mut *tx)
            .await?;
        if !deliveries.is_empty() {
            sqlx::query(sql("DELETE FROM failures WHERE id {in $1 text}")).bind(array(&deliveries)?).execute(&mut *tx).await?;
            sqlx::query(sql("DELETE FROM awaited_receipts WHERE id {in $1 text}")).bind(array(&deliveries)?).execute(&mut *tx).await?;
        }
        // Their ids are their deliveries', and so in order of time.
        let notifications = sqlx::query(sql(
            "DELETE FROM notifications WHERE id {anyof} SELECT id FROM notifications WHERE id < $1 ORDER BY id LIMIT $2 {end}",
        ))
        .bind(id_floor(deliveries_before))
        .bind(most)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        // What open alerts and coming shifts are rendered from stays.
        let events = sqlx::query(sql("DELETE FROM events WHERE id {anyof} SELECT id FROM events e WHERE id < $1 \
             AND NOT EXISTS (SELECT 1 FROM duties d WHERE d.event_id = e.id AND d.ends_at >= $3 {each}) \
             AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.id = substr(e.subject, 7) AND a.event_id = e.id AND a.state = 'open' {each}) \
             AND NOT EXISTS (SELECT 1 FROM fanouts f WHERE f.event_id = e.id {each}) ORDER BY id LIMIT $2 {end}"))
        .bind(id_floor(events_before))
        .bind(most)
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?
        .rows_affected();
        sqlx::query(sql("DELETE FROM events WHERE kind = 'verification' AND id < $1"))
            .bind(id_floor(now.plus_ms(-CODE_KEPT_MS)))
            .execute(&mut *tx)
            .await?;
        self.tidy_budgets(&mut tx, now).await?;
        self.tidy_provider_use(&mut tx, now).await?;
        let alerts =
            sqlx::query(sql("DELETE FROM alerts WHERE id {anyof} SELECT id FROM alerts WHERE state <> 'open' AND updated_at < $1 \
             ORDER BY updated_at LIMIT $2 {end}"))
            .bind(events_before.as_millis())
            .bind(most)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        let duties = sqlx::query(sql(
            "DELETE FROM duties WHERE id {anyof} SELECT id FROM duties WHERE ends_at < $1 ORDER BY ends_at LIMIT $2 {end}",
        ))
        .bind(events_before.as_millis())
        .bind(most)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        // Each may hold a payload of a megabyte.
        let most_letters = (most / 10).max(1);
        let letters = sqlx::query(sql("DELETE FROM dead_letters WHERE id {anyof} SELECT id FROM dead_letters WHERE created_at < $1 \
             ORDER BY created_at LIMIT $2 {end}"))
        .bind(before.dead_letters.as_millis())
        .bind(most_letters)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        let audit = sqlx::query(sql("DELETE FROM audit WHERE id {anyof} SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2 {end}"))
            .bind(before.audit.as_millis())
            .bind(most)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        sqlx::query(sql("DELETE FROM answers WHERE event_id < $1")).bind(id_floor(events_before)).execute(&mut *tx).await?;
        let edits_before = now.plus_ms(-super::edits::EDITED_MS).as_millis();
        sqlx::query(sql("DELETE FROM edits WHERE at < $1")).bind(edits_before).execute(&mut *tx).await?;
        sqlx::query(sql("DELETE FROM texts WHERE at < $1")).bind(now.plus_ms(-TEXT_KEPT_MS).as_millis()).execute(&mut *tx).await?;
        sqlx::query(sql("DELETE FROM unreachable WHERE at < $1")).bind(deliveries_before.as_millis()).execute(&mut *tx).await?;
        sqlx::query(sql("DELETE FROM recipients WHERE quiet_at < $1")).bind(now.as_millis()).execute(&mut *tx).await?;
        sqlx::query(sql("DELETE FROM browser_sessions WHERE expires_at < $1")).bind(now.as_millis()).execute(&mut *tx).await?;
        sqlx::query(sql("DELETE FROM telegram_links WHERE expires_at < $1")).bind(now.as_millis()).execute(&mut *tx).await?;
        // What nobody has read for so long is not configured any more.
        sqlx::query(sql("DELETE FROM calendars WHERE due_at < $1")).bind(events_before.as_millis()).execute(&mut *tx).await?;
        // Whoever plans a shift has the row locked.
        sqlx::query(sql("DELETE FROM schedules WHERE name {anyof} SELECT name FROM schedules s \
             WHERE NOT EXISTS (SELECT 1 FROM duties d WHERE d.schedule = s.name {each}) \
             AND NOT EXISTS (SELECT 1 FROM calendars c WHERE c.schedule = s.name {each}) {skip} {end}"))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let (most, most_letters) = (most.unsigned_abs(), most_letters.unsigned_abs());
        let is_full = [deliveries.len() as u64, notifications, events, alerts, duties, audit].into_iter().any(|deleted| deleted >= most);
        Ok(is_full || letters >= most_letters)
    }
}
