//! What each address takes, shared by all workers: its row is locked while a claim is made.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, DeliveryId, Reason, Timestamp};

use super::rows::{at, json, to_json};
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::facts::{DAILY, HOURLY};
use crate::queue::{Job, Target};
use crate::throttle::{BURST, Candidate, Recipient, Verdict, throttle};

/// Deliveries that one message names at most.
const LARGEST_BUNDLE: i64 = 200;
/// Deliveries that one digest lists at most: all that came in its period, short of what no mail server would take.
const LARGEST_DIGEST: i64 = 5_000;

impl SqlStore {
    /// Splits claimed jobs into those that go now, singly or together, and those that are ready again later.
    pub(super) async fn throttle_jobs(
        &self,
        tx: &mut Tx,
        epoch: i64,
        channel: Channel,
        jobs: Vec<Job>,
        recipients: BTreeMap<String, Recipient>,
    ) -> Result<Vec<Job>, StoreError> {
        let verdicts = self.verdicts(tx, channel, &jobs, recipients, true).await?;
        let mut go = Vec::new();
        let mut later = Vec::new();
        let mut together: BTreeMap<(Option<i64>, Option<i64>, String), Vec<Job>> = BTreeMap::new();
        for (job, verdict) in jobs.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Go => go.push(job),
                Verdict::Later { ready_at, collect } => later.push((job.id, ready_at, collect)),
                Verdict::Together => {
                    let group = job.collect.clone().unwrap_or_else(|| BURST.to_owned());
                    let (contact, device) = job.target.ids();
                    together.entry((contact, device, group)).or_default().push(job);
                }
            }
        }
        self.put_off(tx, epoch, &later).await?;
        for ((contact, device, group), jobs) in together {
            go.push(self.bundle(tx, epoch, channel, (contact, device), &group, jobs).await?);
        }
        Ok(go)
    }

    /// What the jobs' recipients say to each, in the order given; what goes now is taken from their rows, which are locked where
    /// there is a limit. `gathers`: whether bundles can be made.
    pub(super) async fn verdicts(
        &self,
        tx: &mut Tx,
        channel: Channel,
        jobs: &[Job],
        mut recipients: BTreeMap<String, Recipient>,
        gathers: bool,
    ) -> Result<Vec<Verdict>, StoreError> {
        let now = self.clock.now();
        self.drop_unqueued(tx, &mut recipients, jobs).await?;
        let keys: Vec<Option<String>> = jobs.iter().map(|job| recipient_key(channel, &job.target)).collect();
        let is_bound = self.limits.bind(channel);
        // One who has moved since the recipients were locked waits for the next claim, which is ready at once.
        let has_moved = |key: &Option<String>| is_bound && key.as_ref().is_some_and(|key| !recipients.contains_key(key));
        let moved: Vec<bool> = keys.iter().map(has_moved).collect();
        let candidates = jobs.iter().zip(&keys).zip(&moved).filter(|(_, moved)| !**moved).map(|((job, key), _)| Candidate {
            id: &job.id,
            recipient: key.as_deref(),
            purpose: job.purpose,
            rank: job.rank,
            is_retry: job.attempts > 0,
            collect: job.collect.as_deref(),
        });
        let candidates: Vec<Candidate<'_>> = candidates.collect();
        let mut verdicts = throttle(&candidates, &mut recipients, channel, &self.limits, now, gathers).into_iter();
        if is_bound && !recipients.is_empty() {
            self.write_recipients(tx, &recipients, now).await?;
        }
        let of_moved = |job: &Job| Verdict::Later { ready_at: now, collect: job.collect.clone() };
        let all = jobs.iter().zip(moved).filter_map(|(job, moved)| if moved { Some(of_moved(job)) } else { verdicts.next() });
        Ok(all.collect())
    }

    /// The recipients of deliveries that are about to be leased, locked before these where there is a limit.
    pub(super) async fn recipients_of(
        &self,
        tx: &mut Tx,
        channel: Channel,
        deliveries: &[(String, i64)],
    ) -> Result<BTreeMap<String, Recipient>, StoreError> {
        let addresses: Vec<(Option<String>, Option<String>)> =
            sqlx::query_as(sql("SELECT c.target, v.token FROM deliveries d LEFT JOIN contacts c ON c.id = d.contact_id \
             LEFT JOIN devices v ON v.id = d.device_id WHERE d.id {in $1 text}"))
            .bind(array(deliveries.iter().map(|(id, _)| id))?)
            .fetch_all(&mut **tx)
            .await?;
        let keys = addresses.into_iter().filter_map(|(target, token)| Some(address_key(channel, target.or(token)?.as_str())));
        self.recipients(tx, channel, &keys.collect()).await
    }

    /// What recipients take: locked where there is a limit, else only those who are to be left alone.
    pub(super) async fn recipients(
        &self,
        tx: &mut Tx,
        channel: Channel,
        keys: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Recipient>, StoreError> {
        let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        if keys.is_empty() {
            Ok(BTreeMap::new())
        } else if self.limits.bind(channel) {
            self.lock_recipients(tx, &keys).await
        } else {
            self.paused_recipients(tx, &keys).await
        }
    }

    /// Forgets who does not wait any more for a slot of their own: what was cancelled, moved or collected meanwhile does not count.
    async fn drop_unqueued(&self, tx: &mut Tx, recipients: &mut BTreeMap<String, Recipient>, jobs: &[Job]) -> Result<(), StoreError> {
        let queued: BTreeSet<DeliveryId> =
            recipients.values().flat_map(|recipient| &recipient.queued).map(|queued| queued.id.clone()).collect();
        if queued.is_empty() {
            return Ok(());
        }
        let waiting: Vec<String> =
            sqlx::query_scalar(sql("SELECT id FROM deliveries WHERE id {in $1 text} AND state = 'scheduled' AND collect IS NULL"))
                .bind(array(&queued)?)
                .fetch_all(&mut **tx)
                .await?;
        let waiting: BTreeSet<&str> = waiting.iter().map(String::as_str).chain(jobs.iter().map(|job| job.id.as_str())).collect();
        for recipient in recipients.values_mut() {
            recipient.queued.retain(|queued| waiting.contains(queued.id.as_str()));
        }
        Ok(())
    }

    /// Where recipients take whatever comes, their rows say only which of them a provider asked to leave alone.
    async fn paused_recipients(&self, tx: &mut Tx, keys: &BTreeSet<&str>) -> Result<BTreeMap<String, Recipient>, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as(sql("SELECT id, busy_until FROM recipients WHERE id {in $1 text} AND busy_until > $2"))
                .bind(array(keys)?)
                .bind(self.clock.now().as_millis())
                .fetch_all(&mut **tx)
                .await?;
        Ok(rows.into_iter().map(|(id, busy_until)| (id, Recipient { busy_until: at(busy_until), ..Recipient::default() })).collect())
    }

    /// The recipients' rows, made if absent, locked in one order.
    pub(super) async fn lock_recipients(&self, tx: &mut Tx, keys: &BTreeSet<&str>) -> Result<BTreeMap<String, Recipient>, StoreError> {
        row! {
            struct Row<'a> {
                id: &'a str,
            }
        }
        let rows: Vec<Row<'_>> = keys.iter().map(|id| Row { id }).collect();
        // One statement, in which PostgreSQL has no choice of how to find them: this table is nearly empty at times, and a plan made
        // then would read all of it.
        let rows: Vec<(String, i64, String, String)> = sqlx::query_as(sql(
            "INSERT INTO recipients (id, busy_until, sent, quiet_at) SELECT id, 0, '[]', 0 FROM {rows $1: id text} WHERE true ORDER BY id \
             ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING id, busy_until, sent, queued",
        ))
        .bind_all(columns(&rows)?)
        .fetch_all(&mut **tx)
        .await?;
        let recipient = |(id, busy_until, sent, queued): (String, i64, String, String)| {
            Ok((id, Recipient { busy_until: at(busy_until), sent: json(&sent)?, queued: json(&queued)? }))
        };
        rows.into_iter().map(recipient).collect()
    }

    pub(super) async fn write_recipients(
        &self,
        tx: &mut Tx,
        recipients: &BTreeMap<String, Recipient>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        row! {
            struct Row<'a> {
                id: &'a str,
                busy_until: Timestamp,
                sent: String,
                queued: String,
                quiet_at: Timestamp,
            }
        }
        let window_s = i64::from(self.limits.bundling.window_s);
        let rows = recipients
            .iter()
            .map(|(id, recipient)| {
                Ok(Row {
                    id,
                    busy_until: recipient.busy_until,
                    sent: to_json(&recipient.sent)?,
                    queued: to_json(&recipient.queued)?,
                    quiet_at: recipient.busy_until.max(now.plus_s(window_s)),
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        sqlx::query(sql("INSERT INTO recipients (id, busy_until, sent, queued, quiet_at) SELECT id, busy_until, sent, queued, quiet_at \
             FROM {rows $1: id text, busy_until bigint, sent text, queued text, quiet_at bigint} WHERE true ON CONFLICT (id) DO UPDATE SET \
             busy_until = excluded.busy_until, sent = excluded.sent, queued = excluded.queued, quiet_at = excluded.quiet_at"))
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    async fn put_off(&self, tx: &mut Tx, epoch: i64, later: &[(DeliveryId, Timestamp, Option<String>)]) -> Result<(), StoreError> {
        row! {
            struct Row<'a> {
                id: &'a DeliveryId,
                ready_at: Timestamp,
                collect: Option<&'a str>,
            }
        }
        if later.is_empty() {
            return Ok(());
        }
        let rows: Vec<Row<'_>> =
            later.iter().map(|(id, ready_at, collect)| Row { id, ready_at: *ready_at, collect: collect.as_deref() }).collect();
        sqlx::query(sql("UPDATE deliveries SET lease = NULL, ready_at = r.ready_at, collect = r.collect \
             FROM {rows $2: id text, ready_at bigint, collect text} WHERE deliveries.id = r.id AND {if lease = $1}"))
        .bind(epoch)
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        self.requeue(tx, &later.iter().map(|(id, ..)| id).collect::<Vec<_>>()).await
    }

    /// Makes one delivery of all that wait for the same at one address; of a single one, itself, unless it waits for a digest.
    async fn bundle(
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
             WHERE deliveries.bundle_id = b.bundle AND deliveries.state IN ('bundled', 'sent', 'undelivered') \
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

/// Of a target, as [`address_key`].
pub(super) fn recipient_key(channel: Channel, target: &Target) -> Option<String> {
    match target {
        Target::Contact { target, .. } => Some(address_key(channel, target.expose())),
        Target::Device(device) => Some(address_key(channel, &device.token)),
        Target::Gone | Target::User => None,
    }
}

/// One address by one channel; the address itself stays with the contact.
pub(super) fn address_key(channel: Channel, address: &str) -> String {
    watchbell_core::ids::digest(&[channel.as_str(), address])
}
