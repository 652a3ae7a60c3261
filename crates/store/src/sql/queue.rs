//! Claim, begin, finish: a lease is the epoch in a delivery's `lease`, and every condition stands in the statement itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, ContactId, DeliveryId, Timestamp};

use super::locks::by_id;
use super::rows::{at, to_json};
use super::waiting::{HELD, Order, count};
use super::{BindAll, DIALECT, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::columns::row;
use crate::dialect::Dialect;
use crate::queue::{Call, Cutoffs, Finished, Heartbeat, HeldLeases, Job, Outage, Queue, Ranks, Ready, Receipt, Target, WorkerSession};
use crate::wake::Effects;

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
    async fn open_session(&self, name: &str, roles: &str, channels: &[Channel], lease: Duration) -> Result<Epoch, StoreError> {
        let mut tx = self.begin_tx().await?;
        let now = self.clock.now();
        let mut due = BTreeSet::new();
        if DIALECT == Dialect::Sqlite {
            // The lock file says that nobody else is there: whoever was has died.
            let dead = self.dead_sessions(&mut tx, Timestamp::MAX).await?;
            due = self.reap_sessions(&mut tx, &dead).await?;
        }
        let epoch: i64 = sqlx::query_scalar(sql(
            "INSERT INTO worker_sessions (name, roles, channels, started_at, alive_until) VALUES ($1, $2, $3, $4, $5) RETURNING epoch",
        ))
        .bind(name.to_owned())
        .bind(roles.to_owned())
        .bind(to_json(channels)?)
        .bind(now.as_millis())
        .bind((now + lease).as_millis())
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        self.wakes.announce(Effects::due(due));
        Ok(Epoch(epoch))
    }

    async fn heartbeat(&self, epoch: Epoch, lease: Duration) -> Result<Heartbeat, StoreError> {
        self.write_heartbeat(epoch, lease).await
    }

    async fn reap(&self, epoch: Epoch, held: &HeldLeases, before: Timestamp) -> Result<(), StoreError> {
        self.reap_dead().await?;
        self.free_lost(epoch, held, before).await
    }

    async fn show_outages(&self, epoch: Epoch, outages: &[Outage]) -> Result<(), StoreError> {
        sqlx::query(sql("UPDATE worker_sessions SET outages = $2 WHERE epoch = $1"))
            .bind(epoch.0)
            .bind(to_json(outages)?)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    async fn close_session(&self, epoch: Epoch) -> Result<(), StoreError> {
        let mut tx = self.begin_tx().await?;
        let due = self.reap_sessions(&mut tx, &[epoch.0]).await?;
        tx.commit().await?;
        self.wakes.announce(Effects::due(due));
        Ok(())
    }

    async fn live_sessions(&self) -> Result<Vec<WorkerSession>, StoreError> {
        let now = self.clock.now();
        let mut processes = self.all_sessions(&mut self.read.acquire().await?).await?;
        processes.retain(|process| process.alive_until >= now);
        Ok(processes)
    }

    async fn tell_others(&self, channels: &BTreeSet<Channel>) -> Result<(), StoreError> {
        if DIALECT == Dialect::Postgres {
            let names: Vec<&str> = channels.iter().map(|channel| channel.as_str()).collect();
            sqlx::query("SELECT pg_notify('watchbell_wake', $1)").bind(names.join(",")).execute(&self.write).await?;
        }
        Ok(())
    }

    async fn claim(&self, epoch: Epoch, channel: Channel, ranks: Ranks, most: i64) -> Result<Vec<Job>, StoreError> {
        let mut tx = self.begin_tx().await?;
        let mut ready = self.ready_ranks(&mut tx, epoch, channel).await?.ok_or(StoreError::Lapsed)?;
        if ranks == Ranks::High {
            ready.retain(|rank| *rank == 0);
        }
        if ready.contains(&HELD) {
            // By itself: a transaction locks deliveries only once.
            self.release_held(&mut tx, channel).await?;
            tx.commit().await?;
            tx = self.begin_tx().await?;
            ready = self.ready_ranks(&mut tx, epoch, channel).await?.ok_or(StoreError::Lapsed)?;
            ready.remove(&HELD);
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
        Ok(known.fetch_all(&self.read).await?)
    }

    async fn last_served(&self, channel: Channel) -> Result<Option<Timestamp>, StoreError> {
        let until: Option<i64> = sqlx::query_scalar(sql("SELECT until FROM served WHERE channel = $1"))
            .bind(channel.as_str())
            .fetch_optional(&self.read)
            .await?;
        Ok(until.map(at))
    }

    async fn finish(&self, epoch: Epoch, finished: &[Finished]) -> Result<Vec<DeliveryId>, StoreError> {
        super::retrying(|| self.finish_all(epoch, finished)).await
    }

    async fn next_ready(&self, channel: Channel, ranks: Ranks) -> Result<Option<Timestamp>, StoreError> {
        if ranks == Ranks::High {
            let next =
                sqlx::query_scalar(sql("SELECT ready_at FROM ready_queue WHERE channel = $1 AND rank = 0 ORDER BY ready_at LIMIT 1"));
            let next: Option<i64> = next.bind(channel.as_str()).fetch_optional(&self.read).await?;
            return Ok(next.map(at));
        }
        let next: Option<i64> = sqlx::query_scalar(sql("SELECT min(ready_at) FROM (\
             SELECT (SELECT ready_at FROM ready_queue WHERE channel = $1 AND rank = 0 ORDER BY ready_at LIMIT 1) AS ready_at \
             UNION ALL SELECT (SELECT ready_at FROM ready_queue WHERE channel = $1 AND rank = 1 ORDER BY ready_at LIMIT 1) \
             UNION ALL SELECT (SELECT ready_at FROM ready_queue WHERE channel = $1 AND rank = 2 ORDER BY ready_at LIMIT 1)) AS firsts"))
        .bind(channel.as_str())
        .fetch_one(&self.write)
        .await?;
        Ok(next.map(at))
    }

    async fn ready(&self) -> Result<Ready, StoreError> {
        self.what_is_ready(&mut self.heartbeats.acquire().await?).await
    }

    async fn receipts(&self, receipts: Vec<Receipt>) -> Result<Vec<bool>, StoreError> {
        super::retrying(|| self.apply_receipts(&receipts)).await
    }

    async fn contact_moved(&self, contact: ContactId, target: &str) -> Result<(), StoreError> {
        let user: Option<i64> =
            sqlx::query_scalar(sql("SELECT user_id FROM contacts WHERE id = $1")).bind(contact.0).fetch_optional(&self.write).await?;
        let Some(user) = user else { return Ok(()) };
        let mut change = self.begin_own_change(watchbell_core::UserId(user)).await?;
        let moved = sqlx::query(sql("UPDATE contacts SET target = $2 WHERE id = $1")).bind(contact.0).bind(target.to_owned());
        match moved.execute(&mut *change.tx).await {
            Ok(_) => self.commit_change(change, Actor::System, "contact.moved", format!("contact {contact}")).await,
            // The user has the new address already, as another contact.
            Err(error) if error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn tidy(&self, before: &Cutoffs, most: i64) -> Result<bool, StoreError> {
        self.tidy_once(before, most).await
    }
}

impl SqlStore {
    /// Takes the entries of what is ready: HIGH before others, older before newer; but a part of every claim is kept for others than
    /// HIGH alerts, and a part for what came last, so that neither a storm nor one event for very many starves the rest. Answers
    /// the deliveries, with the rank that each is said to have.
    async fn take_ready(&self, tx: &mut Tx, channel: Channel, ranks: &BTreeSet<i64>, most: i64) -> Result<Vec<(String, i64)>, StoreError> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let mut taken = Vec::new();
        for rank in ranks.iter().copied() {
            let left = most - count(&taken);
            let room = if rank == 0 && ranks.contains(&1) { left - share(left, LOW_SHARE, turn) } else { left };
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
