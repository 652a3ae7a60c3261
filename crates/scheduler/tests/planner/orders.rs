//! Every order in which an alert's events can arrive, against the order in which they happened.
//!
//! What an alert is kept as (its state, when it was opened and last closed, who was named last when) is less than all its
//! events, so that not every order can end alike. Where it does not, a page too many is better than one too few:
//! - Two alert events of one alert that arrive in reverse, with a RESOLVED between them: the older one's people have joined the
//!   newer one's round and stay in it.
//! - An escalation that arrives before a RESOLVED from before it: whom it called in, they go on being paged.
//! - An ACCEPTED that arrives before the alert event that it accepts, of an alert that had been resolved: that event plans
//!   nothing, but a later one does.

use std::collections::BTreeSet;

use watchbell_core::Channel;
use watchbell_core::event::{EventData, UpdateStatus};
use watchbell_core::rule::Trigger;
use watchbell_store::facts::Policy;

use crate::world::{World, alert, event, rule, s, update, user};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Alert(&'static str),
    Accepted,
    Resolved,
    Escalated(&'static str),
}

use Kind::{Accepted, Alert, Escalated, Resolved};

/// When it happened, and what.
type Happened = (i64, Kind);

fn data(kind: Kind) -> EventData {
    match kind {
        Alert(name) => alert(&[name]),
        Accepted => update(UpdateStatus::Accepted, &[]),
        Resolved => update(UpdateStatus::Resolved, &[]),
        Escalated(name) => update(UpdateStatus::Escalated, &[name]),
    }
}

/// Who is still to be paged when these have arrived.
fn paged(arrivals: &[Happened]) -> BTreeSet<i64> {
    let mut world = World::new([1, 2, 3].map(|id| Policy { rules: vec![rule(id, Trigger::AlertHigh, Channel::Sms, 600)], ..user(id) }));
    for (at, kind) in arrivals {
        world.accept(&event(&format!("{at}"), *at, 100, data(*kind)), s(100)).unwrap();
        world.broken().unwrap();
    }
    (1..4).filter(|user| !world.pending(*user).is_empty()).collect()
}

/// Every way in which up to `most` of these can happen one after the other.
fn histories(kinds: &[Kind], most: usize) -> Vec<Vec<Happened>> {
    let mut all: Vec<Vec<Happened>> = vec![Vec::new()];
    let mut longest = all.clone();
    for at in (10..).step_by(10).take(most) {
        let longer = |history: Vec<Happened>| kinds.iter().map(move |kind| history.iter().copied().chain([(at, *kind)]).collect());
        longest = longest.into_iter().flat_map(longer).collect();
        all.extend(longest.clone());
    }
    all
}

fn orders(history: &[Happened]) -> Vec<Vec<Happened>> {
    let Some((last, rest)) = history.split_last() else { return vec![Vec::new()] };
    let with_last = |order: Vec<Happened>| (0..=order.len()).map(move |at| [&order[..at], &[*last], &order[at..]].concat());
    orders(rest).into_iter().flat_map(with_last).collect()
}

/// Whether alert events, or updates, arrive in the order in which they happened, as they do from one consumer.
fn is_sorted(arrivals: &[Happened], alerts: bool) -> bool {
    arrivals.iter().filter(|(_, kind)| matches!(kind, Alert(_)) == alerts).is_sorted_by_key(|(at, _)| *at)
}

/// Plays every order of every history that `fits`, and compares who is paged in the end with who should be.
fn compare(histories: &[Vec<Happened>], fits: impl Fn(&[Happened]) -> bool, is_right: impl Fn(&BTreeSet<i64>, &BTreeSet<i64>) -> bool) {
    for history in histories {
        let wanted = paged(history);
        for order in orders(history).into_iter().filter(|order| fits(order)) {
            let found = paged(&order);
            assert!(is_right(&found, &wanted), "{history:?} should page {wanted:?}; arrived as {order:?} it pages {found:?}");
        }
    }
}

const PLAIN: [Kind; 4] = [Alert("u1"), Alert("u2"), Accepted, Resolved];
const WITH_ESCALATIONS: [Kind; 6] = [Alert("u1"), Alert("u2"), Accepted, Resolved, Escalated("u1"), Escalated("u3")];

#[test]
fn no_order_of_alerts_accepts_and_resolves_pages_fewer_than_what_happened() {
    compare(&histories(&PLAIN, 4), |_| true, BTreeSet::is_superset);
}

#[test]
fn alert_events_in_their_order_and_accepts_and_resolves_in_any_page_just_whom_they_should() {
    compare(&histories(&PLAIN, 3), |order| is_sorted(order, true), |found, wanted| found == wanted);
}

#[test]
fn two_consumers_that_overtake_each_other_lose_no_escalation() {
    let each_in_order = |order: &[Happened]| is_sorted(order, true) && is_sorted(order, false);
    compare(&histories(&WITH_ESCALATIONS, 3), each_in_order, BTreeSet::is_superset);
}
