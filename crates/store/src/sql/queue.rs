//! Claim, begin, finish: a lease is the epoch in a delivery's `lease`, and every condition stands in the statement itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::locks::by_id;
use super::ready_queue::{Order, count};
use super::rows::at;
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::columns::row;
use crate::queue::{Call, Finished, Job, Queue, Ranks, Target};
use crate::{StoreError, rank};

/// One claim in so many slots is kept for others than HIGH alerts, so that a storm of those does not starve the rest.
const LOW_SHARE: i64 = 10;

/// One claim in so many is for what became ready last.
const NEWEST_SHARE: i64 = 5;

/// One in `parts` of `slots`; what does not divide is given in turn.
fn share(slots: i64, parts: i64, turn: u64) -> i64 {
    let turn = i64::try_from(turn % u64::try_from(parts).unwrap_or(1)).unwrap_or(0);
    slots / parts + i64::from(turn >= parts - slots % parts)
}

#[async_trait]
impl Queue for SqlStore {
    async fn claim(&self, epoch: Epoch, channel: Channel, ranks: Ranks, most: i64) -> Result<Vec<Job>, StoreError> {
        let mut tx = self.begin_tx().await?;
        let mut ready = self.ready_ranks(&mut tx, epoch, channel).await?.ok_or(StoreError::Lapsed)?;
        if ranks == Ranks::High {
            ready.retain(|rank| *rank == rank::HIGH);
        }
        if ready.contains(&rank::HELD) {
            // By itself: a transaction locks deliveries only once.
            self.release_held(&mut tx, channel).await?;
            tx.commit().await?;
            tx = self.begin_tx().await?;
            ready = self.ready_ranks(&mut tx, epoch, channel).await?.ok_or(StoreError::Lapsed)?;
            ready.remove(&rank::HELD);
        }
        let taken = self.take_ready(&mut tx, channel, &ready, most).await?;
        if taken.is_empty() {
            tx.commit().await?;
            return Ok(Vec::new());
        }
        let recipients = self.recipients_of(&mut tx, channel, &taken).await?;
        let claimed = self.lease(&mut tx, epoch, channel, taken).await?;
        if !claimed.is_empty() {
            self.write_leases(&mut tx, epoch, &claimed).await?;
        }
        let (jobs, unreadable) = self.read_jobs(&mut tx, &claimed).await?;
        let effects = self.set_aside(&mut tx, &unreadable).await?;
        let jobs = self.throttle_jobs(&mut tx, epoch.0, channel, jobs, recipients).await?;
        tx.commit().await?;
        self.wakes.announce(effects);
        Ok(jobs)
    }

    async fn release(&self, epoch: Epoch, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<(), StoreError> {
        row! {
            struct Row {
                id: DeliveryId,
                ready_at: i64,
            }
        }
        let rows = deliveries.iter().map(|(id, ready_at)| Row { id: id.clone(), ready_at: ready_at.as_millis() }).collect();
        let rows: Vec<Row> = by_id(rows, |row| row.id.as_str());
        let mut tx = self.begin_tx().await?;
        let released: Vec<String> = sqlx::query_scalar(sql(
            "UPDATE deliveries SET lease = NULL, ready_at = CASE WHEN deliveries.ready_at > r.ready_at THEN deliveries.ready_at \
             ELSE r.ready_at END FROM {rows $2: id text, ready_at bigint} \
             WHERE deliveries.id = r.id AND {if deliveries.lease = $1 AND deliveries.state = 'scheduled'} RETURNING deliveries.id",
        ))
        .bind(epoch.0)
        .bind_all(columns(&rows)?)
        .fetch_all(&mut *tx)
        .await?;
        self.requeue(&mut tx, &released).await?;
        // Also of those that were cancelled meanwhile: the claim took them, and no call is made.
        let claimed: Vec<&DeliveryId> = deliveries.iter().map(|(id, _)| id).collect();
        self.give_back_slots(&mut tx, &claimed, &BTreeMap::new()).await?;
        Ok(tx.commit().await?)
    }

    async fn begin(&self, epoch: Epoch, calls: &[Call]) -> Result<Vec<DeliveryId>, StoreError> {
        row! {
            struct Row<'a> {
                id: &'a DeliveryId,
                provider: &'a str,
            }
        }
        let rows = calls.iter().map(|call| Row { id: &call.id, provider: &call.provider }).collect();
        let rows: Vec<Row<'_>> = by_id(rows, |row| row.id.as_str());
        let mut tx = self.begin_tx().await?;
        if calls.iter().any(|call| call.is_bundle) {
            self.lock_ends(&mut tx, &calls.iter().map(|call| &call.id).collect::<Vec<_>>(), &[]).await?;
        }
        let begun: Vec<String> = sqlx::query_scalar(sql(
            "UPDATE deliveries SET attempts = attempts + CASE WHEN state = 'sending' THEN 0 ELSE 1 END, state = 'sending', begun_at = $2, \
             reason = NULL, provider = r.provider, updated_at = $2 FROM {rows $3: id text, provider text} \
             WHERE deliveries.id = r.id AND {if lease = $1 AND (state = 'scheduled' OR state = 'sending' AND stop IS NULL \
             AND NOT EXISTS (SELECT 1 FROM deliveries m WHERE m.bundle_id = deliveries.id AND m.state = 'bundled' AND m.stop IS NOT NULL))} \
             AND EXISTS (SELECT 1 FROM worker_sessions WHERE epoch = $1 AND alive_until >= $2) RETURNING deliveries.id",
        ))
        .bind(epoch.0)
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .fetch_all(&mut *tx)
        .await?;
        let bundles: Vec<String> =
            calls.iter().filter(|call| call.is_bundle && begun.contains(&call.id.0)).map(|call| call.id.0.clone()).collect();
        let empty = self.fix_members(&mut tx, &bundles).await?;
        self.dequeue(&mut tx, &begun).await?;
        tx.commit().await?;
        Ok(begun.into_iter().filter(|id| !empty.contains(id)).map(DeliveryId).collect())
    }

    async fn bundled(&self, bundle: &DeliveryId) -> Result<Vec<Job>, StoreError> {
        self.bundle_members(bundle).await
    }

    async fn ids_of_others(&self, job: &Job, message_ids: &[String]) -> Result<Vec<String>, StoreError> {
        let contact = if let Target::Contact { id, .. } = &job.target { id.0 } else { 0 };
        // Several users may have one phone.
        let known = sqlx::query_scalar(sql("SELECT message_id FROM deliveries WHERE id <> $2 AND message_id {in $3 text} \
             AND user_id IN (SELECT o.user_id FROM contacts c JOIN contacts o ON o.kind = c.kind AND o.target = c.target WHERE c.id = $4 \
             UNION ALL SELECT $1)"))
        .bind(job.user_id.0)
        .bind(job.id.as_str().to_owned())
        .bind(array(message_ids)?)
        .bind(contact);
        Ok(known.fetch_all(&self.write).await?)
    }

    async fn finish(&self, epoch: Epoch, finished: &[Finished]) -> Result<Vec<DeliveryId>, StoreError> {
        super::retrying(|| self.finish_all(epoch, finished)).await
    }

    async fn next_ready(&self, channel: Channel, ranks: Ranks) -> Result<Option<Timestamp>, StoreError> {
        if ranks == Ranks::High {
            let next = sqlx::query_scalar(sql(
                "SELECT ready_at FROM ready_queue WHERE channel = $1 AND rank = {rank high} ORDER BY ready_at LIMIT 1",
            ));
            let next: Option<i64> = next.bind(channel.as_str()).fetch_optional(&self.write).await?;
            return Ok(next.map(at));
        }
        let next: Option<i64> = sqlx::query_scalar(sql("SELECT min(ready_at) FROM (\
             SELECT (SELECT ready_at FROM ready_queue WHERE channel = $1 AND rank = {rank high} ORDER BY ready_at LIMIT 1) AS ready_at \
             UNION ALL SELECT (SELECT ready_at FROM ready_queue WHERE channel = $1 AND rank = {rank normal} ORDER BY ready_at LIMIT 1) \
             UNION ALL SELECT (SELECT ready_at FROM ready_queue WHERE channel = $1 AND rank = {rank held} ORDER BY ready_at LIMIT 1)) AS firsts"))
        .bind(channel.as_str())
        .fetch_one(&self.write)
        .await?;
        Ok(next.map(at))
    }
}

impl SqlStore {
    /// Takes the entries of what is ready: HIGH before others, older before newer; but a part of every claim is kept for others than
    /// HIGH alerts, and a part for what came last, so that neither a storm nor one event for very many starves the rest. Answers
    /// the deliveries, with the rank that each is said to have.
    async fn take_ready(&self, tx: &mut Tx, channel: Channel, ranks: &BTreeSet<i64>, most: i64) -> Result<Vec<(String, i64)>, StoreError> {
        let turn = self.turns[channel as usize].fetch_add(1, Ordering::Relaxed);
        let mut taken = Vec::new();
        for rank in ranks.iter().copied() {
            let left = most - count(&taken);
            let room = if rank == rank::HIGH && ranks.contains(&rank::NORMAL) { left - share(left, LOW_SHARE, turn) } else { left };
            let newest = share(room, NEWEST_SHARE, turn);
            let oldest = self.take_entries(tx, channel, rank, room - newest, Order::Oldest).await?;
            let all_taken = count(&oldest) < room - newest;
            taken.extend(oldest.into_iter().map(|id| (id, rank)));
            if !all_taken && newest > 0 {
                taken.extend(self.take_entries(tx, channel, rank, newest, Order::Newest).await?.into_iter().map(|id| (id, rank)));
            }
        }
        Ok(taken)
    }
}
