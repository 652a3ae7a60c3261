//! The clock that several processes go by, the database's: each reads it now and then, and counts on by itself in between.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Clock, machine, sleep_in_pieces, sleep_monotonic};
use crate::time::Timestamp;

/// A process that cannot say the time more exactly than this takes nothing: who is alive is a matter of seconds.
const MOST_ERROR: Duration = Duration::from_millis(500);
/// How fast a machine may count, at worst, in millionths: what quartz in a hot room does, with reserve.
const DRIFT_PPM: u32 = 200;
/// A reading comes in whole milliseconds.
const GRAIN: Duration = Duration::from_millis(1);

/// What the shared clock showed at some moment between the question and the answer.
#[derive(Clone, Copy, Debug)]
struct Reading {
    shown: Timestamp,
    /// The middle between the two, since the clock was made.
    at: Duration,
    /// Half of the time between them.
    error: Duration,
}

/// Goes by readings of another clock; until the first one, by the machine's. Where the machine's clock stands, or is set to, matters
/// nowhere.
pub struct SharedClock {
    made: Instant,
    best: Mutex<Option<Reading>>,
    /// The machine's own clock.
    machine: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl std::fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedClock").field("best", &self.best).finish_non_exhaustive()
    }
}

impl Default for SharedClock {
    fn default() -> Self {
        Self::beside(machine::wall)
    }
}

impl SharedClock {
    /// On a machine whose own clock shows that.
    pub fn beside(machine: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { made: machine::monotonic(), best: Mutex::default(), machine: Box::new(machine) }
    }

    /// How long this clock has been counting: to be taken before the other one is asked.
    pub fn counted(&self) -> Duration {
        machine::monotonic().saturating_duration_since(self.made)
    }

    /// What the other clock showed in answer to a question that was asked at `asked` by [`SharedClock::counted`].
    pub fn learn(&self, shown: Timestamp, asked: Duration) {
        let answered = self.counted();
        let error = answered.saturating_sub(asked) / 2;
        let reading = Reading { shown, at: asked + error, error: error + GRAIN };
        let mut best = self.best.lock().unwrap_or_else(PoisonError::into_inner);
        *best = Some(best.map_or(reading, |known| known.or(reading, answered)));
    }

    /// How far off it may be, at worst; None before the first reading.
    pub fn error(&self) -> Option<Duration> {
        self.best().map(|best| best.error_at(self.counted()))
    }

    /// How far the machine's own clock is ahead of this one, in milliseconds; negative where it is behind. None before the first
    /// reading.
    pub fn machine_ahead_ms(&self) -> Option<i64> {
        self.best().map(|best| (self.machine)().ms_since(best.shown_at(self.counted())))
    }

    fn best(&self) -> Option<Reading> {
        *self.best.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        self.best().map_or_else(|| (self.machine)(), |best| best.shown_at(self.counted()))
    }

    async fn sleep_until(&self, at: Timestamp) {
        sleep_in_pieces(self, at).await;
    }

    async fn sleep(&self, duration: Duration) {
        sleep_monotonic(duration).await;
    }

    fn is_sure(&self) -> bool {
        self.error().is_some_and(|error| error <= MOST_ERROR)
    }

    fn shared(&self) -> Option<&SharedClock> {
        Some(self)
    }
}

impl Reading {
    fn shown_at(&self, counted: Duration) -> Timestamp {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.shown.plus_ms(ms(counted) - ms(self.at))
    }

    fn error_at(&self, counted: Duration) -> Duration {
        self.error + counted.saturating_sub(self.at) * DRIFT_PPM / 1_000_000
    }

    /// The better of the two; the later one where they cannot both be right: the other clock was set, or is another one's now, or
    /// this machine stood still without counting.
    fn or(self, later: Self, counted: Duration) -> Self {
        let apart = self.shown_at(later.at).ms_since(later.shown).unsigned_abs();
        let contradicts = Duration::from_millis(apart) > self.error_at(later.at) + later.error;
        if contradicts || later.error_at(counted) <= self.error_at(counted) { later } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn reading(shown_ms: i64, at_ms: u64, error_ms: u64) -> Reading {
        Reading { shown: Timestamp::from_millis(shown_ms), at: ms(at_ms), error: ms(error_ms) }
    }

    #[test]
    fn the_better_reading_counts_and_after_a_step_the_later_one() {
        let first = reading(1_000_000, 0, 5);
        // A slow answer says less than what is known.
        assert_eq!(first.or(reading(1_002_300, 2_000, 400), ms(2_400)).error, ms(5));
        // A quick one more.
        assert_eq!(first.or(reading(1_002_001, 2_000, 2), ms(2_002)).error, ms(2));
        // After ten minutes a reading as good as the first one is better: the machine may have drifted.
        assert_eq!(first.or(reading(1_600_003, 600_000, 6), ms(600_006)).error, ms(6));
        // The other clock was set, ahead or back: however slow the answer, it counts.
        for shown in [1_302_000, 702_000] {
            let later = first.or(reading(shown, 2_000, 400), ms(2_400));
            assert_eq!(later.shown_at(ms(3_000)), Timestamp::from_millis(shown + 1_000));
        }
    }

    #[test]
    fn what_it_cannot_vouch_for_it_says() {
        let clock = SharedClock::beside(|| Timestamp::from_millis(9_000_000));
        assert!(!clock.is_sure() && clock.error().is_none() && clock.machine_ahead_ms().is_none());
        assert_eq!(clock.now(), Timestamp::from_millis(9_000_000));
        clock.learn(Timestamp::from_millis(8_700_000), clock.counted());
        assert!(clock.is_sure());
        let ahead = clock.machine_ahead_ms().unwrap_or_default();
        assert!((299_000..=300_001).contains(&ahead), "{ahead}");
        // Not measured for an hour, it could be off by more.
        assert!(reading(0, 0, 2).error_at(Duration::from_hours(1)) > MOST_ERROR);
    }
}
