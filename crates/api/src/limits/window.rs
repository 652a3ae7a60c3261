//! So many requests of a key in any minute, counted one by one.
//!
//! A rate that fills up evenly would let twice as many through in the first minute, and could not say when there is room for
//! a whole burst again. Requests that were refused do not count.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::Clock as _;
use watchbell_core::{Clock, ElapsedClock, KeyId};

use super::CHECKS_BETWEEN_SWEEPS;
use crate::problem::{Kind, Problem};

const WINDOW_MS: u64 = 60_000;

pub(super) struct Window {
    most: usize,
    elapsed: ElapsedClock,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    /// When each key called within the last minute, oldest first, in ms of `elapsed`.
    of: HashMap<KeyId, VecDeque<u64>>,
    checks: u32,
}

impl Window {
    pub fn new(most: usize, clock: &Arc<dyn Clock>) -> Self {
        Self { most, elapsed: ElapsedClock::new(clock.clone()), calls: Mutex::default() }
    }

    pub fn check(&self, key: KeyId) -> Result<(), Problem> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that each key's times stand in order.
        let now_ms = self.elapsed.now().as_u64() / 1_000_000;
        calls.checks += 1;
        if calls.checks >= CHECKS_BETWEEN_SWEEPS {
            calls.checks = 0;
            calls.of.retain(|_, times| times.back().is_some_and(|last| last + WINDOW_MS > now_ms));
        }
        let times = calls.of.entry(key).or_default();
        while times.front().is_some_and(|first| first + WINDOW_MS <= now_ms) {
            times.pop_front();
        }
        match times.front() {
            Some(first) if times.len() >= self.most => {
                let retry_s = (first + WINDOW_MS - now_ms).div_ceil(1000);
                Err(Problem::new(Kind::TooMany { retry_s }, format!("too many requests of this key; try again in {retry_s} s")))
            }
            _ => {
                times.push_back(now_ms);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;
    use std::time::Duration;
    use watchbell_core::{ManualClock, Timestamp};

    #[test]
    fn a_call_counts_for_a_minute() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let window = Window::new(3, &shared);
        let refused = |retry_s| assert_eq!(window.check(KeyId(1)).unwrap_err().kind, Kind::TooMany { retry_s });
        window.check(KeyId(1)).unwrap();
        clock.advance(Duration::from_millis(500));
        window.check(KeyId(1)).unwrap();
        window.check(KeyId(1)).unwrap();
        refused(60);
        window.check(KeyId(2)).unwrap();
        clock.advance(Duration::from_millis(59_499));
        refused(1);
        clock.advance(Duration::from_millis(1));
        window.check(KeyId(1)).unwrap();
        refused(1);
        // A clock that is set back stands, and goes on from there.
        clock.set(Timestamp::from_millis(0));
        refused(1);
        clock.advance(Duration::from_millis(500));
        window.check(KeyId(1)).unwrap();
        window.check(KeyId(1)).unwrap();
        refused(60);
    }

    #[test]
    fn quiet_keys_are_forgotten() {
        let clock = ManualClock::new(Timestamp::from_millis(1_000));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let window = Window::new(1, &shared);
        for key in 1..i64::from(CHECKS_BETWEEN_SWEEPS) {
            window.check(KeyId(key)).unwrap();
        }
        clock.advance(Duration::from_mins(2));
        window.check(KeyId(-1)).unwrap();
        assert_eq!(window.calls.lock().unwrap().of.len(), 1);
    }
}
