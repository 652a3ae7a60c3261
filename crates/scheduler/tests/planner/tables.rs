//! What the planner answers to single events and changes.

use watchbell_core::contact::ContactStatus;
use watchbell_core::delivery::Purpose;
use watchbell_core::event::{DutyData, DutyStatus, EventData, Priority, UpdateStatus};
use watchbell_core::rule::{Surface, Trigger};
use watchbell_core::{Channel, UserId};
use watchbell_scheduler::{FallbackEmail, SchedulerSettings};
use watchbell_store::facts::{AlertState, Policy};

use crate::world::{World, alert, device, event, rule, s, update, user};

use Channel::{Email, Push, Sms, Voice};
use Trigger::{AlertHigh, AlertLow, Duty};
use UpdateStatus::{Accepted, Escalated, Resolved};

/// Channels and seconds from the beginning, as [`World::pending`] answers them.
type Pending = &'static [(Channel, i64)];
/// Status and whether it is the primary one.
type Phones = &'static [(ContactStatus, bool)];
type Change = fn(&mut Policy);
/// When each happened, in the order in which they arrive.
type Arrivals = Vec<(i64, EventData)>;

fn with_rules(id: i64, rules: &[(i64, Trigger, Channel, i64)]) -> Policy {
    let rules = rules.iter().map(|(id, trigger, channel, offset_s)| rule(*id, *trigger, *channel, *offset_s)).collect();
    Policy { rules, ..user(id) }
}

fn alerted(policy: Policy) -> World {
    let mut world = World::new([policy]);
    world.accept(&event("1", 0, 0, alert(&["u1"])), s(0)).unwrap();
    world
}

#[test]
fn rules_become_steps_in_the_order_of_their_times() {
    let chain = |id, position, channel, wait_s| {
        let step = rule(id, AlertHigh, Sms, wait_s);
        watchbell_core::rule::Rule { surface: Surface::Oncall, position: Some(position), channel, ..step }
    };
    let table: [(&str, Policy, Pending); 7] = [
        ("no rule: the fallback email", user(1), &[(Email, 0)]),
        ("a rule of another priority is none", with_rules(1, &[(1, AlertLow, Sms, 60)]), &[(Email, 0)]),
        ("delays", with_rules(1, &[(1, AlertHigh, Sms, 300), (2, AlertHigh, Email, 0)]), &[(Email, 0), (Sms, 300)]),
        ("equal steps are one", with_rules(1, &[(1, AlertHigh, Sms, 300), (2, AlertHigh, Sms, 300)]), &[(Sms, 300)]),
        ("another time is another step", with_rules(1, &[(1, AlertHigh, Sms, 60), (2, AlertHigh, Sms, 300)]), &[(Sms, 60), (Sms, 300)]),
        (
            "a chain adds its waits up, whatever the order in which its steps were made",
            Policy {
                rules: vec![
                    chain(1, 3, Some(Voice), 0),
                    chain(2, 0, Some(Email), 0),
                    chain(3, 1, None, 120),
                    chain(4, 2, None, 60),
                    chain(5, 4, Some(Sms), 0),
                ],
                ..user(1)
            },
            &[(Email, 0), (Sms, 180), (Voice, 180)],
        ),
        (
            "push is one a device",
            Policy { devices: vec![device(1, 1), device(1, 2)], ..with_rules(1, &[(1, AlertHigh, Push, 0)]) },
            &[(Push, 0), (Push, 0)],
        ),
    ];
    for (what, policy, steps) in table {
        assert_eq!(alerted(policy).pending(1), steps, "{what}");
    }
}

#[test]
fn a_rule_without_a_contact_means_the_primary_one_else_the_first_that_is_ok() {
    let phone = |at: usize, status, primary| {
        let phone = user(1).contacts[1].clone();
        watchbell_core::contact::Contact {
            id: watchbell_core::ContactId(i64::try_from(at).unwrap()),
            target: format!("+491511234567{at}"),
            status,
            primary,
            ..phone
        }
    };
    let table: [(Phones, Option<i64>); 5] = [
        (&[(ContactStatus::Ok, false), (ContactStatus::Ok, true)], Some(1)),
        (&[(ContactStatus::Ok, false), (ContactStatus::Locked, true)], Some(0)),
        (&[(ContactStatus::Blacklisted, false), (ContactStatus::Ok, false), (ContactStatus::Ok, false)], Some(1)),
        // None is usable: the first, which may be unlocked by then.
        (&[(ContactStatus::Locked, false), (ContactStatus::Locked, false)], Some(0)),
        (&[], None),
    ];
    for (phones, chosen) in table {
        let contacts = phones.iter().enumerate().map(|(at, (status, primary))| phone(at, *status, *primary)).collect();
        let world = alerted(Policy { contacts, ..with_rules(1, &[(1, AlertHigh, Sms, 0)]) });
        let delivery = world.deliveries.values().next().unwrap();
        assert_eq!(delivery.contact_id.map(|id| id.0), chosen, "{phones:?}");
    }
}

#[test]
fn who_has_no_rule_gets_the_fallback_email_as_it_is_set() {
    use FallbackEmail::{All, High, Off};
    let table =
        [(All, Priority::High, 1), (All, Priority::Low, 1), (High, Priority::High, 1), (High, Priority::Low, 0), (Off, Priority::High, 0)];
    for (setting, priority, mails) in table {
        let mut world = World::with([user(1)], SchedulerSettings { fallback_email: setting, ..SchedulerSettings::default() });
        let EventData::Alert(mut data) = alert(&["u1"]) else { unreachable!("an alert") };
        data.priority = Some(priority);
        world.accept(&event("1", 0, 0, EventData::Alert(data)), s(0)).unwrap();
        let fallbacks = world.deliveries.values().filter(|delivery| delivery.purpose == Purpose::Fallback).count();
        assert_eq!((fallbacks, world.unreachable.len()), (mails, 1 - mails), "{setting:?} {priority:?}");
    }
}

/// Events in the order in which they arrive, with the times at which they happened; the state in the end.
#[test]
fn event_times_decide_and_not_arrival() {
    let a = || alert(&["u1"]);
    let u = |status| update(status, &["u1"]);
    let table: Vec<(&str, Arrivals, AlertState, usize)> = vec![
        ("accepted", vec![(0, a()), (10, u(Accepted))], AlertState::Accepted, 0),
        ("an accept that overtakes", vec![(10, u(Accepted)), (0, a())], AlertState::Accepted, 0),
        ("of the same time: accepted", vec![(0, u(Accepted)), (0, a())], AlertState::Accepted, 0),
        ("of the same time, the other way round", vec![(0, a()), (0, u(Accepted))], AlertState::Accepted, 0),
        ("a resolve that overtakes", vec![(10, u(Resolved)), (0, a())], AlertState::Resolved, 0),
        ("a later alert event while accepted", vec![(0, a()), (10, u(Accepted)), (20, a())], AlertState::Accepted, 0),
        ("a new round after resolved", vec![(0, a()), (10, u(Resolved)), (20, a())], AlertState::Open, 1),
        ("a new round, its resolve late", vec![(0, a()), (20, a()), (10, u(Resolved))], AlertState::Open, 1),
        ("escalated while accepted", vec![(0, a()), (10, u(Accepted)), (20, u(Escalated))], AlertState::Open, 1),
        ("escalated before it was accepted", vec![(0, a()), (10, u(Accepted)), (5, u(Escalated))], AlertState::Accepted, 0),
        ("escalated when resolved", vec![(0, a()), (10, u(Resolved)), (20, u(Escalated))], AlertState::Resolved, 0),
        ("accepted when resolved", vec![(0, a()), (10, u(Resolved)), (20, u(Accepted))], AlertState::Resolved, 0),
        ("resolved when accepted", vec![(0, a()), (10, u(Accepted)), (20, u(Resolved))], AlertState::Resolved, 0),
        ("a resolve from before the accept", vec![(0, a()), (20, u(Accepted)), (10, u(Resolved))], AlertState::Resolved, 0),
    ];
    for (what, events, state, pending) in table {
        let mut world = World::new([with_rules(1, &[(1, AlertHigh, Sms, 600)])]);
        for (at, (happened_s, data)) in events.into_iter().enumerate() {
            world.accept(&event(&at.to_string(), happened_s, 100, data), s(100)).unwrap();
            world.broken().unwrap();
        }
        assert_eq!((world.alerts["A"].state, world.pending(1).len()), (state, pending), "{what}");
    }
}

#[test]
fn a_change_of_rules_changes_what_is_not_sent_yet() {
    let table: [(&str, Change, Pending); 8] = [
        ("moved", |p| p.rules[1].offset_s = 900, &[(Sms, 900)]),
        ("moved into the past: due now", |p| p.rules[1].offset_s = 30, &[(Sms, 30)]),
        ("another channel", |p| p.rules[1].channel = Some(Voice), &[(Voice, 600)]),
        ("deleted", |p| drop(p.rules.remove(1)), &[]),
        ("one that has told does not tell again", |p| p.rules[0].offset_s = 900, &[(Sms, 600)]),
        ("a new one in time", |p| p.rules.push(rule(3, AlertHigh, Voice, 400)), &[(Voice, 400), (Sms, 600)]),
        ("a new one that has elapsed", |p| p.rules.push(rule(3, AlertHigh, Voice, 200)), &[(Sms, 600)]),
        ("merged with another", |p| p.rules.push(rule(3, AlertHigh, Sms, 600)), &[(Sms, 600)]),
    ];
    for (what, change, pending) in table {
        let mut world = alerted(with_rules(1, &[(1, AlertHigh, Email, 0), (2, AlertHigh, Sms, 600)]));
        world.send(s(0), |_| true);
        world.change(UserId(1), s(300), change);
        world.broken().unwrap();
        assert_eq!(world.pending(1), pending, "{what}");
    }
}

#[test]
fn rules_that_were_told_as_one_are_not_told_again_when_they_part() {
    let mut world = alerted(with_rules(1, &[(1, AlertHigh, Sms, 60), (2, AlertHigh, Sms, 60)]));
    world.send(s(60), |_| true);
    world.change(UserId(1), s(120), |policy| policy.rules[0].offset_s = 600);
    assert_eq!(world.pending(1), []);
    world.broken().unwrap();
}

#[test]
fn whoever_deletes_the_last_rule_before_it_told_anything_gets_the_fallback_email() {
    let mut world = alerted(with_rules(1, &[(1, AlertHigh, Sms, 600)]));
    world.change(UserId(1), s(300), |policy| policy.rules.clear());
    assert_eq!(world.pending(1), [(Email, 0)]);
    // And without an address is unreachable.
    let mut world = alerted(with_rules(1, &[(1, AlertHigh, Sms, 600)]));
    world.change(UserId(1), s(300), |policy| {
        policy.rules.clear();
        policy.contacts.clear();
    });
    assert_eq!((world.pending(1).len(), world.unreachable.len()), (0, 1));
    // Whom a rule has told is left alone.
    let mut world = alerted(with_rules(1, &[(1, AlertHigh, Sms, 0)]));
    world.send(s(0), |_| true);
    world.change(UserId(1), s(300), |policy| policy.rules.clear());
    assert_eq!((world.pending(1).len(), world.unreachable.len()), (0, 0));
}

fn shift(user: &str, starts_s: i64, status: DutyStatus) -> EventData {
    EventData::Duty(DutyData {
        duty_id: "D".to_owned(),
        user_id: user.to_owned(),
        starts_at: s(starts_s),
        ends_at: s(starts_s + 3_600),
        schedule: "Primary".to_owned(),
        status,
    })
}

#[test]
fn reminders_come_before_the_shift_and_only_the_nearest_of_those_that_have_passed() {
    use DutyStatus::Scheduled;
    let table: [(&str, i64, Pending); 5] = [
        ("in time", 10_000, &[(Email, 2_800), (Sms, 8_200)]),
        ("the first has passed", 5_000, &[(Email, -2_200), (Sms, 3_200)]),
        ("both have passed", 1_000, &[(Sms, -800)]),
        ("it begins now", 0, &[(Sms, -1_800)]),
        ("it has begun", -1, &[]),
    ];
    for (what, starts_s, pending) in table {
        let mut world = World::new([with_rules(1, &[(1, Duty, Email, 7_200), (2, Duty, Sms, 1_800)])]);
        world.accept(&event("1", 0, 0, shift("u1", starts_s, Scheduled)), s(0)).unwrap();
        assert_eq!(world.pending(1), pending, "{what}");
    }
}

/// Shifts as they are set and called off, with what goes out in between.
#[test]
fn a_shift_that_is_called_off_is_told_once_to_whoever_was_reminded() {
    use DutyStatus::{Cancelled, Scheduled};
    let told = |events: &[(i64, &str, i64, DutyStatus)]| {
        let mut world =
            World::new([with_rules(1, &[(1, Duty, Email, 7_200), (2, Duty, Sms, 1_800)]), with_rules(2, &[(3, Duty, Sms, 1_800)])]);
        for (at, (now, user, starts_s, status)) in events.iter().enumerate() {
            world.send(s(*now), |_| true);
            world.accept(&event(&at.to_string(), *now, *now, shift(user, *starts_s, *status)), s(*now)).unwrap();
            world.broken().unwrap();
        }
        world.send(s(100_000), |_| true);
        let count = |purpose| {
            let of = |d: &&watchbell_store::facts::Planned| d.purpose == purpose && d.state == watchbell_core::delivery::State::Sent;
            world.deliveries.values().filter(of).count()
        };
        (count(Purpose::Rule), count(Purpose::DutyCancelled))
    };
    assert_eq!(told(&[(0, "u1", 10_000, Scheduled)]), (2, 0));
    assert_eq!(told(&[(0, "u1", 10_000, Scheduled), (1_000, "u1", 10_000, Cancelled)]), (0, 0), "before a reminder");
    assert_eq!(told(&[(0, "u1", 10_000, Scheduled), (3_000, "u1", 10_000, Cancelled)]), (1, 1), "after a reminder");
    let twice = [(0, "u1", 10_000, Scheduled), (3_000, "u1", 10_000, Cancelled), (3_001, "u1", 10_000, Cancelled)];
    assert_eq!(told(&twice), (1, 1), "called off twice");
    let given = [(0, "u1", 10_000, Scheduled), (3_000, "u2", 10_000, Scheduled)];
    assert_eq!(told(&given), (2, 1), "given to somebody else");
    let moved = [(0, "u1", 10_000, Scheduled), (3_000, "u1", 20_000, Scheduled)];
    assert_eq!(told(&moved), (3, 0), "moved: the passed reminder is planned anew");
    let back = [(0, "u1", 10_000, Scheduled), (1_000, "u1", 20_000, Scheduled), (2_000, "u1", 10_000, Scheduled)];
    assert_eq!(told(&back), (2, 0), "moved and moved back");
}
