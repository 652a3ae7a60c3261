//! A rule, as it is written.

use jiff::civil::Weekday;

use crate::value::Written;

/// How far the periods of a rule are apart. Shorter ones than an hour are no shifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frequency {
    Yearly,
    Monthly,
    Weekly,
    Daily,
    Hourly,
}

/// A weekday of a period: each, or with a number the first, the last, …
pub(super) type Day = (Option<i16>, Weekday);

/// A recurrence rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: i64,
    pub count: Option<u32>,
    pub until: Option<Written>,
    pub(super) months: Vec<i16>,
    pub(super) weeks: Vec<i16>,
    pub(super) year_days: Vec<i16>,
    pub(super) month_days: Vec<i16>,
    pub(super) days: Vec<Day>,
    pub(super) hours: Vec<i16>,
    pub(super) minutes: Vec<i16>,
    pub(super) seconds: Vec<i16>,
    /// Which of a period's times count: the first, the last, …
    pub(super) positions: Vec<i16>,
    pub(super) week_start: Weekday,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// What of it cannot be followed, as the rest of a sentence about the rule.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            months: Vec::new(),
            weeks: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            days: Vec::new(),
            hours: Vec::new(),
            minutes: Vec::new(),
            seconds: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut frequency = None;
        for part in text.trim().split(';').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').ok_or("has a part without a value")?;
            let (name, value) = (name.trim().to_ascii_uppercase(), value.trim().to_ascii_uppercase());
            match name.as_str() {
                "FREQ" => frequency = Some(read_frequency(&value)?),
                "INTERVAL" => rule.interval = one(&name, &value, 1..=10_000)?.into(),
                "COUNT" => rule.count = Some(value.parse().ok().filter(|count| *count > 0).ok_or_else(|| wrong(&name))?),
                "UNTIL" => rule.until = Some(Written::read(&value).ok_or_else(|| wrong(&name))?),
                "BYMONTH" => rule.months = list(&name, &value, 1..=12, false)?,
                "BYWEEKNO" => rule.weeks = list(&name, &value, 1..=53, true)?,
                "BYYEARDAY" => rule.year_days = list(&name, &value, 1..=366, true)?,
                "BYMONTHDAY" => rule.month_days = list(&name, &value, 1..=31, true)?,
                "BYDAY" => rule.days = value.split(',').map(read_day).collect::<Option<_>>().ok_or_else(|| wrong(&name))?,
                "BYHOUR" => rule.hours = list(&name, &value, 0..=23, false)?,
                "BYMINUTE" => rule.minutes = list(&name, &value, 0..=59, false)?,
                "BYSECOND" => rule.seconds = list(&name, &value, 0..=59, false)?,
                "BYSETPOS" => rule.positions = list(&name, &value, 1..=366, true)?,
                "WKST" => rule.week_start = read_weekday(&value).ok_or_else(|| wrong(&name))?,
                name if name.starts_with("X-") => {}
                // What is not known may take times away, or add some.
                _ => return Err("has a part that is not known".to_owned()),
            }
        }
        rule.frequency = frequency.ok_or("does not say how often (FREQ)")?;
        Ok(rule)
    }
}

fn wrong(name: &str) -> String {
    format!("has no {name} that could be used")
}

fn read_frequency(value: &str) -> Result<Frequency, String> {
    match value {
        "YEARLY" => Ok(Frequency::Yearly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "WEEKLY" => Ok(Frequency::Weekly),
        "DAILY" => Ok(Frequency::Daily),
        "HOURLY" => Ok(Frequency::Hourly),
        "MINUTELY" | "SECONDLY" => Err("recurs more often than each hour, as no shift does".to_owned()),
        _ => Err(wrong("FREQ")),
    }
}

fn one(name: &str, value: &str, range: std::ops::RangeInclusive<i16>) -> Result<i16, String> {
    value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| wrong(name))
}

fn list(name: &str, value: &str, range: std::ops::RangeInclusive<i16>, from_the_end: bool) -> Result<Vec<i16>, String> {
    let number = |text: &str| {
        let number: i16 = text.trim().parse().ok()?;
        let is_in = range.contains(&number) || (from_the_end && number < 0 && range.contains(&number.abs()));
        is_in.then_some(number)
    };
    let mut numbers: Vec<i16> = value.split(',').map(number).collect::<Option<_>>().ok_or_else(|| wrong(name))?;
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// `MO`, `1MO`, `-1FR`.
fn read_day(text: &str) -> Option<Day> {
    let text = text.trim();
    let (number, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let number = match number {
        "" => None,
        number => Some(number.parse::<i16>().ok().filter(|number| (1..=53).contains(&number.abs()))?),
    };
    Some((number, read_weekday(day)?))
}

fn read_weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_of_a_rule_cannot_be_followed_is_named() {
        let table = [
            ("", "does not say how often (FREQ)"),
            ("FREQ=SECONDLY", "recurs more often than each hour, as no shift does"),
            ("FREQ=SOMETIMES", "has no FREQ that could be used"),
            ("FREQ=DAILY;INTERVAL=0", "has no INTERVAL that could be used"),
            ("FREQ=DAILY;COUNT=-1", "has no COUNT that could be used"),
            ("FREQ=DAILY;UNTIL=tomorrow", "has no UNTIL that could be used"),
            ("FREQ=DAILY;BYMONTH=13", "has no BYMONTH that could be used"),
            ("FREQ=DAILY;BYMONTH=-1", "has no BYMONTH that could be used"),
            ("FREQ=MONTHLY;BYDAY=XX", "has no BYDAY that could be used"),
            ("FREQ=MONTHLY;BYDAY=0MO", "has no BYDAY that could be used"),
            ("FREQ=MONTHLY;BYDAY=\u{e4}\u{e4}", "has no BYDAY that could be used"),
            ("FREQ=DAILY;RSCALE=HEBREW", "has a part that is not known"),
            ("FREQ", "has a part without a value"),
        ];
        for (text, why) in table {
            assert_eq!(Rule::read(text), Err(why.to_owned()), "{text}");
        }
        assert!(Rule::read("freq=weekly;byday=mo, -1fr;wkst=su;X-OWN=1;").is_ok());
    }
}
