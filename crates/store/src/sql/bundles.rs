//! Bundles and digests: one delivery that tells several, which share its outcome.

use std::collections::BTreeSet;

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, DeliveryId, Reason};

use super::rows::to_json;
use super::{SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::facts::{DAILY, HOURLY};
use crate::queue::Job;

/// Deliveries that one message names at most.
const LARGEST_BUNDLE: i64 = 200;
/// Deliveries that one digest lists at most: all that came in its period, short of what no mail server would take.
const LARGEST_DIGEST: i64 = 5_000;

impl SqlStore {
    /// Makes one delivery of all that wait for the same at one address; of a single one, itself, unless it waits for a digest.
    pub(super) async fn bundle(
        &self,
        tx: &mut Tx,
        epoch: i64,
        channel: Channel,
        (contact, device): (Option<i64>, Option<i64>),
        group: &str,
        mut jobs: Vec<Job>,
    ) -> Result<Job, StoreError> {
        let is_digest = matches!(group, HOURLY | DAILY);
        let first = jobs.swap_remove(0);
        let mut members: BTreeSet<String> = jobs.into_iter().map(|job| job.id.0).collect();
        members.insert(first.id.0.clone());
        let more: Vec<String> = sqlx::query_scalar(sql(
            "SELECT d.id FROM ready_queue w JOIN deliveries d ON d.id = w.id WHERE w.user_id = $3 AND w.channel = $1 AND w.collect = $2 \
             AND d.state = 'scheduled' AND d.lease IS NULL AND d.channel = w.channel AND d.collect = w.collect \
             AND COALESCE(d.contact_id, 0) = $4 AND COALESCE(d.device_id, 0) = $5 AND (d.collect = 'burst' OR d.ready_at <= $6) \
             ORDER BY d.ready_at, d.id LIMIT $7 {skip d}",
        ))
        .bind(channel.as_str())
        .bind(group.to_owned())
        .bind(first.user_id.0)
        .bind(contact.unwrap_or_default())
        .bind(device.unwrap_or_default())
        .bind(self.clock.now().as_millis())
        .bind(if is_digest { LARGEST_DIGEST } else { LARGEST_BUNDLE })
        .fetch_all(&mut **tx)
        .await?;
        members.extend(more);
        if members.len() == 1 && !is_digest {
            return Ok(first);
        }
        let now = self.clock.now();
        let id = DeliveryId::derive(now, &["bundle", first.id.as_str()]);
        let purpose = if is_digest { Purpose::Digest } else { Purpose::Bundle };
        let member_ids: Vec<String> = members.into_iter().collect();
        let members = array(&member_ids)?;
        sqlx::query(sql(
            "INSERT INTO deliveries (id, scope, subject, event_id, user_id, purpose, cause, channel, contact_id, device_id, address, rules, critical, \
             rank, due_at, ready_at, expires_at, state, lease, attempts, created_at, updated_at) \
             SELECT $2, $3, f.subject, f.event_id, f.user_id, $4, f.cause, f.channel, f.contact_id, f.device_id, f.address, '[]', f.critical, \
             (SELECT min(m.rank) FROM deliveries m WHERE m.id {in $5 text}), (SELECT min(m.due_at) FROM deliveries m WHERE m.id {in $5 text}), \
             $6, (SELECT CASE WHEN count(*) = count(m.expires_at) THEN max(m.expires_at) END FROM deliveries m WHERE m.id {in $5 text}), \
             'scheduled', $7, 0, $6, $6 FROM deliveries f WHERE f.id = $1",
        ))
        .bind(first.id.0.clone())
        .bind(id.0.clone())
        .bind(format!("event:{id}"))
        .bind(purpose.as_str())
        .bind(&members)
        .bind(now.as_millis())
        .bind(epoch)
        .execute(&mut **tx)
        .await?;
        sqlx::query(sql(
            "UPDATE deliveries SET state = 'bundled', bundle_id = $1, lease = NULL, reason = $2, updated_at = $3 WHERE id {in $4 text}",
        ))
        .bind(id.0.clone())
        .bind(to_json(&Reason::Bundled { by: id.clone() })?)
        .bind(now.as_millis())
        .bind(&members)
        .execute(&mut **tx)
        .await?;
        self.dequeue(tx, &member_ids).await?;
        self.enqueue(tx, &[&id]).await?;
        self.write_leases(tx, Epoch(epoch), &[&id]).await?;
        let (mut jobs, _) = self.read_jobs(tx, std::slice::from_ref(&id.0)).await?;
        jobs.pop().ok_or_else(|| StoreError::Corrupt("a bundle without an event".to_owned()))
    }

    /// Fixes who is in the bundles that begin now; answers those in which nobody is left: they are cancelled.
    pub(super) async fn fix_members(&self, tx: &mut Tx, bundles: &[String]) -> Result<BTreeSet<String>, StoreError> {
        if bundles.is_empty() {
            return Ok(BTreeSet::new());
        }
        let now = self.clock.now().as_millis();
        let list = array(bundles)?;
        let full: Vec<String> = sqlx::query_scalar(sql(
            "UPDATE deliveries SET begun_at = $2 WHERE bundle_id {in $1 text} AND state = 'bundled' RETURNING bundle_id",
        ))
        .bind(&list)
        .bind(now)
        .fetch_all(&mut **tx)
        .await?;
        let full: BTreeSet<String> = full.into_iter().collect();
        let empty: BTreeSet<String> = bundles.iter().filter(|bundle| !full.contains(*bundle)).cloned().collect();
        if !empty.is_empty() {
            sqlx::query(sql("UPDATE deliveries SET state = 'cancelled', reason = $3, lease = NULL, begun_at = NULL, \
                 attempts = attempts - 1, updated_at = $2 WHERE id {in $1 text}"))
            .bind(array(&empty)?)
            .bind(now)
            .bind(to_json(&Reason::BundleEmpty)?)
            .execute(&mut **tx)
            .await?;
        }
        Ok(empty)
    }

    /// Members share their bundle's outcome.
    pub(super) async fn share_outcome(&self, tx: &mut Tx, bundles: &[String]) -> Result<(), StoreError> {
        if bundles.is_empty() {
            return Ok(());
        }
        let told: Vec<(String, String)> = sqlx::query_as(sql("UPDATE deliveries SET begun_at = NULL, updated_at = $2, \
             reason = CASE WHEN stop IS NOT NULL AND b.state = 'scheduled' THEN stop ELSE deliveries.reason END, \
             state = CASE WHEN b.state = 'scheduled' THEN CASE WHEN stop IS NOT NULL THEN 'cancelled' ELSE 'bundled' END ELSE b.state END, \
             provider = b.provider, sent_at = b.sent_at \
             FROM (SELECT id AS bundle, state, provider, sent_at FROM deliveries WHERE id {in $1 text}) AS b \
             WHERE deliveries.bundle_id = b.bundle AND deliveries.state {states following} \
             RETURNING deliveries.id, deliveries.state"))
        .bind(array(bundles)?)
        .bind(self.clock.now().as_millis())
        .fetch_all(&mut **tx)
        .await?;
        let failed: Vec<DeliveryId> = told.into_iter().filter(|(_, state)| state == "failed").map(|(id, _)| DeliveryId(id)).collect();
        self.note_failures(tx, &failed.iter().collect::<Vec<_>>()).await
    }

    /// What a bundle tells, in the order in which it was due.
    pub(super) async fn bundle_members(&self, bundle: &DeliveryId) -> Result<Vec<Job>, StoreError> {
        let ids: Vec<String> =
            sqlx::query_scalar(sql("SELECT id FROM deliveries WHERE bundle_id = $1 AND state = $2 AND begun_at IS NOT NULL"))
                .bind(bundle.as_str().to_owned())
                .bind(State::Bundled.as_str())
                .fetch_all(&self.write)
                .await?;
        let mut tx = self.begin_tx().await?;
        let (mut jobs, unreadable) = self.read_jobs(&mut tx, &ids).await?;
        let effects = self.set_aside(&mut tx, &unreadable).await?;
        tx.commit().await?;
        self.wakes.announce(effects);
        jobs.sort_by_key(|job| (job.rank, job.due_at));
        Ok(jobs)
    }
}
