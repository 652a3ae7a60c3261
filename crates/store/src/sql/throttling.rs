//! What each address takes decides what becomes of deliveries that are ready: they go singly, later, or together.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::recipients::recipient_key;
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::queue::Job;
use crate::throttle::{BURST, Candidate, Recipient, Verdict, throttle};

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
}
