//! What the consumers did, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted since the process began.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) redelivered: AtomicU64,
    pub(crate) missed: AtomicU64,
    pub(crate) unpublished: AtomicU64,
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
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            accepted: read(&self.accepted),
            rejected: read(&self.rejected),
            redelivered: read(&self.redelivered),
            missed: read(&self.missed),
            unpublished: read(&self.unpublished),
        }
    }

    pub(crate) fn add(counter: &AtomicU64, by: usize) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }
}
