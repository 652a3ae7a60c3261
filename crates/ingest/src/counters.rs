//! What the consumers did, and how far behind they are.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use watchbell_metrics::{Counter, Family, Gauge, Registry};

/// Counted since the process began.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) rejected: Counter,
    pub(crate) redelivered: Counter,
    pub(crate) missed: Counter,
    pub(crate) unpublished: Counter,
    pending: Family<ConsumerLabels, Gauge>,
    unacknowledged: Family<ConsumerLabels, Gauge>,
    waiting: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConsumerLabels {
    consumer: String,
}

/// The figures at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events handed to the sink and committed, known ones included.
    pub accepted: u64,
    /// Dead letters written here.
    pub rejected: u64,
    /// Deliveries of an event after its first.
    pub redelivered: u64,
    /// Events that may have been gone from the stream before anyone took them: an alarm.
    pub missed: u64,
    /// Messages to others (outcomes, wake-ups, dead letters) that were dropped because NATS was away.
    pub unpublished: u64,
}

impl Counters {
    pub fn counts(&self) -> Counts {
        Counts {
            accepted: self.accepted.get(),
            rejected: self.rejected.get(),
            redelivered: self.redelivered.get(),
            missed: self.missed.get(),
            unpublished: self.unpublished.get(),
        }
    }

    pub fn register(&self, registry: &mut Registry) {
        let counters = [
            ("accepted", "Events from NATS that were committed, known ones included", &self.accepted),
            ("dead_letters", "Messages from NATS that are no usable events", &self.rejected),
            ("redelivered", "Messages that NATS delivered again, as they had not been acknowledged", &self.redelivered),
            ("missed", "Events that were gone from the stream before they were read, at most: a gap in its sequence", &self.missed),
            ("unpublished", "Outcomes and wake-ups that were dropped as NATS was away", &self.unpublished),
        ];
        for (name, help, counter) in counters {
            registry.register(format!("watchbell_nats_{name}"), help, counter.clone());
        }
        let pending = "Events in the stream that a consumer has not been given yet, as it was last asked";
        registry.register("watchbell_nats_consumer_pending", pending, self.pending.clone());
        let unacknowledged = "Events that a consumer was given and has not acknowledged, as it was last asked";
        registry.register("watchbell_nats_consumer_unacknowledged", unacknowledged, self.unacknowledged.clone());
    }

    /// Events that wait to be given to this process or another one, by the consumers that were last asked about.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Notes how many events wait for all standing consumers together.
    pub(crate) fn wait(&self, waiting: u64) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Notes how far a standing consumer is behind.
    pub(crate) fn lags(&self, consumer: &str, pending: u64, unacknowledged: usize) {
        let labels = ConsumerLabels { consumer: consumer.to_owned() };
        self.pending.get_or_create(&labels).set(i64::try_from(pending).unwrap_or(i64::MAX));
        self.unacknowledged.get_or_create(&labels).set(i64::try_from(unacknowledged).unwrap_or(i64::MAX));
    }

    pub(crate) fn add(counter: &Counter, by: usize) {
        counter.inc_by(by as u64);
    }
}
