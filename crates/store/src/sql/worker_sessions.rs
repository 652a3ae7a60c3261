//! Worker sessions: what a process finds when it renews its own, and how those that have ended are reaped.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, SharedClock, Timestamp};

use super::rows::{at, json, to_json};
use super::{BindAll, Connection, DIALECT, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::dialect::Dialect;
use crate::queue::{Heartbeat, HeldLeases, Outage, Sending, WorkerSession, WorkerSessions};
use crate::wake::Effects;

/// All crates of the program have the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[async_trait]
impl WorkerSessions for SqlStore {
    async fn open_session(&self, name: &str, roles: &str, channels: &[Channel], lease: Duration) -> Result<Epoch, StoreError> {
        let mut tx = self.begin_tx().await?;
        let now = self.clock.now();
        let mut due = BTreeSet::new();
        if DIALECT == Dialect::Sqlite {
            // The lock on the file says that no other process is there, so every session is one of a process that has died.
            let dead = self.dead_sessions(&mut tx, Timestamp::MAX).await?;
            due = self.reap_sessions(&mut tx, &dead).await?;
        }
        let epoch: i64 = sqlx::query_scalar(sql(
            "INSERT INTO worker_sessions (name, roles, version, channels, started_at, alive_until) VALUES ($1, $2, $3, $4, $5, $6) RETURNING epoch",
        ))
        .bind(name.to_owned())
        .bind(roles.to_owned())
        .bind(VERSION)
        .bind(to_json(channels)?)
        .bind(now.as_millis())
        .bind((now + lease).as_millis())
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        self.wakes.announce(Effects::due(due));
        Ok(Epoch(epoch))
    }

    async fn heartbeat(&self, epoch: Epoch, lease: Duration, sending: &[Sending]) -> Result<Heartbeat, StoreError> {
        self.write_heartbeat(epoch, lease, sending).await
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
        let mut sessions = self.all_sessions(&mut self.read.acquire().await?).await?;
        sessions.retain(|session| session.alive_until >= now);
        Ok(sessions)
    }

    async fn last_served(&self, channel: Channel) -> Result<Option<Timestamp>, StoreError> {
        let until: Option<i64> = sqlx::query_scalar(sql("SELECT until FROM served WHERE channel = $1"))
            .bind(channel.as_str())
            .fetch_optional(&self.write)
            .await?;
        Ok(until.map(at))
    }
}

impl SqlStore {
    /// These are single statements and no transaction: where the connection breaks, nothing stays locked that the next try would wait
    /// for.
    pub(super) async fn write_heartbeat(&self, epoch: Epoch, lease: Duration, sending: &[Sending]) -> Result<Heartbeat, StoreError> {
        let mut connection = self.heartbeats.acquire().await?;
        let ahead_ms = self.clock.shared().and_then(SharedClock::machine_ahead_ms);
        let alive: Option<i64> = sqlx::query_scalar(sql(
            "UPDATE worker_sessions SET alive_until = $2, clock_ahead_ms = $3, sending = $4 WHERE epoch = $1 RETURNING epoch",
        ))
        .bind(epoch.0)
        .bind((self.clock.now() + lease).as_millis())
        .bind(ahead_ms)
        .bind(to_json(sending)?)
        .fetch_optional(&mut connection)
        .await?;
        let now = self.clock.now();
        let mut sessions = self.all_sessions(&mut connection).await?;
        sessions.retain(|session| session.alive_until >= now);
        Ok(Heartbeat { is_alive: alive.is_some(), sessions, ready: self.what_is_ready(&mut connection).await? })
    }

    /// All sessions, also those that have ended and were not reaped yet.
    pub(super) async fn all_sessions(&self, on: &mut Connection) -> Result<Vec<WorkerSession>, StoreError> {
        #[derive(sqlx_macros::FromRow)]
        struct Row {
            epoch: i64,
            name: String,
            roles: String,
            version: String,
            channels: String,
            started_at: i64,
            alive_until: i64,
            outages: String,
            sending: String,
            clock_ahead_ms: Option<i64>,
        }
        let rows: Vec<Row> = sqlx::query_as(sql(
            "SELECT epoch, name, roles, version, channels, started_at, alive_until, outages, sending, clock_ahead_ms FROM worker_sessions ORDER BY epoch",
        ))
        .fetch_all(on)
        .await?;
        let process = |row: Row| {
            Ok(WorkerSession {
                epoch: Epoch(row.epoch),
                name: row.name,
                roles: row.roles,
                version: row.version,
                channels: json(&row.channels)?,
                started_at: at(row.started_at),
                alive_until: at(row.alive_until),
                outages: json(&row.outages)?,
                sending: json(&row.sending)?,
                clock_ahead_ms: row.clock_ahead_ms,
            })
        };
        rows.into_iter().map(process).collect()
    }

    /// Sessions that ended before then, except those that another process is reaping.
    pub(super) async fn dead_sessions(&self, tx: &mut Tx, before: Timestamp) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(sql("SELECT epoch FROM worker_sessions WHERE alive_until < $1 ORDER BY epoch {skip}"))
            .bind(before.as_millis())
            .fetch_all(&mut **tx)
            .await?)
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

    /// Ends sessions: what they had claimed is free again, and what they had begun gets an `Unknown` attempt.
    pub(super) async fn reap_sessions(&self, tx: &mut Tx, dead: &[i64]) -> Result<BTreeSet<Channel>, StoreError> {
        if dead.is_empty() {
            return Ok(BTreeSet::new());
        }
        let leased = self.leases_of(tx, dead).await?;
        let due = self.free_leases(tx, dead, &leased, &HashSet::new()).await?;
        sqlx::query(sql("DELETE FROM leases WHERE epoch {in $1 bigint}")).bind(array(dead)?).execute(&mut **tx).await?;
        let ended: Vec<(String, i64)> =
            sqlx::query_as(sql("DELETE FROM worker_sessions WHERE epoch {in $1 bigint} RETURNING channels, alive_until"))
                .bind(array(dead)?)
                .fetch_all(&mut **tx)
                .await?;
        self.note_served(tx, &ended).await?;
        Ok(due)
    }

    /// Notes until when channels were served: by what ended sessions had served, and when they ended at the latest.
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
}
