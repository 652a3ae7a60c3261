//! Whether a channel worker keeps up with what becomes due.

use std::sync::atomic::{AtomicU8, Ordering};

/// How a channel worker stands to its ready queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) enum Pace {
    /// Nothing was ready at the last look, and nothing has become so since.
    CaughtUp,
    /// What is ready leaves as fast as this machine can.
    Behind,
    /// What is ready waits for a provider, its limit, or the database.
    Held,
}

/// A [`Pace`] that others read while the worker changes it.
#[derive(Debug)]
pub(super) struct PaceCell(AtomicU8);

impl PaceCell {
    pub fn new(pace: Pace) -> Self {
        Self(AtomicU8::new(pace as u8))
    }

    pub fn get(&self) -> Pace {
        const ALL: [Pace; 3] = [Pace::CaughtUp, Pace::Behind, Pace::Held];
        let pace = self.0.load(Ordering::Acquire);
        ALL.into_iter().find(|one| *one as u8 == pace).unwrap_or(Pace::Held)
    }

    pub fn set(&self, pace: Pace) {
        self.0.store(pace as u8, Ordering::Release);
    }
}
