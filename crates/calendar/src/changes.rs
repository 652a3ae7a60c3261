//! What a calendar changes in the shifts that are known of it.
//!
//! Services differ in how they name what they write: some give a shift another id whenever it is looked at, some write one that runs
//! as if it began now. So what is the same shift (whose it is, from when, until when) is the same, whatever it is called; only what
//! is left then is compared by id.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use watchbell_core::event::DutyStatus;
use watchbell_core::ids::digest;
use watchbell_core::{EventId, Timestamp, UserId};

use crate::Shift;

/// What the ids of a calendar's shifts begin with.
pub fn prefix(calendar: &str) -> String {
    format!("calendar:{calendar}:")
}

/// The id of somebody's shift.
pub fn duty_id(calendar: &str, shift: &Shift, user: UserId) -> String {
    format!("{}{}:{}", prefix(calendar), shift.entry, digest(&[&shift.occurrence, &user.to_string()]))
}

/// Somebody's shift, by the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: String,
    pub user_id: UserId,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// A shift that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: String,
    pub schedule: String,
    pub user_id: UserId,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub status: DutyStatus,
    /// The event that last said so.
    pub event_id: EventId,
}

/// What is to be said of a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub shift: Wanted,
    pub status: DutyStatus,
    /// The event that last said something of it.
    pub after: Option<EventId>,
}

/// What tells shifts apart, whatever they are called. When one that runs began does not matter any more.
fn sameness(user: UserId, starts_at: Timestamp, ends_at: Timestamp, now: Timestamp) -> (UserId, Timestamp, Timestamp) {
    (user, starts_at.max(now), ends_at)
}

/// The changes that make what is `known` what is `wanted`: first the shifts that are new or moved, then those that are not any more, so that
/// nobody looks in between and finds nobody on duty.
///
/// What has ended stays as it was. What is known from `until` on, or is one of the entries that `stay`, is left alone: of those the
/// calendar's word is not known.
pub fn changes(
    calendar: &str,
    schedule: &str,
    wanted: Vec<Wanted>,
    known: Vec<Known>,
    stay: &BTreeSet<String>,
    now: Timestamp,
    until: Timestamp,
) -> Vec<Change> {
    let prefixes: Vec<String> = stay.iter().map(|entry| format!("{}{entry}:", prefix(calendar))).collect();
    let mut same: HashMap<_, Vec<Known>> = HashMap::new();
    let (known, cancelled): (Vec<_>, Vec<_>) = known.into_iter().partition(|known| known.status == DutyStatus::Scheduled);
    let cancelled: HashMap<String, EventId> = cancelled.into_iter().map(|known| (known.id, known.event_id)).collect();
    // A calendar that is another schedule's now has all its shifts moved there.
    let (known, elsewhere): (Vec<_>, Vec<_>) = known.into_iter().partition(|known| known.schedule == schedule);
    for known in known {
        same.entry(sameness(known.user_id, known.starts_at, known.ends_at, now)).or_default().push(known);
    }
    let mut taken = BTreeSet::new();
    let mut missing = Vec::new();
    for wanted in wanted.into_iter().filter(|wanted| wanted.ends_at > now) {
        let key = sameness(wanted.user_id, wanted.starts_at, wanted.ends_at, now);
        let found = same.get_mut(&key).and_then(|all| {
            let at = all.iter().position(|known| known.id == wanted.id).unwrap_or(0);
            (at < all.len()).then(|| all.swap_remove(at))
        });
        match found {
            Some(known) => drop(taken.insert(known.id)),
            None => missing.push(wanted),
        }
    }
    let mut rest: BTreeMap<String, Known> = same.into_values().flatten().chain(elsewhere).map(|known| (known.id.clone(), known)).collect();
    let mut changes = Vec::with_capacity(missing.len() + rest.len());
    for mut shift in missing {
        if taken.contains(&shift.id) {
            // The shift that is known by this id is another one's by now.
            let told_apart = digest(&[&shift.id, &shift.starts_at.to_string(), &shift.ends_at.to_string()]);
            shift.id = format!("{}{told_apart}", prefix(calendar));
        }
        let after = rest.remove(&shift.id).map(|known| known.event_id).or_else(|| cancelled.get(&shift.id).cloned());
        changes.push(Change { shift, status: DutyStatus::Scheduled, after });
    }
    let is_over =
        |known: &Known| known.ends_at > now && known.starts_at < until && !prefixes.iter().any(|prefix| known.id.starts_with(prefix));
    changes.extend(rest.into_values().filter(is_over).map(|known| Change {
        shift: Wanted { id: known.id, user_id: known.user_id, starts_at: known.starts_at, ends_at: known.ends_at },
        status: DutyStatus::Cancelled,
        after: Some(known.event_id),
    }));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_795_161_600_000).plus_s(hours * 3_600)
    }

    fn wanted(id: &str, user: i64, from: i64, to: i64) -> Wanted {
        Wanted { id: format!("calendar:c:{id}"), user_id: UserId(user), starts_at: at(from), ends_at: at(to) }
    }

    fn known(id: &str, user: i64, from: i64, to: i64) -> Known {
        let Wanted { id, user_id, starts_at, ends_at } = wanted(id, user, from, to);
        Known {
            id,
            schedule: "s".to_owned(),
            user_id,
            starts_at,
            ends_at,
            status: DutyStatus::Scheduled,
            event_id: EventId("E".to_owned()),
        }
    }

    /// What is said, as `+id` and `-id`, at hour 0, of what begins before hour 100.
    fn said(wanted: &[Wanted], known: &[Known], stay: &[&str]) -> Vec<String> {
        let stay = stay.iter().map(|entry| (*entry).to_owned()).collect();
        let changes = changes("c", "s", wanted.to_vec(), known.to_vec(), &stay, at(0), at(100));
        let sign = |change: &Change| if change.status == DutyStatus::Scheduled { '+' } else { '-' };
        changes.iter().map(|change| format!("{}{}", sign(change), change.shift.id.trim_start_matches("calendar:c:"))).collect()
    }

    #[test]
    fn what_is_new_moved_and_gone_is_said_and_nothing_else() {
        let table: [(&[Wanted], &[Known], &[&str]); 9] = [
            (&[wanted("a:1", 1, 1, 2)], &[], &["+a:1"]),
            (&[wanted("a:1", 1, 1, 2)], &[known("a:1", 1, 1, 2)], &[]),
            (&[wanted("a:1", 1, 1, 3)], &[known("a:1", 1, 1, 2)], &["+a:1"]),
            (&[wanted("b:1", 2, 1, 2)], &[known("a:1", 1, 1, 2)], &["+b:1", "-a:1"]),
            // Another id each time it is looked at.
            (&[wanted("x:9", 1, 1, 2)], &[known("a:1", 1, 1, 2)], &[]),
            // One that runs, and is written as if it began now.
            (&[wanted("a:1", 1, 0, 5), wanted("b:1", 1, -9, 5)], &[known("a:1", 1, -5, 5), known("c:1", 1, -5, 5)], &[]),
            // What is past stays, as does what lies beyond what was read.
            (&[wanted("a:1", 1, -5, -1)], &[known("b:1", 1, -8, -2), known("c:1", 1, 100, 101)], &[]),
            (&[], &[known("a:1", 1, -1, 1), known("b:1", 1, 99, 120)], &["-a:1", "-b:1"]),
            // Two of the same are two.
            (&[wanted("a:1", 1, 1, 2), wanted("a:2", 1, 1, 2)], &[known("a:1", 1, 1, 2)], &["+a:2"]),
        ];
        for (wanted, known, expected) in table {
            assert_eq!(said(wanted, known, &[]), expected, "{wanted:?} {known:?}");
        }
    }

    #[test]
    fn entries_that_could_not_be_read_stay_as_they_are() {
        assert_eq!(said(&[], &[known("a:1", 1, 1, 2), known("ab:1", 1, 3, 4)], &["a"]), ["-ab:1"]);
    }

    #[test]
    fn a_calendar_that_is_another_schedules_now_takes_its_shifts_along() {
        let changes = changes("c", "t", vec![wanted("a:1", 1, 1, 2)], vec![known("a:1", 1, 1, 2)], &BTreeSet::new(), at(0), at(100));
        let said: Vec<_> = changes.iter().map(|change| (change.shift.id.as_str(), change.status, change.after.is_some())).collect();
        assert_eq!(said, [("calendar:c:a:1", DutyStatus::Scheduled, true)]);
    }

    #[test]
    fn a_shift_that_was_cancelled_is_set_anew_after_that() {
        let before = Known { status: DutyStatus::Cancelled, ..known("a:1", 1, 1, 2) };
        let changes = changes("c", "s", vec![wanted("a:1", 1, 1, 2)], vec![before], &BTreeSet::new(), at(0), at(100));
        let said: Vec<_> = changes.iter().map(|change| (change.status, change.after.is_some())).collect();
        assert_eq!(said, [(DutyStatus::Scheduled, true)]);
    }

    #[test]
    fn an_id_whose_shift_became_another_ones_is_not_used_for_two() {
        // Its time is now what another entry's was, and that one went on to a third.
        let changes = changes(
            "c",
            "s",
            vec![wanted("a:1", 1, 3, 4), wanted("b:1", 1, 5, 6)],
            vec![known("a:1", 1, 1, 2), known("b:1", 1, 3, 4)],
            &BTreeSet::new(),
            at(0),
            at(100),
        );
        let ids: BTreeSet<&str> = changes.iter().map(|change| change.shift.id.as_str()).collect();
        assert_eq!((changes.len(), ids.len(), changes[0].status, changes[1].status), (2, 2, DutyStatus::Scheduled, DutyStatus::Cancelled));
        assert!(!ids.contains("calendar:c:b:1"), "{ids:?}");
    }
}
