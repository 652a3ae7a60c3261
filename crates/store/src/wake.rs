//! Who waits for something to become due is told when a transition made it so.

use std::collections::BTreeSet;

use prometheus_client::encoding::EncodeLabelSet;
use tokio::sync::watch;
use watchbell_core::delivery::State;
use watchbell_core::{Channel, DeliveryId, Reason, UserId};
use watchbell_metrics::{Counter, Family, Registry};

/// Announces transitions that made deliveries due, or due sooner, by channel.
#[derive(Debug)]
pub struct Wakes {
    channels: Vec<watch::Sender<u64>>,
    any: watch::Sender<u64>,
    fan_outs: tokio::sync::Notify,
    answers: tokio::sync::Notify,
    follow_ups: tokio::sync::Notify,
    local: tokio::sync::broadcast::Sender<BTreeSet<Channel>>,
    notified: tokio::sync::broadcast::Sender<Notified>,
    moved: tokio::sync::broadcast::Sender<Moved>,
    moves: Family<MoveLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MoveLabels {
    state: &'static str,
    /// The reason's code; empty where nothing is to be said.
    reason: String,
}

/// A delivery that got further without a call: by a receipt, or because nobody needs it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub id: DeliveryId,
    pub state: State,
    pub reason: Option<Reason>,
}

/// What a transition means for others, to be announced after its commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Channels on which something may be due, or due sooner.
    pub due: BTreeSet<Channel>,
    pub moved: Vec<Moved>,
    /// Something is to be done about an open alert, or sooner than before.
    pub follow_up: bool,
}

impl Effects {
    pub fn due(due: BTreeSet<Channel>) -> Self {
        Self { due, ..Self::default() }
    }

    pub fn add(&mut self, other: Self) {
        self.due.extend(other.due);
        self.moved.extend(other.moved);
        self.follow_up |= other.follow_up;
    }
}

/// A user was told something in the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    pub user_id: UserId,
    /// The notification.
    pub id: DeliveryId,
}

impl Default for Wakes {
    fn default() -> Self {
        Self {
            channels: Channel::ALL.iter().map(|_| watch::Sender::new(0)).collect(),
            any: watch::Sender::new(0),
            fan_outs: tokio::sync::Notify::new(),
            answers: tokio::sync::Notify::new(),
            follow_ups: tokio::sync::Notify::new(),
            local: tokio::sync::broadcast::Sender::new(256),
            notified: tokio::sync::broadcast::Sender::new(1024),
            moved: tokio::sync::broadcast::Sender::new(4096),
            moves: Family::default(),
        }
    }
}

impl Wakes {
    pub fn register(&self, registry: &mut Registry) {
        let moves = "Deliveries that got further without a call: by a receipt, or because nobody needs them any more";
        registry.register("watchbell_deliveries_moved", moves, self.moves.clone());
    }

    /// Called after a commit of this process.
    pub fn announce(&self, effects: Effects) {
        for moved in effects.moved {
            let reason = moved.reason.as_ref().map(Reason::code).unwrap_or_default();
            self.moves.get_or_create(&MoveLabels { state: moved.state.as_str(), reason }).inc();
            // Nobody has to listen.
            let _ = self.moved.send(moved);
        }
        if effects.follow_up {
            self.follow_ups.notify_one();
        }
        if !effects.due.is_empty() {
            self.heard(&effects.due);
            // A process without a broker tells itself only.
            let _ = self.local.send(effects.due);
        }
    }

    /// Tells of every delivery that gets further without a call of this process. Who is too slow misses some.
    pub fn moved(&self) -> tokio::sync::broadcast::Receiver<Moved> {
        self.moved.subscribe()
    }

    /// Called when another process announced a commit of its own.
    pub fn heard(&self, channels: &BTreeSet<Channel>) {
        for channel in channels {
            self.channels[*channel as usize].send_modify(|n| *n = n.wrapping_add(1));
        }
        self.any.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Changes when something of that channel became due.
    pub fn watch(&self, channel: Channel) -> watch::Receiver<u64> {
        self.channels[channel as usize].subscribe()
    }

    /// Changes when anything became due.
    pub fn watch_any(&self) -> watch::Receiver<u64> {
        self.any.subscribe()
    }

    /// Called when an event for a topic was accepted.
    pub fn announce_fan_out(&self) {
        self.fan_outs.notify_one();
    }

    /// Returns when an event for a topic was accepted since the last call.
    pub async fn fan_out(&self) {
        self.fan_outs.notified().await;
    }

    /// Returns when something was planned to be done about an open alert since the last call.
    pub async fn follow_up(&self) {
        self.follow_ups.notified().await;
    }

    /// Called when somebody's answer was accepted.
    pub fn announce_answer(&self) {
        self.answers.notify_one();
    }

    /// Returns when an answer was accepted since the last call.
    pub async fn answer(&self) {
        self.answers.notified().await;
    }

    /// Called after a notification was written. Other processes' are found by looking: the database is what counts.
    pub fn announce_notified(&self, notified: Notified) {
        // Nobody has to listen.
        let _ = self.notified.send(notified);
    }

    /// New notifications, of all users. Who lags behind lists them again.
    pub fn notified(&self) -> tokio::sync::broadcast::Receiver<Notified> {
        self.notified.subscribe()
    }

    /// What this process announced, for telling others.
    pub fn local(&self) -> tokio::sync::broadcast::Receiver<BTreeSet<Channel>> {
        self.local.subscribe()
    }
}
