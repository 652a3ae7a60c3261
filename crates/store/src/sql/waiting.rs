//! The table of what waits, and the log of what was leased: narrow, so that a delivery's own row stands in no index that its
//! changes would have to be written into.
//!
//! A delivery's row alone says what it is; every statement that changes it is conditional on it. An entry in `waiting` is a hint
//! that it may become ready at a time: whoever makes a delivery wait, or moves it, writes one. Who claims looks at the delivery
//! itself, and puts entries right that say something else. Nobody waits for an entry that another transaction has locked, as that
//! one puts it right: transitions wait for one another at deliveries, never at entries.

use std::collections::HashSet;

use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::rows::{json, to_json};
use super::{SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::columns::Field;

impl SqlStore {
    /// Writes entries for those of these deliveries that wait, or are claimed.
    pub(super) async fn enqueue<I: Field>(&self, tx: &mut Tx, ids: &[I]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("INSERT INTO waiting (id, user_id, channel, rank, ready_at, collect) SELECT id, user_id, channel, \
             CASE WHEN lease IS NOT NULL THEN 3 WHEN state = 'held' THEN 2 ELSE rank END, ready_at, collect FROM deliveries \
             WHERE id {in $1 text} AND state IN ('scheduled', 'held')"))
        .bind(array(ids)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Deletes the entries of deliveries.
    pub(super) async fn dequeue<I: Field>(&self, tx: &mut Tx, ids: &[I]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("DELETE FROM waiting WHERE {row} {anyof} {entries} WHERE d.id {in $1 text} {end}"))
            .bind(array(ids)?)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// Writes the entries of deliveries that have changed anew.
    pub(super) async fn requeue<I: Field>(&self, tx: &mut Tx, ids: &[I]) -> Result<(), StoreError> {
        self.dequeue(tx, ids).await?;
        self.enqueue(tx, ids).await
    }

    /// Notes that a process has leased deliveries: by this they are found when it has died.
    pub(super) async fn note_flight<I: serde::Serialize>(&self, tx: &mut Tx, epoch: Epoch, ids: &[I]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("INSERT INTO flights (epoch, at, deliveries) VALUES ($1, $2, $3)"))
            .bind(epoch.0)
            .bind(self.clock.now().as_millis())
            .bind(to_json(ids)?)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// What these processes have leased, and may hold still.
    pub(super) async fn flights_of(&self, tx: &mut Tx, epochs: &[i64]) -> Result<Vec<String>, StoreError> {
        let flights: Vec<String> = sqlx::query_scalar(sql("SELECT deliveries FROM flights WHERE epoch {in $1 bigint}"))
            .bind(array(epochs)?)
            .fetch_all(&mut **tx)
            .await?;
        let mut ids = Vec::new();
        for flight in flights {
            ids.extend(json::<Vec<String>>(&flight)?);
        }
        Ok(ids)
    }

    /// Forgets flights from before then of which nothing is held any more; answers what a process has leased and does not hold.
    pub(super) async fn landed(&self, epoch: Epoch, held: &HashSet<DeliveryId>, before: Timestamp) -> Result<Vec<String>, StoreError> {
        let flights: Vec<(i64, String)> = sqlx::query_as(sql("SELECT id, deliveries FROM flights WHERE epoch = $1 AND at < $2"))
            .bind(epoch.0)
            .bind(before.as_millis())
            .fetch_all(&self.read)
            .await?;
        let (mut over, mut gone) = (Vec::new(), Vec::new());
        for (flight, ids) in flights {
            let mut ids: Vec<String> = json(&ids)?;
            let all = ids.len();
            ids.retain(|id| !held.contains(id.as_str()));
            if ids.len() == all {
                over.push(flight);
            }
            gone.extend(ids);
        }
        if gone.is_empty() {
            return Ok(gone);
        }
        // Nearly always none: they have ended.
        let leased: Vec<String> = sqlx::query_scalar(sql("SELECT id FROM deliveries WHERE id {in $1 text} AND lease = $2"))
            .bind(array(&gone)?)
            .bind(epoch.0)
            .fetch_all(&self.read)
            .await?;
        if leased.is_empty() && !over.is_empty() {
            let forget = sqlx::query(sql("DELETE FROM flights WHERE id {in $1 bigint}")).bind(array(&over)?);
            forget.execute(&self.write).await?;
        }
        Ok(leased)
    }

    /// Releases what quiet hours or a digest's period held until now, so that it is told together.
    pub(super) async fn release_held(&self, tx: &mut Tx, channel: Channel) -> Result<(), StoreError> {
        let now = self.clock.now().as_millis();
        let due: Vec<String> = sqlx::query_scalar(sql("SELECT id FROM waiting WHERE channel = $1 AND rank = 2 AND ready_at <= $2 {skip}"))
            .bind(channel.as_str())
            .bind(now)
            .fetch_all(&mut **tx)
            .await?;
        if due.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("UPDATE deliveries SET state = 'scheduled', collect = COALESCE(collect, 'quiet'), updated_at = $2 \
             WHERE id {in $1 text} AND state = 'held' AND ready_at <= $2"))
        .bind(array(&due)?)
        .bind(now)
        .execute(&mut **tx)
        .await?;
        self.requeue(tx, &due).await
    }

    /// Leases up to `most` deliveries of a rank that are ready, the oldest or the newest of them.
    pub(super) async fn lease_ready(
        &self,
        tx: &mut Tx,
        epoch: Epoch,
        channel: Channel,
        rank: i64,
        most: i64,
        order: Order,
    ) -> Result<Vec<String>, StoreError> {
        let statement = match order {
            Order::Oldest => {
                "UPDATE waiting SET rank = 3 WHERE {row} {anyof} SELECT {row} FROM waiting w WHERE channel = $1 AND rank = $2 \
                 AND ready_at <= $3 AND {first_of_digest} ORDER BY ready_at LIMIT $4 {skip} {end} RETURNING id"
            }
            Order::Newest => {
                "UPDATE waiting SET rank = 3 WHERE {row} {anyof} SELECT {row} FROM waiting w WHERE channel = $1 AND rank = $2 \
                 AND ready_at <= $3 AND {first_of_digest} ORDER BY ready_at DESC LIMIT $4 {skip} {end} RETURNING id"
            }
        };
        let now = self.clock.now().as_millis();
        let mut leased = Vec::new();
        let mut wanted = most;
        while wanted > 0 {
            let taken: Vec<String> =
                sqlx::query_scalar(sql(statement)).bind(channel.as_str()).bind(rank).bind(now).bind(wanted).fetch_all(&mut **tx).await?;
            if taken.is_empty() {
                break;
            }
            let ready: Vec<String> = sqlx::query_scalar(sql("UPDATE deliveries SET lease = $1, updated_at = $4 WHERE id {in $5 text} \
                 AND state = 'scheduled' AND lease IS NULL AND channel = $2 AND rank = $3 AND ready_at <= $4 RETURNING id"))
            .bind(epoch.0)
            .bind(channel.as_str())
            .bind(rank)
            .bind(now)
            .bind(array(&taken)?)
            .fetch_all(&mut **tx)
            .await?;
            let all_taken = count(&taken) < wanted;
            if ready.len() < taken.len() {
                let is_ready: HashSet<&String> = ready.iter().collect();
                let stale: Vec<&String> = taken.iter().filter(|id| !is_ready.contains(id)).collect();
                self.requeue(tx, &stale).await?;
            }
            leased.extend(ready);
            if all_taken {
                break;
            }
            wanted = most - count(&leased);
        }
        Ok(leased)
    }
}

/// Which of those that are ready.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Oldest,
    Newest,
}

fn count<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}
