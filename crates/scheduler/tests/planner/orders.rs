//! Every order in which an alert's events can arrive, against the order in which they happened.

use std::sync::Arc;

use watchbell_core::event::{EventData, UpdateStatus};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, UserId};
use watchbell_scheduler::RulePlanner;
use watchbell_store::Planner;
use watchbell_store::facts::{AlertState, Facts, Policy};

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

/// What is left to be told, to whom and when, when these have arrived; and the alert's state.
type End = (Option<AlertState>, Vec<(i64, Vec<(Channel, i64)>)>);

fn end(arrivals: &[Happened]) -> End {
    let mut world = World::new([1, 2, 3].map(|id| Policy { rules: vec![rule(id, Trigger::AlertHigh, Channel::Sms, 600)], ..user(id) }));
    for (at, kind) in arrivals {
        world.accept(&event(&format!("{at}"), *at, 100, data(*kind)), s(100)).unwrap();
        world.broken().unwrap_or_else(|what| panic!("{arrivals:?}: {what}"));
    }
    let pending = (1..4).map(|user| (user, world.pending(user))).collect();
    (world.alerts.get("A").map(|alert| alert.state), pending)
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

const KINDS: [Kind; 6] = [Alert("u1"), Alert("u2"), Accepted, Resolved, Escalated("u1"), Escalated("u3")];

#[test]
fn every_order_of_arrival_ends_like_the_order_in_which_it_happened() {
    for history in histories(&KINDS, 4) {
        let wanted = end(&history);
        for order in orders(&history) {
            let found = end(&order);
            assert_eq!(found, wanted, "{history:?}, arrived as {order:?}");
        }
    }
}

/// The rules themselves, without which all orders could be wrong alike.
#[test]
fn who_is_paged_in_the_end() {
    let table: &[(&[Kind], &[i64])] = &[
        (&[Alert("u1")], &[1]),
        (&[Alert("u1"), Alert("u2")], &[1, 2]),
        (&[Alert("u1"), Accepted], &[]),
        (&[Alert("u1"), Accepted, Alert("u2")], &[]),
        (&[Accepted, Alert("u1")], &[]),
        (&[Alert("u1"), Resolved, Alert("u2")], &[2]),
        (&[Alert("u1"), Resolved, Accepted, Alert("u2")], &[2]),
        (&[Alert("u1"), Accepted, Resolved, Alert("u2")], &[2]),
        (&[Alert("u1"), Resolved, Alert("u2"), Accepted], &[]),
        (&[Alert("u1"), Escalated("u3")], &[1, 3]),
        (&[Alert("u1"), Accepted, Escalated("u3")], &[3]),
        (&[Alert("u1"), Accepted, Escalated("u3"), Alert("u2")], &[2, 3]),
        (&[Alert("u1"), Accepted, Alert("u2"), Escalated("u3")], &[3]),
        (&[Alert("u1"), Escalated("u3"), Accepted], &[]),
        (&[Alert("u1"), Resolved, Escalated("u3")], &[]),
        (&[Alert("u1"), Resolved, Escalated("u3"), Alert("u2")], &[2]),
        (&[Escalated("u3"), Alert("u1")], &[1, 3]),
        (&[Escalated("u3"), Resolved, Alert("u1")], &[1]),
    ];
    for (kinds, paged) in table {
        let history: Vec<Happened> = (10..).step_by(10).zip(kinds.iter().copied()).collect();
        let (_, pending) = end(&history);
        let found: Vec<i64> = pending.into_iter().filter(|(_, steps)| !steps.is_empty()).map(|(user, _)| user).collect();
        assert_eq!(&found, paged, "{kinds:?}");
    }
}

/// Whoever pages everybody must not be waited for by everybody: a lookup that went through all of them for each would take
/// minutes here.
#[test]
fn an_alert_for_very_many_is_planned_in_no_time() {
    const MANY: i64 = 20_000;
    let names: Vec<String> = (1..=MANY).map(|id| format!("u{id}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let planner = RulePlanner::default();
    let mut facts = Facts {
        names: names.iter().zip(1..).map(|(name, id)| ((*name).to_owned(), vec![UserId(id)])).collect(),
        policies: (1..=MANY).map(|id| (UserId(id), Arc::new(user(id)))).collect(),
        ..Facts::default()
    };
    // Twice the same people, and between the two a RESOLVED that comes last.
    for (at, planned, data) in [(30, MANY, alert(&names)), (10, MANY, alert(&names)), (20, MANY, update(UpdateStatus::Resolved, &[]))] {
        let plan = planner.plan(&event(&format!("{at}"), at, 100, data), &facts, s(100));
        let count = plan.insert.len() + plan.update.len();
        assert_eq!(count, usize::try_from(planned).unwrap(), "the event of {at}");
        facts.deliveries = if plan.update.is_empty() { plan.insert } else { plan.update };
        facts.alert = plan.alert;
    }
}
