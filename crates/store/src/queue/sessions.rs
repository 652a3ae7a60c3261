//! Worker sessions: each is one process's right to hold leases, for as long as its heartbeats renew it.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::Ready;
use crate::StoreError;

/// A provider that a process does not call now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outage {
    pub channel: Channel,
    /// The name of its table in the configuration.
    pub provider: String,
    /// None while one call finds out whether it works again.
    pub until: Option<Timestamp>,
}

/// What a process is sending by a channel: its calls under way.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sending {
    pub channel: Channel,
    pub deliveries: u64,
}

/// A process's right to hold leases. It lasts until the process ends it, or has not renewed it in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSession {
    pub epoch: Epoch,
    pub name: String,
    pub roles: String,
    /// Of the program.
    pub version: String,
    /// What it sends by; nothing where it is no worker.
    pub channels: Vec<Channel>,
    pub started_at: Timestamp,
    pub alive_until: Timestamp,
    /// The providers that it does not call.
    pub outages: Vec<Outage>,
    /// What it was sending at its last heartbeat.
    pub sending: Vec<Sending>,
    /// How far the clock of its machine is ahead of the database's, in milliseconds; negative where it is behind. None where
    /// there is one machine only.
    pub clock_ahead_ms: Option<i64>,
}

/// What a process has leased, as far as it knows.
#[derive(Clone, Debug, Default)]
pub struct HeldLeases {
    /// What it is working on.
    pub known: HashSet<DeliveryId>,
    /// What it has called for, and whose end could not be written: it may have gone out.
    pub called: HashSet<DeliveryId>,
}

/// What a process finds when it renews its worker session.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// False when this session itself had ended before.
    pub is_alive: bool,
    /// All sessions that last, this one included.
    pub sessions: Vec<WorkerSession>,
    pub ready: Ready,
}

/// Worker sessions, from being opened until they are closed or reaped.
#[async_trait]
pub trait WorkerSessions: Send + Sync {
    /// Begins a session; leases may be taken with its epoch. It lasts for `lease` from now, unless it is renewed. A process that is no
    /// worker has one as well, without channels, so that everybody sees that it is there.
    async fn open_session(&self, name: &str, roles: &str, channels: &[Channel], lease: Duration) -> Result<Epoch, StoreError>;

    /// Renews a session for `lease` from the moment at which that is written, and looks what there is to do. It waits for no lock
    /// that another transition holds. Whoever asks any process is told what this one is `sending`.
    async fn heartbeat(&self, epoch: Epoch, lease: Duration, sending: &[Sending]) -> Result<Heartbeat, StoreError>;

    /// Frees
    /// - what sessions that were not renewed in time had leased: what they had not begun can be claimed again, what they had begun
    ///   gets an `Unknown` attempt and is tried again;
    /// - what this process has leased without knowing it: the answer to a claim, a begin, or a plan that handed deliveries over, was
    ///   lost with the connection, so that nothing was called. What was leased since `before` may be on its way.
    ///
    /// It may have to wait for locks, so it is no part of a heartbeat.
    async fn reap(&self, epoch: Epoch, held: &HeldLeases, before: Timestamp) -> Result<(), StoreError>;

    /// Shows the others which providers this process does not call now.
    async fn show_outages(&self, epoch: Epoch, outages: &[Outage]) -> Result<(), StoreError>;

    /// Ends a session in order: what it has leased and not begun goes back at once.
    async fn close_session(&self, epoch: Epoch) -> Result<(), StoreError>;

    /// The sessions that last.
    async fn live_sessions(&self) -> Result<Vec<WorkerSession>, StoreError>;

    /// When a process that served a channel last ended; None where there never was one.
    async fn last_served(&self, channel: Channel) -> Result<Option<Timestamp>, StoreError>;
}
