//! The one place that reads the time and waits for it.

mod elapsed;
mod machine;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

pub use elapsed::ElapsedClock;
pub use machine::SystemClock;
pub use shared::SharedClock;

use crate::time::Timestamp;

/// A clock: the machine's, the database's, or one that a test moves.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    fn now(&self) -> Timestamp;

    /// Returns when [`Clock::now`] is at or past `at`.
    async fn sleep_until(&self, at: Timestamp);

    /// Returns after `duration`, however the clock is set meanwhile.
    async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }

    /// Whether it shows the time exactly enough to judge by who is alive.
    fn is_sure(&self) -> bool {
        true
    }

    /// This clock, where it goes by readings of one that several processes share.
    fn shared(&self) -> Option<&SharedClock> {
        None
    }
}

/// Returns when the clock is at or past `at`.
async fn sleep_in_pieces(clock: &dyn Clock, at: Timestamp) {
    /// A long wait is taken in pieces, so that a clock that is set (a machine that was suspended) is noticed.
    const LONGEST_PIECE: Duration = Duration::from_secs(1);
    // What waits for nothing in particular does not look.
    if at == Timestamp::MAX {
        std::future::pending::<()>().await;
    }
    loop {
        let left = at - clock.now();
        if left.is_zero() {
            return;
        }
        sleep_monotonic(left.min(LONGEST_PIECE)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else waits on")]
async fn sleep_monotonic(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// A clock that stands still until a test moves it. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl ManualClock {
    pub fn new(start: Timestamp) -> Self {
        Self { now: Arc::new(watch::Sender::new(start)) }
    }

    /// Moves the clock forward and wakes whoever waited for a time up to the new one.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = *now + by);
    }

    /// Moves the clock to `at`, wherever it stood.
    pub fn set(&self, at: Timestamp) {
        self.now.send_replace(at);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut seen = self.now.subscribe();
        // The sender lives in `self`, so waiting cannot fail while somebody waits on it.
        let _ = seen.wait_for(|now| *now >= at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_is_moved_past_its_time() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(Timestamp::from_millis(61_000)).await }
        });
        clock.advance(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        assert!(sleeper.await.is_ok());
    }
}
