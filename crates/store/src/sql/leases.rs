//! Leases: which deliveries a worker session has taken, and how they become free again when nobody calls for them.
//!
//! The lease itself is the session's epoch in the delivery's row. The table `leases` only lists what each transaction leased, so
//! that the deliveries of a session that has ended are found without an index on a column that changes.

use std::collections::{BTreeSet, HashSet};

use watchbell_core::ids::Epoch;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, DeliveryId, Reason, Timestamp};

use super::locks::by_id;
use super::rows::{at, json, to_json};
use super::together::{Together, Value};
use super::{BindAll, SqlStore, Tx, array, attempts, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::queue::{Attempt, HeldLeases};
use crate::wake::Effects;

impl SqlStore {
    /// Leases those deliveries of which entries were taken and that are indeed ready; puts the entries of the others right. What
    /// another transaction has locked is left alone: a claim has locked recipients, for whom that one may wait.
    pub(super) async fn lease(
        &self,
        tx: &mut Tx,
        epoch: Epoch,
        channel: Channel,
        taken: Vec<(String, i64)>,
    ) -> Result<Vec<String>, StoreError> {
        row! {
            struct Row {
                id: String,
                rank: i64,
            }
        }
        let mut rows = by_id(taken.into_iter().map(|(id, rank)| Row { id, rank }).collect(), |row| &row.id);
        // Several entries may stand for one.
        rows.dedup_by(|a, b| a.id == b.id && a.rank == b.rank);
        let unlocked = self.lock_unlocked(tx, &rows.iter().map(|row| &row.id).collect::<Vec<_>>()).await?;
        let (rows, mut stale): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| unlocked.as_ref().is_none_or(|ids| ids.contains(&row.id)));
        let leased: Vec<String> =
            sqlx::query_scalar(sql("UPDATE deliveries SET lease = $1, updated_at = $3 FROM {rows $4: id text, rank bigint} \
             WHERE deliveries.id = r.id AND {if deliveries.state = 'scheduled' AND deliveries.lease IS NULL AND deliveries.channel = $2 \
             AND deliveries.rank = r.rank AND deliveries.ready_at <= $3} RETURNING deliveries.id"))
            .bind(epoch.0)
            .bind(channel.as_str())
            .bind(self.clock.now().as_millis())
            .bind_all(columns(&rows)?)
            .fetch_all(&mut **tx)
            .await?;
        if leased.len() < rows.len() || !stale.is_empty() {
            let is_leased: HashSet<&String> = leased.iter().collect();
            stale.extend(rows.into_iter().filter(|row| !is_leased.contains(&row.id)));
            self.requeue(tx, &stale.iter().map(|row| &row.id).collect::<Vec<_>>()).await?;
        }
        Ok(leased)
    }

    /// Lists what this transaction leases, so that it is found when the worker session has ended. Running it fails with `Lapsed` where the
    /// session has ended already. The session's row stays locked until the transaction ends, and cannot be reaped before: otherwise a
    /// process that froze in here would leave leases behind that nobody frees.
    pub(super) fn note_leases<I: serde::Serialize>(&self, together: &mut Together, epoch: Epoch, ids: &[I]) -> Result<(), StoreError> {
        let values = [Value::Number(epoch.0), Value::Number(self.clock.now().as_millis()), Value::Text(to_json(ids)?)];
        let text = "INSERT INTO leases (epoch, at, deliveries) SELECT epoch, $2, $3 FROM worker_sessions \
             WHERE epoch = $1 AND alive_until >= $2 {share}";
        together.add(text, values, Some((1, StoreError::Lapsed)));
        Ok(())
    }

    /// The same at once.
    ///
    /// # Errors
    /// `Lapsed`: the worker session has ended.
    pub(super) async fn write_leases<I: serde::Serialize>(&self, tx: &mut Tx, epoch: Epoch, ids: &[I]) -> Result<(), StoreError> {
        let mut together = Together::default();
        self.note_leases(&mut together, epoch, ids)?;
        together.run(tx).await
    }

    /// What all worker sessions have leased of late. Whatever is being sent now is among it.
    pub(super) async fn all_leased(&self, tx: &mut Tx) -> Result<Vec<String>, StoreError> {
        let lists: Vec<String> = sqlx::query_scalar(sql("SELECT deliveries FROM leases")).fetch_all(&mut **tx).await?;
        let ids = lists.iter().map(|list| json::<Vec<String>>(list)).collect::<Result<Vec<_>, _>>()?;
        Ok(ids.into_iter().flatten().collect())
    }

    /// What these worker sessions have leased, and may still hold.
    pub(super) async fn leases_of(&self, tx: &mut Tx, epochs: &[i64]) -> Result<Vec<String>, StoreError> {
        let lists: Vec<String> = sqlx::query_scalar(sql("SELECT deliveries FROM leases WHERE epoch {in $1 bigint}"))
            .bind(array(epochs)?)
            .fetch_all(&mut **tx)
            .await?;
        let mut ids = Vec::new();
        for list in lists {
            ids.extend(json::<Vec<String>>(&list)?);
        }
        Ok(ids)
    }

    /// Frees what the worker session has leased and does not know of, and forgets the lists of which it holds nothing any more.
    pub(super) async fn free_lost(&self, epoch: Epoch, held: &HeldLeases, before: Timestamp) -> Result<(), StoreError> {
        let lists: Vec<(i64, String)> = sqlx::query_as(sql("SELECT id, deliveries FROM leases WHERE epoch = $1 AND at < $2"))
            .bind(epoch.0)
            .bind(before.as_millis())
            .fetch_all(&self.write)
            .await?;
        let (mut over, mut gone) = (Vec::new(), Vec::new());
        for (list, ids) in lists {
            let mut ids: Vec<String> = json(&ids)?;
            let all = ids.len();
            ids.retain(|id| !held.known.contains(id.as_str()));
            if ids.len() == all {
                over.push(list);
            }
            gone.extend(ids);
        }
        if gone.is_empty() {
            return Ok(());
        }
        // Nearly always this finds none, because their calls have ended.
        let mut lost: Vec<String> = sqlx::query_scalar(sql("SELECT id FROM deliveries WHERE id {in $1 text} AND lease = $2"))
            .bind(array(&gone)?)
            .bind(epoch.0)
            .fetch_all(&self.write)
            .await?;
        if !lost.is_empty() {
            // What was leased again since `held` was looked at is not lost: that lease is in a list that can be seen now.
            let newer: Vec<String> = sqlx::query_scalar(sql("SELECT deliveries FROM leases WHERE epoch = $1 AND at >= $2"))
                .bind(epoch.0)
                .bind(before.as_millis())
                .fetch_all(&self.write)
                .await?;
            let newer: Vec<Vec<String>> = newer.iter().map(|ids| json(ids)).collect::<Result<_, _>>()?;
            let newer: HashSet<&String> = newer.iter().flatten().collect();
            lost.retain(|id| !newer.contains(id));
        }
        let mut tx = self.begin_tx().await?;
        let uncalled = lost.iter().filter(|id| !held.called.contains(id.as_str())).map(String::as_str).collect();
        let due = self.free_leases(&mut tx, &[epoch.0], &lost, &uncalled).await?;
        sqlx::query(sql("DELETE FROM leases WHERE id {in $1 bigint}")).bind(array(&over)?).execute(&mut *tx).await?;
        tx.commit().await?;
        self.wakes.announce(Effects::due(due));
        Ok(())
    }

    /// Takes the leases away that these worker sessions still have on deliveries. Of those in `uncalled` it is certain that no call was
    /// made, even where they had begun.
    pub(super) async fn free_leases(
        &self,
        tx: &mut Tx,
        epochs: &[i64],
        deliveries: &[String],
        uncalled: &HashSet<&str>,
    ) -> Result<BTreeSet<Channel>, StoreError> {
        if deliveries.is_empty() {
            return Ok(BTreeSet::new());
        }
        let now = self.clock.now().as_millis();
        self.lock_ends(tx, &deliveries.iter().collect::<Vec<_>>(), &[]).await?;
        let (epochs, deliveries) = (array(epochs)?, array(deliveries)?);
        let mut begun: Vec<(String, i64, Option<i64>, Option<String>)> =
            sqlx::query_as(sql("SELECT id, attempts, begun_at, provider FROM deliveries \
             WHERE id {in $2 text} AND lease {in $1 bigint} AND state = 'sending' ORDER BY id"))
            .bind(&epochs)
            .bind(&deliveries)
            .fetch_all(&mut **tx)
            .await?;
        let (uncalled, called): (Vec<_>, Vec<_>) = begun.drain(..).partition(|(id, ..)| uncalled.contains(id.as_str()));
        self.unbegin(tx, uncalled.iter().map(|(id, ..)| id).collect()).await?;
        self.note_interrupted(tx, called).await?;
        let freed: Vec<(String, String)> = sqlx::query_as(sql("UPDATE deliveries SET lease = NULL, begun_at = NULL, updated_at = $2, \
             ready_at = CASE WHEN state = 'sending' THEN $2 ELSE ready_at END, \
             reason = CASE WHEN state <> 'sending' THEN reason WHEN stop IS NOT NULL THEN stop \
             ELSE $4 END, \
             state = CASE WHEN state <> 'sending' THEN state WHEN stop IS NOT NULL THEN 'cancelled' ELSE 'scheduled' END \
             WHERE id {in $3 text} AND lease {in $1 bigint} RETURNING id, channel"))
        .bind(&epochs)
        .bind(now)
        .bind(&deliveries)
        .bind(to_json(&Reason::Interrupted)?)
        .fetch_all(&mut **tx)
        .await?;
        self.requeue(tx, &freed.iter().map(|(id, _)| id).collect::<Vec<_>>()).await?;
        let ids = freed.iter().map(|(id, _)| DeliveryId(id.clone())).collect();
        let bundles = self.bundles_among(tx, &ids).await?;
        self.share_outcome(tx, &bundles).await?;
        Ok(freed.iter().filter_map(|(_, channel)| Channel::from_db(channel)).collect())
    }

    /// Takes back that deliveries had begun, where it is certain that no call followed.
    async fn unbegin(&self, tx: &mut Tx, ids: Vec<&String>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("UPDATE deliveries SET state = CASE WHEN stop IS NULL THEN 'scheduled' ELSE 'cancelled' END, \
             reason = COALESCE(stop, $3), attempts = attempts - 1, ready_at = $2 \
             WHERE id {in $1 text}"))
        .bind(array(ids)?)
        .bind(self.clock.now().as_millis())
        .bind(to_json(&Reason::BeginLost)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Gives deliveries an `Unknown` attempt: nobody knows what became of the calls that were under way for them.
    async fn note_interrupted(&self, tx: &mut Tx, begun: Vec<(String, i64, Option<i64>, Option<String>)>) -> Result<(), StoreError> {
        row! {
            struct Row {
                id: String,
                attempt: String,
            }
        }
        if begun.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let row = |(id, number, begun_at, provider): (String, i64, Option<i64>, Option<String>)| {
            let attempt = Attempt {
                number,
                at: begun_at.map_or(now, at),
                provider: provider.unwrap_or_default(),
                class: Class::Unknown,
                code: None,
                message_id: None,
                latency_ms: None,
                not_before: None,
                goes_on: false,
            };
            Ok(Row { id, attempt: attempts::line(&attempt)? })
        };
        let rows = begun.into_iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
        sqlx::query(sql("UPDATE deliveries SET attempt_log = attempt_log || r.attempt FROM {rows $1: id text, attempt text} \
             WHERE deliveries.id = r.id"))
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
