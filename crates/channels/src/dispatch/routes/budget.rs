//! The calls that a provider may still make on a day, for all processes together.
//!
//! They are counted in the database, once for many: each process takes some from there at a time, and makes calls of what it has.
//! A process that dies has used up what it had taken, which is a hundredth of a day's calls at most: never more is spent than is
//! allowed.

use watchbell_core::{Channel, Timestamp};
use watchbell_store::queue::Budget;

/// A process takes one in so many of a day's calls at a time,
const PART: i64 = 100;
/// but no more than so many.
const LARGEST_PART: i64 = 100;

/// This process's part of one budget.
#[derive(Debug)]
pub(super) struct DayBudget {
    channel: Channel,
    provider: String,
    per_day: i64,
    /// In days since 1970, UTC.
    day: i64,
    left: i64,
    /// There was nothing left of that day for anybody.
    is_used_up: bool,
}

impl DayBudget {
    pub fn new(channel: Channel, provider: &str, per_day: u32) -> Self {
        Self { channel, provider: provider.to_owned(), per_day: i64::from(per_day), day: i64::MIN, left: 0, is_used_up: false }
    }

    /// Calls that may be made now.
    pub fn left(&self, now: Timestamp) -> i64 {
        if self.day == now.utc_day() { self.left } else { 0 }
    }

    /// Whether nobody has any more of them today.
    pub fn is_used_up(&self, now: Timestamp) -> bool {
        self.per_day == 0 || (self.is_used_up && self.left(now) == 0 && self.day == now.utc_day())
    }

    /// Makes so many of them.
    pub fn take(&mut self, calls: u32) {
        self.left -= i64::from(calls);
    }

    /// Calls that were taken and not made; those of a day that is over are of no use any more.
    pub fn give_back(&mut self, calls: u32) {
        self.left = self.left.saturating_add(i64::from(calls));
    }

    /// What is to be taken from the database before anything can be called, and how much.
    pub fn wanted(&self, now: Timestamp) -> Option<(Budget, i64)> {
        let is_wanted = self.left(now) == 0 && !self.is_used_up(now);
        is_wanted.then(|| (self.of(now.utc_day()), (self.per_day / PART).clamp(1, LARGEST_PART)))
    }

    /// What was taken of that day; nothing: it is used up.
    pub fn granted(&mut self, day: i64, calls: i64) {
        if self.day != day {
            (self.day, self.left) = (day, 0);
        }
        self.left += calls;
        self.is_used_up = calls == 0;
    }

    /// What nobody will use any more, as the process ends.
    pub fn rest(&mut self) -> Option<(Budget, i64)> {
        let left = std::mem::take(&mut self.left);
        (left > 0).then(|| (self.of(self.day), left))
    }

    pub fn of(&self, day: i64) -> Budget {
        Budget { channel: self.channel, provider: self.provider.clone(), day, calls: self.per_day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: i64 = 24 * 60 * 60;

    #[test]
    fn a_days_calls_are_taken_in_parts_and_each_day_begins_anew() {
        let noon = Timestamp::from_millis(0).plus_s(DAY_S * 100 + DAY_S / 2);
        // A day's calls, and how many are taken at a time.
        for (per_day, part) in [(1, 1), (50, 1), (500, 5), (1_000_000, LARGEST_PART)] {
            let mut budget = DayBudget::new(Channel::Sms, "p", per_day);
            assert_eq!(budget.left(noon), 0);
            assert_eq!(budget.wanted(noon).map(|(of, calls)| (of.day, of.calls, calls)), Some((100, i64::from(per_day), part)));
            budget.granted(100, part);
            assert!(budget.wanted(noon).is_none() && budget.left(noon) == part);
            budget.take(u32::try_from(part).unwrap_or(0));
            assert!(budget.wanted(noon).is_some() && !budget.is_used_up(noon));
            budget.granted(100, 0);
            assert!(budget.wanted(noon).is_none() && budget.is_used_up(noon));
            // One that was not made after all.
            budget.give_back(1);
            assert!(!budget.is_used_up(noon) && budget.left(noon) == 1);
            let tomorrow = noon.plus_s(DAY_S);
            assert!(budget.left(tomorrow) == 0 && !budget.is_used_up(tomorrow) && budget.wanted(tomorrow).is_some());
        }
        assert!(DayBudget::new(Channel::Sms, "p", 0).is_used_up(noon), "none a day");
    }
}
