//! When a failed attempt is tried again.

use serde::Deserialize;

use crate::time::Timestamp;

/// A ladder of waits with an end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// Seconds to wait after the first failed attempt, the second, …; the last one repeats until `window_s` is over.
    pub waits_s: Vec<u32>,
    /// Seconds from the time that the delivery was due after which it is not tried again.
    pub window_s: u32,
    /// How far a wait may be stretched or shortened, in per cent.
    pub jitter_percent: u8,
}

impl RetryPolicy {
    /// HIGH alerts: 5 s, 15 s, 30 s, 60 s, then each minute, 20 minutes in all (the design's figures).
    pub fn high() -> Self {
        Self { waits_s: vec![5, 15, 30, 60], window_s: 20 * 60, jitter_percent: 10 }
    }

    /// Everything else: 30 s, 2 min, 10 min, 30 min, 2 h (the design's figures), and no more after those.
    pub fn normal() -> Self {
        Self { waits_s: vec![30, 120, 600, 1_800, 7_200], window_s: 3 * 3_600, jitter_percent: 10 }
    }

    /// When to try again after attempt number `attempts` (1 is the first) failed at `now`; None when the window is over.
    ///
    /// `after` is the earliest time that the provider allows; `chance` in 0..1 places the wait within its jitter.
    pub fn next(&self, attempts: u32, first_due: Timestamp, now: Timestamp, after: Option<Timestamp>, chance: f64) -> Option<Timestamp> {
        let next = self.wait(attempts, now, chance)?;
        // A Retry-After is obeyed to the millisecond: jitter only ever adds to it.
        let next = after.map_or(next, |after| next.max(after));
        self.is_open(first_due, next).then_some(next)
    }

    /// Whether what was first due then may still be tried at `at`.
    pub fn is_open(&self, first_due: Timestamp, at: Timestamp) -> bool {
        at <= first_due.plus_s(i64::from(self.window_s))
    }

    /// The ladder's step after attempt number `attempts`, wherever the window ends; None where there is no ladder.
    pub fn wait(&self, attempts: u32, now: Timestamp, chance: f64) -> Option<Timestamp> {
        let at = (attempts.max(1) as usize - 1).min(self.waits_s.len().checked_sub(1)?);
        let wait_ms = f64::from(self.waits_s[at]) * 1000.0;
        let jittered = wait_ms * (1.0 + f64::from(self.jitter_percent) / 100.0 * (chance * 2.0 - 1.0));
        #[expect(clippy::cast_possible_truncation, reason = "waits are u32 seconds, so milliseconds fit easily")]
        Some(now.plus_ms(jittered as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_s(seconds)
    }

    #[test]
    fn the_ladder_repeats_its_last_wait_until_the_window_is_over() {
        let policy = RetryPolicy::high();
        let mut now = s(0);
        let mut tries = vec![];
        for attempt in 1.. {
            match policy.next(attempt, s(0), now, None, 0.5) {
                Some(next) => tries.push((next - now).as_secs()),
                None => break,
            }
            now = policy.next(attempt, s(0), now, None, 0.5).unwrap_or(now);
        }
        assert_eq!(tries[..6], [5, 15, 30, 60, 60, 60]);
        assert!(now <= s(20 * 60) && now > s(19 * 60 - 1));
    }

    proptest! {
        #[test]
        fn never_before_retry_after_and_never_past_the_window(attempts in 1_u32..50, now in 0_i64..4_000, after in 0_i64..8_000, chance in 0.0_f64..1.0) {
            let policy = RetryPolicy::normal();
            if let Some(next) = policy.next(attempts, s(0), s(now), Some(s(after)), chance) {
                prop_assert!(next >= s(after));
                prop_assert!(next > s(now));
                prop_assert!(next <= s(i64::from(policy.window_s)));
            }
        }
    }
}
