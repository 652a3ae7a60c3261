//! Watchbell's clock as governor, which counts calls in a time, reads one.

use std::sync::{Arc, Mutex, PoisonError};

use governor::nanos::Nanos;

use super::Clock;
use crate::time::Timestamp;

/// Governor takes 0 for "before everything" and looks back by as long as a limiter takes to fill up. A limiter that has just been
/// made is a day old, so that no such time lies before 0.
const START_NS: u64 = 86_400_000_000_000;

/// The time that has passed by a [`Clock`]. It stands while that clock is set back, and goes on from there: nobody is locked out
/// until the old time is reached again. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ElapsedClock {
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug)]
struct Seen {
    at: Timestamp,
    elapsed_ns: u64,
}

impl ElapsedClock {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Seen { at: clock.now(), elapsed_ns: START_NS };
        Self { clock, seen: Arc::new(Mutex::new(seen)) }
    }
}

impl governor::clock::Clock for ElapsedClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, or an older reading could be taken for a clock that was set back.
        let now = self.clock.now();
        let passed_ms = u64::try_from((now - seen.at).as_millis()).unwrap_or(0);
        seen.at = now;
        seen.elapsed_ns = seen.elapsed_ns.saturating_add(passed_ms.saturating_mul(1_000_000));
        Nanos::from(seen.elapsed_ns)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::Clock as _;

    use super::*;
    use crate::ManualClock;

    #[test]
    fn it_stands_while_the_clock_is_set_back_and_goes_on_from_there() {
        let manual = ManualClock::new(Timestamp::from_millis(100_000));
        let elapsed = ElapsedClock::new(Arc::new(manual.clone()));
        let passed_ms = || (elapsed.now().as_u64() - START_NS) / 1_000_000;
        manual.advance(Duration::from_millis(500));
        assert_eq!(passed_ms(), 500);
        manual.set(Timestamp::from_millis(0));
        assert_eq!(passed_ms(), 500);
        manual.advance(Duration::from_millis(20));
        assert_eq!((passed_ms(), elapsed.clone().now().as_u64()), (520, START_NS + 520_000_000));
    }
}
