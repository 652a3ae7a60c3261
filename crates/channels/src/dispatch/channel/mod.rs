//! A channel with its providers, as everybody who works for it sees it. Its loop is in `claim`.

pub(super) mod notifier;
pub(super) mod pace;
mod refused;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use watchbell_core::{Channel, Timestamp};
use watchbell_store::queue::{Ranks, Sending};

use self::notifier::ChannelNotifier;
use self::pace::{Pace, PaceCell};
use self::refused::Refused;
use super::context::DispatchContext;
use super::metrics::ChannelMetrics;
use super::routes::choice::{Room, Routes};
use super::settings::ChannelRoute;
use crate::settings::OnUnknown;

#[derive(Debug)]
pub(super) struct ChannelWorker {
    pub context: Arc<DispatchContext>,
    pub channel: Channel,
    pub routes: Routes,
    pub on_unknown: OnUnknown,
    pub notifier: Arc<ChannelNotifier>,
    pub started_at: Timestamp,
    /// How long a provider that tells what became of a message has for that.
    pub receipt_after: Option<Duration>,
    pub refused: Refused,
    pub metrics: Arc<ChannelMetrics>,
    pace: PaceCell,
    /// When deliveries were last claimed, or handed over inline; in epoch milliseconds.
    busy_at: AtomicI64,
}

impl ChannelWorker {
    pub fn new(context: Arc<DispatchContext>, route: ChannelRoute) -> Arc<Self> {
        let (channel, on_unknown, started_at) = (route.channel, route.on_unknown, context.clock.now());
        let receipt_after = route.receipt_after;
        let metrics = context.metrics.of(channel, route.providers.iter().map(|provider| provider.name.as_str()));
        Arc::new(Self {
            routes: Routes::new(route, &context.states, &context.clock),
            context,
            channel,
            on_unknown,
            notifier: Arc::default(),
            started_at,
            receipt_after,
            refused: Refused::default(),
            metrics: Arc::new(metrics),
            pace: PaceCell::new(Pace::Held),
            busy_at: AtomicI64::new(0),
        })
    }

    pub fn pace(&self) -> Pace {
        self.pace.get()
    }

    pub fn set_pace(&self, pace: Pace) {
        self.pace.set(pace);
        self.notifier.pace_changed();
    }

    /// Notes that there is something to do now.
    pub fn is_busy(&self, now: Timestamp) {
        self.busy_at.store(now.as_millis(), Ordering::Relaxed);
    }

    /// How long ago there was something to do.
    pub fn idle_for(&self, now: Timestamp) -> Duration {
        now - Timestamp::from_millis(self.busy_at.load(Ordering::Relaxed))
    }

    /// What is being sent; None where nothing is.
    pub fn sending(&self) -> Option<Sending> {
        let deliveries = self.routes.calls_in_flight() as u64;
        (deliveries > 0).then_some(Sending { channel: self.channel, deliveries })
    }

    /// What may be claimed now: what a provider has room for, or one message that is passed on from one provider to another.
    pub fn room(&self, now: Timestamp, most: u32) -> Room {
        match self.routes.room(now, most) {
            Room::NotBefore(_) | Room::Full if self.notifier.take_passed_on() => Room::Probe { ranks: Ranks::All, all_at: now },
            room => room,
        }
    }
}
