//! The lives of processes: what one finds when it renews its own, and what becomes of what a dead one had leased.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use watchbell_core::ids::Epoch;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, DeliveryId, Reason, SharedClock, Timestamp};

use super::rows::{at, json, to_json};
use super::{BindAll, Connection, DIALECT, SqlStore, Tx, array, attempts, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::dialect::Dialect;
use crate::queue::{Attempt, Heartbeat, HeldLeases, WorkerSession};
use crate::wake::Effects;

impl SqlStore {
    /// Statements by themselves, no transaction: where the connection breaks, nothing stays locked for the next try to wait for.
    pub(super) async fn write_heartbeat(&self, epoch: Epoch, lease: Duration) -> Result<Heartbeat, StoreError> {
        let mut connection = self.heartbeats.acquire().await?;
        let ahead_ms = self.clock.shared().and_then(SharedClock::machine_ahead_ms);
        let alive: Option<i64> =
            sqlx::query_scalar(sql("UPDATE worker_sessions SET alive_until = $2, clock_ahead_ms = $3 WHERE epoch = $1 RETURNING epoch"))
                .bind(epoch.0)
                .bind((self.clock.now() + lease).as_millis())
                .bind(ahead_ms)
                .fetch_optional(&mut connection)
                .await?;
        let now = self.clock.now();
        let mut sessions = self.all_sessions(&mut connection).await?;
        sessions.retain(|session| session.alive_until >= now);
        Ok(Heartbeat { is_alive: alive.is_some(), sessions, ready: self.what_is_ready(&mut connection).await? })
    }

    pub(super) async fn reap_dead(&self) -> Result<(), StoreError> {
        let some_are_dead = "SELECT EXISTS (SELECT 1 FROM worker_sessions WHERE alive_until < $1)";
        if DIALECT == Dialect::Sqlite
            || !sqlx::query_scalar(sql(some_are_dead)).bind(self.clock.now().as_millis()).fetch_one(&self.write).await?
        {
            return Ok(());
        }
        let mut tx = self.begin_tx().await?;
        let dead = self.dead_sessions(&mut tx, self.clock.now()).await?;
        let due = self.reap_sessions(&mut tx, &dead).await?;
        tx.commit().await?;
        self.wakes.announce(Effects::due(due));
        Ok(())
    }

    /// Forgets flights of which nothing is held any more; frees what the process has leased and does not hold.
    pub(super) async fn free_lost(&self, epoch: Epoch, held: &HeldLeases, before: Timestamp) -> Result<(), StoreError> {
        let flights: Vec<(i64, String)> = sqlx::query_as(sql("SELECT id, deliveries FROM leases WHERE epoch = $1 AND at < $2"))
            .bind(epoch.0)
            .bind(before.as_millis())
            .fetch_all(&self.write)
            .await?;
        let (mut over, mut gone) = (Vec::new(), Vec::new());
        for (flight, ids) in flights {
            let mut ids: Vec<String> = json(&ids)?;
            let all = ids.len();
            ids.retain(|id| !held.known.contains(id.as_str()));
            if ids.len() == all {
                over.push(flight);
            }
            gone.extend(ids);
        }
        if gone.is_empty() {
            return Ok(());
        }
        // Nearly always none: they have ended.
        let mut lost: Vec<String> = sqlx::query_scalar(sql("SELECT id FROM deliveries WHERE id {in $1 text} AND lease = $2"))
            .bind(array(&gone)?)
            .bind(epoch.0)
            .fetch_all(&self.write)
            .await?;
        if !lost.is_empty() {
            // What has been leased anew since `held` was looked at: that lease is of a flight that can be seen now.
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
        let due = self.free(&mut tx, &[epoch.0], &lost, &uncalled).await?;
        sqlx::query(sql("DELETE FROM leases WHERE id {in $1 bigint}")).bind(array(&over)?).execute(&mut *tx).await?;
        tx.commit().await?;
        self.wakes.announce(Effects::due(due));
        Ok(())
    }

    /// Also those that are dead and not buried yet.
    pub(super) async fn all_sessions(&self, on: &mut Connection) -> Result<Vec<WorkerSession>, StoreError> {
        #[derive(sqlx_macros::FromRow)]
        struct Row {
            epoch: i64,
            name: String,
            roles: String,
            channels: String,
            started_at: i64,
            alive_until: i64,
            outages: String,
            clock_ahead_ms: Option<i64>,
        }
        let rows: Vec<Row> = sqlx::query_as(sql(
            "SELECT epoch, name, roles, channels, started_at, alive_until, outages, clock_ahead_ms FROM worker_sessions ORDER BY epoch",
        ))
        .fetch_all(on)
        .await?;
        let process = |row: Row| {
            Ok(WorkerSession {
                epoch: Epoch(row.epoch),
                name: row.name,
                roles: row.roles,
                channels: json(&row.channels)?,
                started_at: at(row.started_at),
                alive_until: at(row.alive_until),
                outages: json(&row.outages)?,
                clock_ahead_ms: row.clock_ahead_ms,
            })
        };
        rows.into_iter().map(process).collect()
    }

    /// What all processes have leased of late: what is being sent is among it.
    pub(super) async fn all_leased(&self, tx: &mut Tx) -> Result<Vec<String>, StoreError> {
        let flights: Vec<String> = sqlx::query_scalar(sql("SELECT deliveries FROM leases")).fetch_all(&mut **tx).await?;
        let ids = flights.iter().map(|flight| json::<Vec<String>>(flight)).collect::<Result<Vec<_>, _>>()?;
        Ok(ids.into_iter().flatten().collect())
    }

    /// What these processes have leased, and may hold still.
    async fn leases_of(&self, tx: &mut Tx, epochs: &[i64]) -> Result<Vec<String>, StoreError> {
        let flights: Vec<String> = sqlx::query_scalar(sql("SELECT deliveries FROM leases WHERE epoch {in $1 bigint}"))
            .bind(array(epochs)?)
            .fetch_all(&mut **tx)
            .await?;
        let mut ids = Vec::new();
        for flight in flights {
            ids.extend(json::<Vec<String>>(&flight)?);
        }
        Ok(ids)
    }

    /// Processes whose lives ended before then, except those that another one is burying.
    pub(super) async fn dead_sessions(&self, tx: &mut Tx, before: Timestamp) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(sql("SELECT epoch FROM worker_sessions WHERE alive_until < $1 ORDER BY epoch {skip}"))
            .bind(before.as_millis())
            .fetch_all(&mut **tx)
            .await?)
    }

    /// Ends the lives of processes: what they had claimed is free again, what they had begun is `Unknown`.
    pub(super) async fn reap_sessions(&self, tx: &mut Tx, dead: &[i64]) -> Result<BTreeSet<Channel>, StoreError> {
        if dead.is_empty() {
            return Ok(BTreeSet::new());
        }
        let leased = self.leases_of(tx, dead).await?;
        let due = self.free(tx, dead, &leased, &HashSet::new()).await?;
        sqlx::query(sql("DELETE FROM leases WHERE epoch {in $1 bigint}")).bind(array(dead)?).execute(&mut **tx).await?;
        let ended: Vec<(String, i64)> =
            sqlx::query_as(sql("DELETE FROM worker_sessions WHERE epoch {in $1 bigint} RETURNING channels, alive_until"))
                .bind(array(dead)?)
                .fetch_all(&mut **tx)
                .await?;
        self.note_served(tx, &ended).await?;
        Ok(due)
    }

    /// Notes until when channels were served, by what ended processes had served and until when they lived at most.
    async fn note_served(&self, tx: &mut Tx, ended: &[(String, i64)]) -> Result<(), StoreError> {
        row! {
            struct Row {
                channel: String,
                until: i64,
            }
        }
        let now = self.clock.now().as_millis();
        let mut served: BTreeMap<String, i64> = BTreeMap::new();
        for (channels, alive_until) in ended {
            for channel in json::<Vec<String>>(channels)? {
                let until = served.entry(channel).or_default();
                *until = (*until).max(now.min(*alive_until));
            }
        }
        if served.is_empty() {
            return Ok(());
        }
        let rows: Vec<Row> = served.into_iter().map(|(channel, until)| Row { channel, until }).collect();
        sqlx::query(sql(
            "INSERT INTO served (channel, until) SELECT channel, until FROM {rows $1: channel text, until bigint} WHERE true \
             ORDER BY channel ON CONFLICT (channel) DO UPDATE SET until = excluded.until WHERE served.until < excluded.until",
        ))
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Takes the leases that these lives still have on deliveries away. `uncalled` of them were begun, if they were, and not called.
    async fn free(
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

    /// Takes a begin back of which it is certain that no call followed.
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

    /// What became of calls that were under way nobody knows.
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
