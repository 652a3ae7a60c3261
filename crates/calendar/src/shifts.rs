//! From entries to shifts within a stretch of time.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use watchbell_core::Timestamp;
use watchbell_core::ids::digest;

use crate::component::{Component, contents};
use crate::entry::{End, Entry, Moment, Reader};
use crate::recurrence::{Budget, Rule, occurrences};
use crate::value::Written;
use crate::zones::{Zone, Zones};
use crate::{Calendar, NoCalendar, Options, Shift, Unreadable};

/// Days and hours that are looked at for all rules of a calendar: a second of work.
const MOST_DAYS: u32 = 10_000_000;

/// No clock on Earth is further from UTC, and none is set by more.
const MOST_AHEAD_S: i64 = 2 * 24 * 3_600;

/// Own zones are looked at from three years before the window to one behind it.
const YEAR_S: i64 = 366 * 24 * 3_600;

/// Reads a calendar's shifts that run at some time within the window.
pub(crate) fn read(text: &[u8], options: &Options, from: Timestamp, to: Timestamp) -> Result<Calendar, NoCalendar> {
    let contents = contents(text)?;
    let window = Window { from, to };
    let mut budget = Budget::new(MOST_DAYS);
    let mut zones = Zones::new(&contents.zones, civil(from.plus_s(-3 * YEAR_S)), civil(to.plus_s(YEAR_S)));
    let shown_in = || zones.named(contents.shown_in.as_deref()?, &mut budget);
    let floating = options.timezone.clone().map(Zone::Known).or_else(shown_in);
    if let Some(floating) = floating {
        zones.floating = floating;
    }
    let reader = Reader { zones: &zones, user_by: options.user_by };
    // What has one id is one entry, and what stands in the place of some of its times.
    let mut entries: BTreeMap<String, Vec<&Component>> = BTreeMap::new();
    for component in &contents.entries {
        entries.entry(uid(component)).or_default().push(component);
    }
    let mut calendar = Calendar { entries: contents.entries.len(), until: to, ..Calendar::default() };
    for (uid, components) in entries {
        let key = digest(&[&uid]);
        let read = components.iter().map(|component| reader.read(component, &mut budget)).collect::<Result<Vec<_>, String>>();
        match read.and_then(|parts| times(&parts, &window, &mut budget)) {
            Ok(times) => calendar.shifts.extend(times.into_iter().map(|(occurrence, time)| Shift {
                entry: key.clone(),
                occurrence: digest(&[&occurrence.to_string()]),
                who: time.who,
                starts_at: time.starts_at,
                ends_at: time.ends_at,
            })),
            Err(why) => calendar.unreadable.push(Unreadable { entry: key, uid, why }),
        }
    }
    calendar
        .shifts
        .sort_by(|a, b| (a.starts_at, a.ends_at, &a.entry, &a.occurrence).cmp(&(b.starts_at, b.ends_at, &b.entry, &b.occurrence)));
    if let Some(first_left_out) = calendar.shifts.get(options.most_shifts) {
        calendar.until = first_left_out.starts_at;
        let until = calendar.until;
        calendar.shifts.retain(|shift| shift.starts_at < until);
    }
    Ok(calendar)
}

/// What an entry is told apart by: its id, else what it says.
fn uid(component: &Component) -> String {
    component.text("UID").unwrap_or_else(|| {
        let said =
            ["DTSTART", "RRULE", "SUMMARY"].map(|name| component.first(name).map(|property| property.value.as_str()).unwrap_or_default());
        digest(&said)
    })
}

/// The stretch of time that matters.
struct Window {
    from: Timestamp,
    to: Timestamp,
}

/// A time of an entry.
struct Taken {
    starts_at: Timestamp,
    ends_at: Timestamp,
    who: crate::Who,
}

/// The times of all that has one id, by when each was planned at first.
fn times(parts: &[Entry], window: &Window, budget: &mut Budget) -> Result<BTreeMap<Timestamp, Taken>, String> {
    let (changed, mut own): (Vec<&Entry>, Vec<&Entry>) = parts.iter().partition(|part| part.replaces.is_some());
    // An older revision that was left behind says nothing.
    let last = own.iter().map(|part| part.sequence).max().unwrap_or_default();
    own.retain(|part| part.sequence == last);
    let mut found = BTreeMap::new();
    for entry in own.into_iter().filter(|entry| !entry.is_cancelled) {
        for (moment, end) in planned(entry, window, budget)? {
            let is_gone = entry.removed.iter().any(|mark| mark.is(&moment));
            let is_replaced = changed.iter().any(|change| change.replaces.is_some_and(|mark| mark.is(&moment)));
            if is_gone || is_replaced {
                continue;
            }
            if let Some((starts_at, taken)) = take(entry, &moment, end, window) {
                found.insert(starts_at, taken);
            }
        }
    }
    let mut revisions: BTreeMap<Timestamp, i64> = BTreeMap::new();
    for change in changed {
        let planned_at = match change.replaces {
            Some(crate::entry::Mark::At(at)) => Some(at),
            Some(crate::entry::Mark::Day(day)) => change.begins.zone.instant(day.at(0, 0, 0, 0)),
            None => None,
        };
        let Some(planned_at) = planned_at else { continue };
        let revision = revisions.entry(planned_at).or_insert(change.sequence);
        if change.sequence < *revision {
            continue;
        }
        *revision = change.sequence;
        found.remove(&planned_at);
        if let Some((_, taken)) = take(change, &change.begins, change.end, window).filter(|_| !change.is_cancelled) {
            found.insert(planned_at, taken);
        }
    }
    Ok(found)
}

/// All times of an entry that may lie in the window, each with its end.
fn planned(entry: &Entry, window: &Window, budget: &mut Budget) -> Result<Vec<(Moment, End)>, String> {
    let mut all = Vec::new();
    if entry.rules.is_empty() {
        all.push((entry.begins.clone(), entry.end));
    }
    let from = civil(window.from.plus_s(-entry.end.longest_s() - MOST_AHEAD_S));
    let to = civil(window.to.plus_s(MOST_AHEAD_S));
    for rule in &entry.rules {
        let times = occurrences(rule, entry.begins.at, from, to, budget).ok_or("recurs more often than can be followed")?;
        let moments = times.into_iter().map(|at| Moment { at, zone: entry.begins.zone.clone() });
        all.extend(moments.filter(|moment| !is_behind(rule, moment)).map(|moment| (moment, entry.end)));
    }
    all.extend(entry.added.iter().map(|(moment, end)| (moment.clone(), end.unwrap_or(entry.end))));
    Ok(all)
}

/// Whether a time lies behind the rule's last one.
fn is_behind(rule: &Rule, moment: &Moment) -> bool {
    match rule.until {
        None => false,
        Some(Written::Date(last)) => moment.at.date() > last,
        Some(Written::Local(last)) => moment.at > last,
        Some(Written::Utc(last)) => moment.instant() > Zone::utc().instant(last),
    }
}

/// A time as a shift, where it runs within the window; and when it begins.
fn take(entry: &Entry, moment: &Moment, end: End, window: &Window) -> Option<(Timestamp, Taken)> {
    let (starts_at, ends_at) = (moment.instant()?, end.of(moment)?);
    let is_in = starts_at < ends_at && starts_at < window.to && ends_at > window.from;
    is_in.then(|| (starts_at, Taken { starts_at, ends_at, who: entry.who.clone() }))
}

/// What a clock in UTC shows.
fn civil(at: Timestamp) -> DateTime {
    TimeZone::UTC.to_datetime(at.to_jiff())
}
