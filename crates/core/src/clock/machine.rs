//! The machine's clock, made safe to count by: it never runs backwards, and what counts seconds does not see it being set.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use super::{Clock, sleep_in_pieces};
use crate::time::Timestamp;

/// Further back than this a machine had no idea of the time when it started: what it is told then counts at once.
const A_DAY: i64 = 24 * 3_600 * NANOS;
const NANOS: i64 = 1_000_000_000;

/// What a process on one machine goes by. Set ahead, it follows at once: a machine that slept finds its clock ahead just so, and
/// what became due meanwhile is due. Set back, it runs at nine tenths of its speed until the two agree: nothing that waits for a
/// moment, a retry or a recipient's next slot, has to wait for the same hour twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// What was shown when.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// Since the epoch.
    nanos: i64,
    at: Instant,
}

static SHOWN: LazyLock<Mutex<Shown>> = LazyLock::new(|| Mutex::new(Shown { nanos: wall_nanos(), at: monotonic() }));

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let at = monotonic();
        let passed = i64::try_from(at.saturating_duration_since(shown.at).as_nanos()).unwrap_or(i64::MAX);
        *shown = Shown { nanos: follow(shown.nanos, passed, wall_nanos()), at };
        Timestamp::from_millis(shown.nanos / 1_000_000)
    }

    async fn sleep_until(&self, at: Timestamp) {
        sleep_in_pieces(self, at).await;
    }

    async fn sleep(&self, duration: Duration) {
        super::sleep_monotonic(duration).await;
    }
}

/// What is shown `passed` nanoseconds after `shown`, when the machine says `wall`.
fn follow(shown: i64, passed: i64, wall: i64) -> i64 {
    let by_itself = shown.saturating_add(passed);
    if wall >= by_itself || by_itself - wall > A_DAY { wall } else { wall.max(by_itself - passed / 10) }
}

/// The machine's own idea of the time, wherever it was set to.
pub(super) fn wall() -> Timestamp {
    Timestamp::from_millis(wall_nanos() / 1_000_000)
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else asks")]
fn wall_nanos() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else asks")]
pub(super) fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows a machine for so many seconds, whose clock is off by so many; how far off what is shown is then.
    fn after(seconds: i64, off: i64) -> i64 {
        let mut shown = 1_000_000 * NANOS;
        let start = shown;
        for tenth in 1..=seconds * 10 {
            let next = follow(shown, NANOS / 10, start + tenth * (NANOS / 10) + off * NANOS);
            assert!(next >= shown || off < -24 * 3_600, "it ran backwards");
            shown = next;
        }
        (shown - start) / NANOS - seconds
    }

    #[test]
    fn a_clock_that_is_set_ahead_is_followed_and_one_that_is_set_back_is_waited_for() {
        // Seconds by which the clock was set, seconds since, and by how much what is shown is off from an undisturbed clock.
        let table = [
            (0, 100, 0),
            (300, 1, 300),
            (-300, 10, -1),
            (-300, 1_000, -100),
            // Caught up.
            (-300, 4_000, -300),
            // It had no idea of the time.
            (-2 * 24 * 3_600, 1, -2 * 24 * 3_600),
        ];
        for (off, seconds, expected) in table {
            assert_eq!(after(seconds, off), expected, "set by {off} s, {seconds} s ago");
        }
    }
}
