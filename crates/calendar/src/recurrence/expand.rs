//! When a rule recurs.
//!
//! A rule is followed period by period (years, months, weeks, days or hours). Of each period, its days are looked through for those that the rule
//! wants, and get the rule's times; positions are counted in what is found. A rule without `COUNT` is followed from shortly before the
//! time that matters on, so it does not matter how long ago it began.

use jiff::Span;
use jiff::civil::{Date, DateTime, Time, Weekday};

use super::rule::{Frequency, Rule};

/// Days, or hours, that are looked at for one rule at most: hourly ones for a century.
const MOST_OF_RULE: u32 = 1_000_000;

/// What reading a calendar may still cost, in days (or hours) that are looked at.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Budget {
    pub fn new(days: u32) -> Self {
        Self(days)
    }

    fn spend(&mut self, days: u32) -> bool {
        self.0 = self.0.saturating_sub(days);
        self.0 > 0
    }
}

/// The times of a rule that begins at `first`, which counts as one of them, that are `from` or later and before `to`, in order.
/// None where finding them would cost too much.
pub(crate) fn occurrences(rule: &Rule, first: DateTime, from: DateTime, to: DateTime, budget: &mut Budget) -> Option<Vec<DateTime>> {
    let mut found = Vec::new();
    let mut left = rule.count.unwrap_or(u32::MAX);
    let mut take = |at: DateTime| {
        if at >= from && at < to {
            found.push(at);
        }
        left -= 1;
        left > 0 && at < to
    };
    if !take(first) {
        return Some(found);
    }
    let rule = &with_defaults(rule, first);
    let mut spent = 0;
    let mut number = if rule.count.is_none() { periods_until(rule, first, from) } else { 0 };
    loop {
        let Some(period) = Period::of(rule, first, number) else { return Some(found) };
        if period.begins() >= to {
            return Some(found);
        }
        let cost = period.cost();
        spent += cost;
        if !budget.spend(cost) || spent > MOST_OF_RULE {
            return None;
        }
        for at in at_positions(period.times(rule), &rule.positions) {
            if at > first && !take(at) {
                return Some(found);
            }
        }
        number += rule.interval;
    }
}

/// What a rule leaves to the time at which it begins.
fn with_defaults(rule: &Rule, first: DateTime) -> Rule {
    let mut rule = rule.clone();
    let says_no_day = rule.weeks.is_empty() && rule.year_days.is_empty() && rule.month_days.is_empty() && rule.days.is_empty();
    match rule.frequency {
        Frequency::Yearly if says_no_day => {
            rule.month_days = vec![first.day().into()];
            if rule.months.is_empty() {
                rule.months = vec![first.month().into()];
            }
        }
        Frequency::Yearly if rule.days.is_empty() && !rule.weeks.is_empty() => rule.days = vec![(None, first.weekday())],
        Frequency::Monthly if says_no_day => rule.month_days = vec![first.day().into()],
        Frequency::Weekly if says_no_day => rule.days = vec![(None, first.weekday())],
        _ => {}
    }
    if rule.hours.is_empty() && rule.frequency != Frequency::Hourly {
        rule.hours = vec![first.hour().into()];
    }
    if rule.minutes.is_empty() {
        rule.minutes = vec![first.minute().into()];
    }
    if rule.seconds.is_empty() {
        rule.seconds = vec![first.second().into()];
    }
    rule
}

/// The number of a period of the rule that ends before `from`, or of its first one.
fn periods_until(rule: &Rule, first: DateTime, from: DateTime) -> i64 {
    let days = from.date().duration_since(first.date()).as_hours() / 24;
    let periods = match rule.frequency {
        Frequency::Yearly => i64::from(from.year()) - i64::from(first.year()),
        Frequency::Monthly => month_number(from.date()) - month_number(first.date()),
        Frequency::Weekly => days / 7,
        Frequency::Daily => days,
        Frequency::Hourly => (days - 1) * 24,
    };
    // One interval is left for where in its period a time lies.
    (periods / rule.interval - 2).max(0) * rule.interval
}

fn month_number(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// A year, month, week, day or hour.
struct Period {
    days: Vec<Date>,
    /// Of an hour.
    hour: Option<i8>,
}

impl Period {
    /// The one that many after that of `first`. None where the calendar ends.
    fn of(rule: &Rule, first: DateTime, number: i64) -> Option<Self> {
        let day = first.date();
        let from = |begin: Date, days: i64| -> Option<Vec<Date>> {
            (0..days).map(|after| begin.checked_add(Span::new().try_days(after).ok()?).ok()).collect()
        };
        let days = match rule.frequency {
            Frequency::Yearly => {
                let begin = Date::new(i16::try_from(i64::from(day.year()) + number).ok()?, 1, 1).ok()?;
                from(begin, begin.days_in_year().into())?
            }
            Frequency::Monthly => {
                let month = month_number(day) + number;
                let begin = Date::new(i16::try_from(month.div_euclid(12)).ok()?, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
                from(begin, begin.days_in_month().into())?
            }
            Frequency::Weekly => {
                let back = rule.week_start.until(day.weekday());
                from(day.checked_add(Span::new().try_days(number.checked_mul(7)? - i64::from(back)).ok()?).ok()?, 7)?
            }
            Frequency::Daily => vec![day.checked_add(Span::new().try_days(number).ok()?).ok()?],
            Frequency::Hourly => {
                let begin = day.at(first.hour(), 0, 0, 0).checked_add(Span::new().try_hours(number).ok()?).ok()?;
                return Some(Self { days: vec![begin.date()], hour: Some(begin.hour()) });
            }
        };
        Some(Self { days, hour: None })
    }

    fn begins(&self) -> DateTime {
        self.days.first().map_or(DateTime::MAX, |day| day.at(self.hour.unwrap_or_default(), 0, 0, 0))
    }

    fn cost(&self) -> u32 {
        u32::try_from(self.days.len()).unwrap_or(u32::MAX)
    }

    /// Those of its times that the rule wants, in order.
    fn times(&self, rule: &Rule) -> Vec<DateTime> {
        let mut times = Vec::new();
        for day in self.days.iter().filter(|day| is_wanted(rule, **day)) {
            let hours = match self.hour {
                None => rule.hours.clone(),
                Some(hour) if rule.hours.is_empty() || rule.hours.contains(&hour.into()) => vec![hour.into()],
                Some(_) => Vec::new(),
            };
            for hour in hours {
                for minute in &rule.minutes {
                    for second in &rule.seconds {
                        times.extend(time(hour, *minute, *second).map(|time| day.to_datetime(time)));
                    }
                }
            }
        }
        times
    }
}

fn time(hour: i16, minute: i16, second: i16) -> Option<Time> {
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()
}

/// Those at the positions of a period's times, counted from 1 on, or from the last one on backwards; all where there are no positions.
fn at_positions(times: Vec<DateTime>, positions: &[i16]) -> Vec<DateTime> {
    if positions.is_empty() {
        return times;
    }
    let count = i64::try_from(times.len()).unwrap_or(i64::MAX);
    let is_at = |at: i64| positions.iter().any(|position| i64::from(*position) == at + 1 || i64::from(*position) == at - count);
    (0..count).zip(times).filter(|(at, _)| is_at(*at)).map(|(_, time)| time).collect()
}

fn is_wanted(rule: &Rule, day: Date) -> bool {
    let of = |numbers: &[i16], number: i16, count: i16| {
        numbers.is_empty() || numbers.iter().any(|wanted| *wanted == number || *wanted == number - count - 1)
    };
    of(&rule.months, day.month().into(), 12)
        && of(&rule.month_days, day.day().into(), day.days_in_month().into())
        && of(&rule.year_days, day.day_of_year(), day.days_in_year())
        && (rule.weeks.is_empty() || is_in_weeks(rule, day))
        && (rule.days.is_empty() || rule.days.iter().any(|(number, weekday)| is_day(rule, day, *number, *weekday)))
}

/// Whether the day lies in one of the rule's weeks, which begin on its own weekday; the first has four days in the year.
fn is_in_weeks(rule: &Rule, day: Date) -> bool {
    let week_start = |year: i16| {
        let fourth = Date::new(year, 1, 4).ok()?;
        fourth.checked_sub(Span::new().try_days(rule.week_start.until(fourth.weekday())).ok()?).ok()
    };
    let (Some(before), Some(own), Some(after)) =
        (week_start(day.year() - 1), week_start(day.year()), week_start(day.year().saturating_add(1)))
    else {
        return false;
    };
    let (begin, end) = if day < own {
        (before, own)
    } else if day < after {
        (own, after)
    } else {
        return rule.weeks.contains(&1);
    };
    let weeks = |from: Date, to: Date| i16::try_from(to.duration_since(from).as_hours() / (24 * 7)).unwrap_or_default();
    let (number, count) = (weeks(begin, day) + 1, weeks(begin, end));
    rule.weeks.iter().any(|wanted| *wanted == number || *wanted == number - count - 1)
}

/// Whether the day is that weekday; with a number, that one of the year, or of the month.
fn is_day(rule: &Rule, day: Date, number: Option<i16>, weekday: Weekday) -> bool {
    if day.weekday() != weekday {
        return false;
    }
    let (at, count) = match (number, rule.frequency) {
        (None, _) | (Some(_), Frequency::Weekly | Frequency::Daily | Frequency::Hourly) => return true,
        (Some(_), Frequency::Yearly) if rule.months.is_empty() => (day.day_of_year(), day.days_in_year()),
        (Some(_), _) => (day.day().into(), day.days_in_month().into()),
    };
    let (from_begin, from_end) = ((at - 1) / 7 + 1, -((count - at) / 7 + 1));
    number == Some(from_begin) || number == Some(from_end)
}
