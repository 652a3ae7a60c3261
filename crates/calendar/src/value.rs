//! Times and durations, as entries write them (sections 3.3.4 to 3.3.6).

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Span};

/// A time, before it is known in which zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A whole day.
    Date(Date),
    /// On a clock that something else names.
    Local(DateTime),
    Utc(DateTime),
}

impl Written {
    /// Reads `20261201`, `20261201T080000` or `20261201T080000Z`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some((day, time)) = text.split_once(['T', 't']) else { return date(text).map(Self::Date) };
        let (time, is_utc) = match time.strip_suffix(['Z', 'z']) {
            Some(time) => (time, true),
            None => (time, false),
        };
        let hour = number(time.get(..2)?)?;
        let minute = number(time.get(2..4)?)?;
        // A leap second is the last one of its minute; seconds may be left out, as some services do.
        let second = if time.len() == 4 { 0 } else { number(time.get(4..)?)?.min(59) };
        let time = jiff::civil::Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()?;
        let at = date(day)?.to_datetime(time);
        Some(if is_utc { Self::Utc(at) } else { Self::Local(at) })
    }
}

fn date(text: &str) -> Option<Date> {
    let year = i16::try_from(number(text.get(..4)?)?).ok()?;
    let month = i8::try_from(number(text.get(4..6)?)?).ok()?;
    let day = i8::try_from(number(text.get(6..)?)?).ok()?;
    Date::new(year, month, day).ok().filter(|_| text.len() == 8)
}

fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// How long an entry is: days of a calendar, which may have 23 or 25 hours, and a time that is as long as it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Length {
    pub days: i64,
    pub seconds: i64,
}

/// No shift is longer.
const LONGEST_DAYS: i64 = 10_000;

impl Length {
    /// Reads `P1D`, `PT8H30M`, `P2W`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let rest = text.strip_prefix('+').unwrap_or(&text).strip_prefix('P')?;
        let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
        let mut length = Self::default();
        for (part, units) in [(days, &[('W', 7 * 86_400), ('D', 86_400)][..]), (time, &[('H', 3_600), ('M', 60), ('S', 1)][..])] {
            let mut rest = part;
            while !rest.is_empty() {
                let end = rest.find(|c: char| !c.is_ascii_digit())?;
                let count: i64 = rest.get(..end)?.parse().ok()?;
                let unit = rest[end..].chars().next()?;
                let (_, seconds) = units.iter().find(|(name, _)| *name == unit)?;
                let whole = count.checked_mul(*seconds)?;
                let field = if *seconds % 86_400 == 0 { &mut length.days } else { &mut length.seconds };
                *field += if *seconds % 86_400 == 0 { whole / 86_400 } else { whole };
                rest = &rest[end + unit.len_utf8()..];
            }
        }
        let is_some = length != Self::default() && length.days <= LONGEST_DAYS && length.seconds <= LONGEST_DAYS * 86_400;
        is_some.then_some(length)
    }

    /// From one time on a clock to another one on the same.
    pub fn between(start: DateTime, end: DateTime) -> Self {
        let gap: SignedDuration = end.duration_since(start);
        Self { days: 0, seconds: gap.as_secs() }
    }

    /// So many days later, at the same time.
    pub fn days_after(self, at: DateTime) -> Option<DateTime> {
        at.checked_add(Span::new().try_days(self.days).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;

    use super::*;

    #[test]
    fn times_are_read_as_services_write_them() {
        let at = |hour, minute, second| day(2026, 12, 1).at(hour, minute, second, 0);
        let table = [
            ("20261201", Some(Written::Date(day(2026, 12, 1)))),
            ("20261201T080910", Some(Written::Local(at(8, 9, 10)))),
            (" 20261201t0809Z", Some(Written::Utc(at(8, 9, 0)))),
            ("20261201T235960Z", Some(Written::Utc(at(23, 59, 59)))),
            ("20260230", None),
            ("20261201T250000", None),
            ("2026-12-01T08:00:00Z", None),
            ("20261201T08", None),
            ("202612", None),
            ("+0261201", None),
            ("", None),
        ];
        for (text, read) in table {
            assert_eq!(Written::read(text), read, "{text}");
        }
    }

    #[test]
    fn durations_are_days_and_time() {
        let table = [
            ("P1D", Some((1, 0))),
            ("P2W", Some((14, 0))),
            ("PT8H30M", Some((0, 30_600))),
            ("P1DT12H", Some((1, 43_200))),
            ("PT24H", Some((0, 86_400))),
            ("+PT15M", Some((0, 900))),
            ("-PT15M", None),
            ("PT0S", None),
            ("P", None),
            ("P1H", None),
            ("PT1D", None),
            ("PTH", None),
            ("P99999999999999999999D", None),
            ("P90000D", None),
        ];
        for (text, read) in table {
            assert_eq!(Length::read(text).map(|length| (length.days, length.seconds)), read, "{text}");
        }
    }
}
