//! One entry (`VEVENT`), understood: when it begins and ends, how it recurs, and whom it puts on duty.

use jiff::Span;
use jiff::civil::{Date, DateTime};
use watchbell_core::Timestamp;

use crate::component::Component;
use crate::lines::Property;
use crate::recurrence::{Budget, Rule};
use crate::value::{Length, Written};
use crate::zones::{Zone, Zones};
use crate::{UserBy, Who, people};

/// An entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub begins: Moment,
    pub end: End,
    pub rules: Vec<Rule>,
    /// Further times, some of which have an end of their own.
    pub added: Vec<(Moment, Option<End>)>,
    /// Times at which it does not take place.
    pub removed: Vec<Mark>,
    /// The time of the entry with the same id in the place of which this one stands.
    pub replaces: Option<Mark>,
    pub is_cancelled: bool,
    pub sequence: i64,
    pub who: Who,
}

/// A time on a clock in a zone.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub at: DateTime,
    pub zone: Zone,
}

impl Moment {
    pub fn instant(&self) -> Option<Timestamp> {
        self.zone.instant(self.at)
    }
}

/// What names a time of an entry that recurs: the moment, or the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    At(Timestamp),
    Day(Date),
}

impl Mark {
    pub fn is(self, moment: &Moment) -> bool {
        match self {
            Self::At(at) => moment.instant() == Some(at),
            Self::Day(day) => moment.at.date() == day,
        }
    }
}

/// When what begins ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// So many seconds later by the clock on the wall. (Section 3.8.5.3 would have all times of an entry be as long as the first one;
    /// then a shift from eight to eight would leave an hour without anybody when clocks are set back. Calendars show it by the clock.)
    OnClock(i64),
    /// Days by the calendar, then time by a stop-watch.
    After(Length),
}

impl End {
    /// When what begins at that moment ends.
    pub fn of(self, begins: &Moment) -> Option<Timestamp> {
        match self {
            Self::OnClock(seconds) => begins.zone.instant(begins.at.checked_add(Span::new().try_seconds(seconds).ok()?).ok()?),
            Self::After(length) => Some(begins.zone.instant(length.days_after(begins.at)?)?.plus_s(length.seconds)),
        }
    }

    /// How long it is at most.
    pub fn longest_s(self) -> i64 {
        const DAY_S: i64 = 24 * 3_600;
        match self {
            Self::OnClock(seconds) => seconds + DAY_S,
            Self::After(length) => (length.days + 1) * DAY_S + length.seconds,
        }
    }
}

/// Reads entries of one calendar.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub zones: &'a Zones<'a>,
    pub user_by: UserBy,
}

impl Reader<'_> {
    /// Reads an entry.
    ///
    /// # Errors
    /// Why it cannot be understood, as the rest of a sentence about it.
    pub fn read(&self, entry: &Component, budget: &mut Budget) -> Result<Entry, String> {
        let start = entry.first("DTSTART").ok_or("does not say when it begins")?;
        let (begins, is_day) = self.moment(start, &start.value, budget)?;
        let mut added = Vec::new();
        for dates in entry.all("RDATE") {
            for value in dates.value.split(',') {
                added.push(self.added(dates, value, budget)?);
            }
        }
        let mut removed = Vec::new();
        for dates in entry.all("EXDATE") {
            for value in dates.value.split(',').filter(|value| !value.trim().is_empty()) {
                removed.push(self.mark(dates, value, budget)?);
            }
        }
        if entry.first("EXRULE").is_some() {
            return Err("leaves out times by a rule (EXRULE), which is not followed; EXDATE is".to_owned());
        }
        let replaces = match entry.first("RECURRENCE-ID") {
            Some(id) if id.parameter("RANGE").is_some() => {
                return Err("changes this and all later times at once (RANGE), which is not followed".to_owned());
            }
            Some(id) => Some(self.mark(id, &id.value, budget)?),
            None => None,
        };
        let rules = entry.all("RRULE").map(|rule| Rule::read(&rule.value).map_err(|why| format!("has a recurrence rule that {why}")));
        Ok(Entry {
            end: self.end(entry, &begins, is_day, budget)?,
            begins,
            rules: rules.collect::<Result<_, _>>()?,
            added,
            removed,
            replaces,
            is_cancelled: entry.text("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")),
            sequence: entry.text("SEQUENCE").and_then(|text| text.parse().ok()).unwrap_or_default(),
            who: people::who(entry, self.user_by),
        })
    }

    fn end(&self, entry: &Component, begins: &Moment, is_day: bool, budget: &mut Budget) -> Result<End, String> {
        const DAY_S: i64 = 24 * 3_600;
        let end = match (entry.first("DTEND"), entry.first("DURATION")) {
            (Some(end), _) => {
                let (ends, _) = self.moment(end, &end.value, budget)?;
                between(begins, &ends)?
            }
            (None, Some(length)) => End::After(Length::read(&length.value).ok_or("has a duration that is none")?),
            (None, None) if is_day => End::OnClock(DAY_S),
            (None, None) => return Err("does not say when it ends".to_owned()),
        };
        match end {
            // A day that ends on itself is meant to be that day.
            End::OnClock(0) if is_day => Ok(End::OnClock(DAY_S)),
            End::OnClock(..=0) => Err("ends before it begins".to_owned()),
            end => Ok(end),
        }
    }

    /// A time, and whether it is a whole day.
    fn moment(&self, property: &Property, value: &str, budget: &mut Budget) -> Result<(Moment, bool), String> {
        let zone = |budget: &mut Budget| match property.parameter("TZID") {
            None => Ok(self.zones.floating.clone()),
            Some(name) => self.zones.named(name, budget).ok_or_else(|| format!("names the time zone {name:?}, which is not known")),
        };
        match Written::read(value).ok_or_else(|| format!("has a {} that is no time", property.name))? {
            Written::Date(day) => Ok((Moment { at: day.at(0, 0, 0, 0), zone: self.zones.floating.clone() }, true)),
            Written::Local(at) => Ok((Moment { at, zone: zone(budget)? }, false)),
            Written::Utc(at) => Ok((Moment { at, zone: Zone::utc() }, false)),
        }
    }

    fn mark(&self, property: &Property, value: &str, budget: &mut Budget) -> Result<Mark, String> {
        match self.moment(property, value, budget)? {
            (moment, true) => Ok(Mark::Day(moment.at.date())),
            (moment, false) => moment.instant().map(Mark::At).ok_or_else(|| format!("has a {} out of all range", property.name)),
        }
    }

    /// A time that is added: alone, or with its end or length behind a slash.
    fn added(&self, property: &Property, value: &str, budget: &mut Budget) -> Result<(Moment, Option<End>), String> {
        let Some((start, end)) = value.split_once('/') else { return Ok((self.moment(property, value, budget)?.0, None)) };
        let (begins, _) = self.moment(property, start, budget)?;
        let end = match Length::read(end) {
            Some(length) => End::After(length),
            None => between(&begins, &self.moment(property, end, budget)?.0)?,
        };
        Ok((begins, Some(end)))
    }
}

/// From a beginning to an end: by the clock where it is one clock, else as long as it takes.
fn between(begins: &Moment, ends: &Moment) -> Result<End, String> {
    if begins.zone.is_same(&ends.zone) {
        return Ok(End::OnClock(Length::between(begins.at, ends.at).seconds));
    }
    let (Some(from), Some(to)) = (begins.instant(), ends.instant()) else { return Err("lies out of all range".to_owned()) };
    let seconds = to.ms_since(from) / 1_000;
    if seconds <= 0 { Err("ends before it begins".to_owned()) } else { Ok(End::After(Length { days: 0, seconds })) }
}
