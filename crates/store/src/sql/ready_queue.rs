//! The ready queue: a narrow table of what waits, so that a delivery's own row stands in no index that its changes would have to be
//! written into.
//!
//! A delivery's row alone says what it is, and every statement that changes it is conditional on it. An entry of the queue is a hint
//! that the delivery may become ready at a time: whoever makes a delivery wait, or moves it, writes an entry. Whoever claims looks at
//! the delivery itself, and corrects entries that say something else. Nobody waits for an entry that another transaction has locked,
//! because that transaction corrects it: transitions wait for one another at deliveries, never at entries.

use std::collections::BTreeSet;

use watchbell_core::Channel;
use watchbell_core::ids::Epoch;

use super::locks::by_id;
use super::{BindAll, Connection, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::columns::{Field, row};
use crate::queue::Ready;
use crate::rank;

impl SqlStore {
    /// Writes entries for those of these deliveries that wait, or are claimed.
    pub(super) async fn enqueue<I: Field>(&self, tx: &mut Tx, ids: &[I]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("INSERT INTO ready_queue (id, user_id, channel, rank, ready_at, collect) SELECT id, user_id, channel, \
             CASE WHEN lease IS NOT NULL THEN {rank claimed} WHEN state = 'held' THEN {rank held} ELSE rank END, ready_at, collect FROM deliveries \
             WHERE id {in $1 text} AND state {states pending}"))
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
        sqlx::query(sql("DELETE FROM ready_queue WHERE {row} {anyof} {entries} WHERE d.id {in $1 text} {end}"))
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

    /// The ranks of which something of a channel is ready; None where the worker session has ended. Its row stays locked until the
    /// transaction ends, and cannot be reaped before, so that a process that froze in here leaves no lease behind.
    pub(super) async fn ready_ranks(&self, tx: &mut Tx, epoch: Epoch, channel: Channel) -> Result<Option<BTreeSet<i64>>, StoreError> {
        let row: Option<(bool, bool, bool)> = sqlx::query_as(sql(
            "SELECT EXISTS (SELECT 1 FROM ready_queue WHERE channel = $3 AND rank = {rank high} AND ready_at <= $2) AS high, \
             EXISTS (SELECT 1 FROM ready_queue WHERE channel = $3 AND rank = {rank normal} AND ready_at <= $2) AS others, \
             EXISTS (SELECT 1 FROM ready_queue WHERE channel = $3 AND rank = {rank held} AND ready_at <= $2) AS held \
             FROM worker_sessions WHERE epoch = $1 AND alive_until >= $2 {share}",
        ))
        .bind(epoch.0)
        .bind(self.clock.now().as_millis())
        .bind(channel.as_str())
        .fetch_optional(&mut **tx)
        .await?;
        Ok(row.map(|(high, others, held)| {
            [(rank::HIGH, high), (rank::NORMAL, others), (rank::HELD, held)]
                .into_iter()
                .filter(|(_, is)| *is)
                .map(|(rank, _)| rank)
                .collect()
        }))
    }

    /// On which channels something is ready, and whether members of a topic wait to be planned.
    pub(super) async fn what_is_ready(&self, on: &mut Connection) -> Result<Ready, StoreError> {
        row! {
            struct Row {
                channel: &'static str,
            }
        }
        let all: Vec<Row> = Channel::ALL.iter().map(|channel| Row { channel: channel.as_str() }).collect();
        let ready: Vec<String> = sqlx::query_scalar(sql("SELECT r.channel FROM {rows $2: channel text} WHERE \
             EXISTS (SELECT 1 FROM ready_queue w WHERE w.channel = r.channel AND w.rank = {rank high} AND w.ready_at <= $1) \
             OR EXISTS (SELECT 1 FROM ready_queue w WHERE w.channel = r.channel AND w.rank = {rank normal} AND w.ready_at <= $1) \
             OR EXISTS (SELECT 1 FROM ready_queue w WHERE w.channel = r.channel AND w.rank = {rank held} AND w.ready_at <= $1) \
             UNION ALL SELECT 'fan-out' WHERE EXISTS (SELECT 1 FROM fanouts)"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&all)?)
        .fetch_all(on)
        .await?;
        let channels = ready.iter().filter_map(|name| Channel::from_db(name)).collect();
        Ok(Ready { channels, fan_out: ready.iter().any(|name| name == "fan-out") })
    }

    /// Releases what quiet hours or a digest's period held until now, so that it is told together.
    pub(super) async fn release_held(&self, tx: &mut Tx, channel: Channel) -> Result<(), StoreError> {
        row! {
            struct Row {
                id: String,
            }
        }
        let now = self.clock.now().as_millis();
        let due: Vec<String> =
            sqlx::query_scalar(sql("SELECT id FROM ready_queue WHERE channel = $1 AND rank = {rank held} AND ready_at <= $2 {skip}"))
                .bind(channel.as_str())
                .bind(now)
                .fetch_all(&mut **tx)
                .await?;
        if due.is_empty() {
            return Ok(());
        }
        let rows = by_id(due.iter().map(|id| Row { id: id.clone() }).collect(), |row| &row.id);
        sqlx::query(sql("UPDATE deliveries SET state = 'scheduled', collect = COALESCE(collect, 'quiet'), updated_at = $1 \
             FROM {rows $2: id text} WHERE deliveries.id = r.id AND {if deliveries.state = 'held' AND deliveries.ready_at <= $1}"))
        .bind(now)
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        self.requeue(tx, &due).await
    }

    /// Takes up to `most` entries of a rank that are ready, the oldest or the newest of them; nobody else does until the transaction
    /// ends.
    pub(super) async fn take_entries(
        &self,
        tx: &mut Tx,
        channel: Channel,
        rank: i64,
        most: i64,
        order: Order,
    ) -> Result<Vec<String>, StoreError> {
        let statement = match order {
            Order::Oldest => {
                "UPDATE ready_queue SET rank = {rank claimed} WHERE {row} {anyof} SELECT {row} FROM ready_queue w WHERE channel = $1 AND rank = $2 \
                 AND ready_at <= $3 AND {first_of_digest} ORDER BY ready_at LIMIT $4 {skip} {end} RETURNING id"
            }
            Order::Newest => {
                "UPDATE ready_queue SET rank = {rank claimed} WHERE {row} {anyof} SELECT {row} FROM ready_queue w WHERE channel = $1 AND rank = $2 \
                 AND ready_at <= $3 AND {first_of_digest} ORDER BY ready_at DESC LIMIT $4 {skip} {end} RETURNING id"
            }
        };
        if most <= 0 {
            return Ok(Vec::new());
        }
        let now = self.clock.now().as_millis();
        Ok(sqlx::query_scalar(sql(statement)).bind(channel.as_str()).bind(rank).bind(now).bind(most).fetch_all(&mut **tx).await?)
    }
}

/// Which of those that are ready.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Oldest,
    Newest,
}

pub(super) fn count<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}
