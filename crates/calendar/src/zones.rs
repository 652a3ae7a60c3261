//! Time zones, by the names that calendars give them: IANA's, Windows', or a calendar's own, which then says itself what it observes
//! when (`VTIMEZONE`, section 3.6.5).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jiff::Span;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use watchbell_core::Timestamp;

use crate::component::{Component, Zone as Definition};
use crate::recurrence::{Budget, Rule, occurrences};
use crate::value::Written;
use crate::windows;

/// A time zone: when a clock in it shows a time.
#[derive(Clone, Debug)]
pub(crate) enum Zone {
    Known(TimeZone),
    /// Defined by the calendar.
    Own(Rc<Own>),
}

impl Zone {
    pub fn utc() -> Self {
        Self::Known(TimeZone::UTC)
    }

    /// When a clock shows this time. One that is shown twice means its first, and one that is skipped is counted on from before the
    /// gap (section 3.3.5).
    pub fn instant(&self, at: DateTime) -> Option<Timestamp> {
        let ms = match self {
            Self::Known(zone) => zone.to_timestamp(at).ok()?.as_millisecond(),
            Self::Own(own) => utc_ms(at)? - own.offset_s(at) * 1_000,
        };
        (ms >= 0).then(|| Timestamp::from_millis(ms))
    }

    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(one), Self::Known(other)) => one == other,
            (Self::Own(one), Self::Own(other)) => Rc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// What a calendar's own zone observes, in the years that matter.
#[derive(Debug)]
pub(crate) struct Own {
    /// From when on, as the clock showed it until then, and by how many seconds it is ahead of UTC from then on. Sorted.
    changes: Vec<(DateTime, i64)>,
    before_s: i64,
}

impl Own {
    fn offset_s(&self, at: DateTime) -> i64 {
        let behind = self.changes.partition_point(|(begins, _)| *begins <= at);
        behind.checked_sub(1).map_or(self.before_s, |last| self.changes[last].1)
    }

    /// Reads a definition; None where it does not say what is observed.
    fn read(definition: &Definition, from: DateTime, to: DateTime, budget: &mut Budget) -> Option<Self> {
        let mut own = Self { changes: Vec::new(), before_s: 0 };
        let mut earliest: Option<DateTime> = None;
        for observance in &definition.observances {
            let (begins, before_s, offset_s) = begin_of(observance)?;
            if earliest.is_none_or(|earliest| begins < earliest) {
                (earliest, own.before_s) = (Some(begins), before_s);
            }
            own.changes.push((begins, offset_s));
            for rule in observance.all("RRULE") {
                let mut rule = Rule::read(&rule.value).ok()?;
                // Its end is given in UTC; all else is in local time.
                let until = rule.until.take().and_then(|until| match until {
                    Written::Utc(at) => at.checked_add(Span::new().try_seconds(before_s).ok()?).ok(),
                    Written::Local(at) => Some(at),
                    Written::Date(date) => date.tomorrow().ok().map(|next| next.at(0, 0, 0, 0)),
                });
                let times = occurrences(&rule, begins, from.min(to), to, budget)?;
                own.changes.extend(times.into_iter().filter(|at| until.is_none_or(|until| *at <= until)).map(|at| (at, offset_s)));
            }
            for date in observance.all("RDATE").flat_map(|dates| dates.value.split(',')) {
                let Written::Local(at) = Written::read(date)? else { return None };
                own.changes.push((at, offset_s));
            }
        }
        own.changes.sort_unstable();
        earliest.map(|_| own)
    }
}

/// When an observance begins, and by how much its clock is ahead of UTC before and from then on, in seconds.
fn begin_of(observance: &Component) -> Option<(DateTime, i64, i64)> {
    let Written::Local(begins) = Written::read(&observance.first("DTSTART")?.value)? else { return None };
    let offset = |name| offset_s(observance.first(name)?.value.trim());
    Some((begins, offset("TZOFFSETFROM")?, offset("TZOFFSETTO")?))
}

/// `+0100`, `-053000`.
fn offset_s(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i64>().ok();
    let seconds = if digits.len() == 6 { number(4..6)? } else { 0 };
    let is_fine = matches!(digits.len(), 4 | 6) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let offset = number(0..2)? * 3_600 + number(2..4)? * 60 + seconds;
    (is_fine && offset < 24 * 3_600).then_some(sign * offset)
}

fn utc_ms(at: DateTime) -> Option<i64> {
    Some(TimeZone::UTC.to_timestamp(at).ok()?.as_millisecond())
}

/// The zones of one calendar.
#[derive(Debug)]
pub(crate) struct Zones<'c> {
    definitions: &'c [Definition],
    /// Where times lie that name no zone.
    pub floating: Zone,
    found: RefCell<HashMap<String, Option<Zone>>>,
    /// Between these times it matters what own zones observe.
    from: DateTime,
    to: DateTime,
}

impl<'c> Zones<'c> {
    pub fn new(definitions: &'c [Definition], from: DateTime, to: DateTime) -> Self {
        Self { definitions, floating: Zone::utc(), found: RefCell::default(), from, to }
    }

    /// The zone of that name; None where nobody knows it.
    pub fn named(&self, name: &str, budget: &mut Budget) -> Option<Zone> {
        if let Some(found) = self.found.borrow().get(name) {
            return found.clone();
        }
        let zone = self.look_up(name, budget);
        self.found.borrow_mut().insert(name.to_owned(), zone.clone());
        zone
    }

    fn look_up(&self, name: &str, budget: &mut Budget) -> Option<Zone> {
        if let Some(zone) = known(name) {
            return Some(Zone::Known(zone));
        }
        let definition = self.definitions.iter().find(|definition| definition.id == name)?;
        Own::read(definition, self.from, self.to, budget).map(|own| Zone::Own(Rc::new(own)))
    }
}

/// A zone by IANA's name, also where a path leads to it (`/example.org/Europe/Berlin`), or by Windows'.
pub(crate) fn known(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if let Some(zone) = windows::iana(name) {
        return TimeZone::get(zone).ok();
    }
    let mut rest = name.trim_start_matches('/');
    loop {
        if !rest.is_empty()
            && let Ok(zone) = TimeZone::get(rest)
        {
            return Some(zone);
        }
        // Of a name without a path, no part is a name.
        rest = rest.split_once('/').filter(|_| name.starts_with('/'))?.1;
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::component::contents;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap_or_default()
    }

    #[test]
    fn zones_are_known_by_the_names_that_services_use() {
        let noon = date(2026, 7, 1).at(12, 0, 0, 0);
        let table = [
            ("Europe/Berlin", Some("2026-07-01T10:00:00Z")),
            ("europe/berlin", Some("2026-07-01T10:00:00Z")),
            ("W. Europe Standard Time", Some("2026-07-01T10:00:00Z")),
            ("Eastern Standard Time", Some("2026-07-01T16:00:00Z")),
            ("India Standard Time", Some("2026-07-01T06:30:00Z")),
            ("/freeassociation.sourceforge.net/Europe/Berlin", Some("2026-07-01T10:00:00Z")),
            ("/softwarestudio.org/Olson_20011030_5/America/Argentina/Buenos_Aires", Some("2026-07-01T15:00:00Z")),
            ("UTC", Some("2026-07-01T12:00:00Z")),
            ("Customized Time Zone", None),
            ("nowhere/Berlin", None),
            ("", None),
        ];
        for (name, when) in table {
            assert_eq!(known(name).and_then(|zone| Zone::Known(zone).instant(noon)), when.map(at), "{name}");
        }
    }

    #[test]
    fn a_zone_of_a_calendars_own_observes_what_it_says() {
        let text = "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Ours\n\
            BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n\
            BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\n\
            END:VTIMEZONE\nEND:VCALENDAR";
        let contents = contents(text.as_bytes()).unwrap_or_default();
        let (from, to) = (date(2024, 1, 1).at(0, 0, 0, 0), date(2028, 1, 1).at(0, 0, 0, 0));
        let zones = Zones::new(&contents.zones, from, to);
        let mut budget = Budget::new(1_000_000);
        let (ours, berlin) = (zones.named("Ours", &mut budget), zones.named("Europe/Berlin", &mut budget));
        let (Some(ours), Some(berlin)) = (ours, berlin) else { panic!("both are known") };
        // Each half hour of the days on which clocks change, but for the hour that is shown twice.
        for day in [date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28), date(2025, 7, 1)] {
            for half in (0..48).filter(|half| !(4..6).contains(half)) {
                let at = day.at(half / 2, half % 2 * 30, 0, 0);
                assert_eq!(ours.instant(at), berlin.instant(at), "{at}");
            }
        }
        assert!(zones.named("Theirs", &mut budget).is_none());
    }

    #[test]
    fn offsets_are_hours_and_minutes() {
        let table = [
            ("+0100", Some(3_600)),
            ("-0330", Some(-12_600)),
            ("+001730", Some(1_050)),
            ("0100", None),
            ("+1", None),
            ("+2500", None),
            ("+0a00", None),
        ];
        for (text, seconds) in table {
            assert_eq!(offset_s(text), seconds, "{text}");
        }
    }
}
