//! What holds after every step, whatever comes in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use watchbell_core::delivery::State;
use watchbell_core::event::{AlertData, DutyData, DutyStatus, Event, EventData, Priority, UpdateStatus};
use watchbell_core::rule::{Repeat, Rule, Trigger};
use watchbell_core::{Channel, UserId};
use watchbell_scheduler::{Escalation, EscalationStep, SchedulerSettings, Schedules};
use watchbell_store::facts::{AlertState, Policy};

use crate::world::{World, alert, device, event, labelled, rule, s, update, user};

const CHANNELS: [Channel; 4] = [Channel::Email, Channel::Sms, Channel::Voice, Channel::Push];
const TRIGGERS: [Trigger; 3] = [Trigger::AlertHigh, Trigger::Duty, Trigger::Accepted];

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Its number (one that comes again is a duplicate), when it happened, what.
    Event(u8, i64, What),
    /// A user's rule is made, changed or, without a channel, deleted.
    Rule {
        user: i64,
        number: i64,
        trigger: usize,
        channel: Option<usize>,
        offset_s: i64,
        shape: usize,
    },
    Device {
        user: i64,
        number: i64,
        is_there: bool,
    },
    /// Time passes; what is ready is sent, or fails by channels that do not work.
    Pass {
        seconds: i64,
        fails: usize,
    },
}

#[derive(Clone, Debug)]
enum What {
    Alert(Vec<i64>),
    /// One that says labels.
    Labelled(Vec<i64>, bool),
    /// One that names whoever is on duty, and a list, beside users.
    Groups(Vec<i64>),
    Update(usize, Vec<i64>),
    Shift {
        user: i64,
        starts_s: i64,
        cancelled: bool,
    },
}

fn users() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(1..4_i64, 1..4)
}

fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        users().prop_map(What::Alert),
        (users(), any::<bool>()).prop_map(|(users, is_db)| What::Labelled(users, is_db)),
        users().prop_map(What::Groups),
        (0..3_usize, users()).prop_map(|(status, users)| What::Update(status, users)),
        (1..4_i64, 0..4_i64, any::<bool>()).prop_map(|(user, hours, cancelled)| What::Shift { user, starts_s: hours * 3_600, cancelled }),
    ];
    prop_oneof![
        4 => (0..12_u8, 0..1_000_i64, what).prop_map(|(id, happened_s, what)| Step::Event(id, happened_s, what)),
        2 => (1..4_i64, 0..4_i64, 0..TRIGGERS.len(), proptest::option::weighted(0.8, 0..CHANNELS.len()), 0..10_i64, 0..9_usize).prop_map(
            |(user, number, trigger, channel, tens, shape)| Step::Rule { user, number, trigger, channel, offset_s: tens * 120, shape }
        ),
        1 => (1..4_i64, 0..3_i64, any::<bool>()).prop_map(|(user, number, is_there)| Step::Device { user, number, is_there }),
        2 => (1..600_i64, 0..8_usize).prop_map(|(seconds, fails)| Step::Pass { seconds, fails }),
    ]
}

/// A list of two steps, and somebody who is told when nobody is on duty.
fn with_groups() -> SchedulerSettings {
    let step = |after_min, name: &str| EscalationStep { after_min, responders: vec![name.to_owned()] };
    let list = Escalation { steps: vec![step(0, "u2"), step(15, "duty:Primary")], repeat: 0, repeat_after_min: None };
    SchedulerSettings {
        schedules: Schedules { fallback: vec!["u3".to_owned()], ..Schedules::default() },
        escalations: BTreeMap::from([("db".to_owned(), list)]),
        ..SchedulerSettings::default()
    }
}

fn names(users: &[i64]) -> Vec<String> {
    users.iter().map(|user| format!("u{user}")).collect()
}

fn data(what: &What) -> EventData {
    match what {
        What::Alert(users) => alert(&names(users).iter().map(String::as_str).collect::<Vec<_>>()),
        What::Labelled(users, is_db) => {
            labelled(&names(users).iter().map(String::as_str).collect::<Vec<_>>(), if *is_db { "db" } else { "web" })
        }
        What::Groups(users) => {
            let groups = ["duty:Primary", "escalation:db"].map(str::to_owned);
            alert(&groups.into_iter().chain(names(users)).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>())
        }
        What::Update(status, users) => update(UpdateStatus::ALL[*status], &names(users).iter().map(String::as_str).collect::<Vec<_>>()),
        What::Shift { user, starts_s, cancelled } => EventData::Duty(DutyData {
            duty_id: "D".to_owned(),
            user_id: format!("u{user}"),
            starts_at: s(*starts_s),
            ends_at: s(starts_s + 3_600),
            schedule: "Primary".to_owned(),
            status: if *cancelled { DutyStatus::Cancelled } else { DutyStatus::Scheduled },
        }),
    }
}

/// Conditions and repetitions, as rules for alerts have them; half of the rules have none.
fn shaped(rule: Rule, shape: usize) -> Rule {
    if !matches!(rule.trigger, Trigger::AlertHigh | Trigger::AlertLow) {
        return rule;
    }
    let when = match shape {
        0 => r#"{"labels":[{"label":"team","equals":"db"}]}"#,
        1 => r#"{"onDuty":{}}"#,
        // Some minutes of every test.
        2 => r#"{"hours":{"start":"08:20","end":"08:40"}}"#,
        _ => "{}",
    };
    let repeat = matches!(shape, 2..=4).then_some(Repeat { every_s: 180, times: 4 });
    Rule { when: serde_json::from_str(when).unwrap(), repeat, ..rule }
}

fn edit_rule(policy: &mut Policy, number: i64, trigger: usize, channel: Option<usize>, offset_s: i64, shape: usize) {
    let id = policy.user.id.0 * 100 + number;
    let known = policy.rules.iter_mut().find(|rule| rule.id.0 == id);
    let rule = |channel: usize| shaped(rule(id, TRIGGERS[trigger], CHANNELS[channel], offset_s), shape);
    match (known, channel) {
        (Some(known), Some(channel)) => *known = rule(channel),
        (None, Some(channel)) => policy.rules.push(rule(channel)),
        (_, None) => policy.rules.retain(|rule| rule.id.0 != id),
    }
}

/// What the clocks of an alert's two sources say.
#[derive(Clone, Copy, Debug)]
enum Clocks {
    /// There is but one source, whose events come in any order.
    One,
    /// One source tells times, in the order in which the broker takes its events, the other does not.
    Agree,
    /// Anything, in circles too.
    Contradict,
}

/// Events of one alert, mostly alert events.
fn happening(clocks: Clocks, with_escalations: bool, most: usize) -> impl Strategy<Value = Vec<Event>> {
    let what = prop_oneof![
        3 => (users(), any::<bool>()).prop_map(|(users, is_low)| {
            let EventData::Alert(alert) = data(&What::Alert(users)) else { unreachable!("an alert") };
            EventData::Alert(AlertData { priority: Some(if is_low { Priority::Low } else { Priority::High }), ..alert })
        }),
        1 => (0..if with_escalations { 3_usize } else { 2 }, users()).prop_map(|(status, users)| data(&What::Update(status, users))),
    ];
    let parts = (0..2_i64, any::<bool>(), 0..1_000_i64, 0..1_000_i64, what);
    proptest::collection::vec(parts, 1..most).prop_map(move |events| {
        let event = |(at, (source, tells, happened_s, received_s, data)): (usize, (i64, bool, i64, i64, EventData))| {
            let mut event = event(&at.to_string(), 0, received_s, data);
            let (source, time_s) = match clocks {
                Clocks::One => (0, Some(happened_s)),
                Clocks::Agree => (source, (source == 0).then_some(received_s - 30)),
                Clocks::Contradict => (source, tells.then_some(happened_s)),
            };
            event.occurrence.source = source.to_string();
            event.occurrence.sequence = at as u64;
            event.occurrence.time = time_s.map(s);
            event
        };
        events.into_iter().enumerate().map(event).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Nothing pending once its alert is closed; no rule told twice in one round; nobody silently unreachable; states only
    /// move forward.
    #[test]
    fn plans_hold_under_any_order_of_events_and_changes(steps in proptest::collection::vec(step(), 1..25)) {
        let mut world = World::with([user(1), user(2), user(3)], with_groups());
        let mut now = s(1_000);
        for step in &steps {
            match step {
                Step::Event(id, happened_s, what) => {
                    let received_s = now.ms_since(s(0)) / 1000;
                    world.accept(&event(&id.to_string(), *happened_s, received_s, data(what)), now);
                }
                Step::Rule { user, number, trigger, channel, offset_s, shape } => {
                    world.change(UserId(*user), now, |policy| edit_rule(policy, *number, *trigger, *channel, *offset_s, *shape));
                }
                Step::Device { user, number, is_there } => {
                    let device = device(*user, user * 10 + number);
                    world.change(UserId(*user), now, |policy| {
                        policy.devices.retain(|known| known.id != device.id);
                        policy.devices.extend(is_there.then_some(device));
                    });
                }
                Step::Pass { seconds, fails } => {
                    now = now.plus_s(*seconds);
                    world.follow_up(now);
                    world.send(now, |channel| CHANNELS.get(*fails) != Some(&channel));
                }
            }
            world.broken().map_err(TestCaseError::fail)?;
        }
    }

    /// The same event again, at any later time, plans nothing.
    #[test]
    fn an_event_that_comes_again_changes_nothing(steps in proptest::collection::vec((0..1_000_i64, users()), 1..6), again in 0..6_usize) {
        let mut world = World::new([user(1), user(2), user(3)]);
        let events: Vec<_> = steps.iter().enumerate().map(|(at, (happened_s, users))| event(&at.to_string(), *happened_s, 1_000, data(&What::Alert(users.clone())))).collect();
        for event in &events {
            world.accept(event, s(1_000));
        }
        let before = world.deliveries.clone();
        prop_assert!(world.accept(&events[again % events.len()], s(2_000)).is_none());
        prop_assert_eq!(before, world.deliveries);
    }

    /// A resolved alert of which nothing later is known is closed and pages nobody, whatever the order of arrival.
    #[test]
    fn the_latest_resolve_closes_an_alert_in_any_order(
        earlier in proptest::collection::vec((0..1_000_i64, prop_oneof![users().prop_map(What::Alert), Just(What::Update(0, vec![])), Just(What::Update(1, vec![]))]), 1..6),
        place in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new([user(1), user(2), user(3)]);
        let mut events: Vec<_> = earlier.iter().enumerate().map(|(at, (happened_s, what))| event(&at.to_string(), *happened_s, 2_000, data(what))).collect();
        let resolved = event("r", 1_500, 2_000, update(UpdateStatus::Resolved, &[]));
        events.insert(place.index(events.len() + 1), resolved);
        for event in &events {
            world.accept(event, s(2_000));
            world.broken().map_err(TestCaseError::fail)?;
        }
        prop_assert_eq!(world.alerts["A"].state, AlertState::Resolved);
        prop_assert!((1..4).all(|user| world.pending(user).is_empty()));
    }

    /// Whatever comes first: what is left to be told in the end is the same.
    #[test]
    fn the_end_is_the_same_in_any_order(
        events in prop_oneof![happening(Clocks::One, true, 10), happening(Clocks::Agree, true, 10)]
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let end = |events: &[Event]| {
            let rules = |id| vec![rule(id, Trigger::AlertHigh, Channel::Sms, 5_000), rule(id + 10, Trigger::AlertLow, Channel::Email, 5_000)];
            let mut world = World::new([1, 2, 3].map(|id| Policy { rules: rules(id), ..user(id) }));
            for event in events {
                world.accept(event, s(2_000));
                world.broken().map_err(TestCaseError::fail)?;
            }
            let open = Some(&world.alerts["A"]).filter(|alert| alert.state == AlertState::Open);
            Ok::<_, TestCaseError>((open.map(|alert| alert.priority), [1, 2, 3].map(|user| world.pending(user))))
        };
        prop_assert_eq!(end(&events.0)?, end(&events.1)?);
    }

    /// Whatever comes first: conditions on labels are judged by what the alert says in the end.
    #[test]
    fn labels_count_in_any_order(
        events in prop_oneof![happening(Clocks::One, true, 8), happening(Clocks::Agree, true, 8)]
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        teams in proptest::collection::vec(proptest::option::of(any::<bool>()), 8),
    ) {
        let end = |events: &[Event]| {
            let rules = |id| {
                let of = |number, trigger, team: &str| {
                    let when = format!(r#"{{"labels":[{{"label":"team","equals":"{team}"}}]}}"#);
                    Rule { when: serde_json::from_str(&when).unwrap(), ..rule(number, trigger, Channel::Sms, 5_000) }
                };
                vec![of(id, Trigger::AlertHigh, "db"), of(id + 10, Trigger::AlertLow, "db"), of(id + 20, Trigger::AlertHigh, "web")]
            };
            let mut world = World::new([1, 2, 3].map(|id| Policy { rules: rules(id), ..user(id) }));
            for event in events {
                let mut event = event.clone();
                let team = teams[usize::try_from(event.occurrence.sequence).unwrap_or_default()];
                if let (EventData::Alert(data), Some(is_db)) = (&mut event.data, team) {
                    data.labels.insert("team".to_owned(), if is_db { "db" } else { "web" }.into());
                }
                world.accept(&event, s(2_000));
                world.broken().map_err(TestCaseError::fail)?;
            }
            let sms = |user| world.pending(user).into_iter().filter(|(channel, _)| *channel == Channel::Sms).collect::<Vec<_>>();
            Ok::<_, TestCaseError>([1, 2, 3].map(sms))
        };
        prop_assert_eq!(end(&events.0)?, end(&events.1)?);
    }

    /// Whatever comes first: the messages that are still to go out say what the latest event of the round says, and what only
    /// earlier ones say.
    #[test]
    fn what_is_said_is_the_same_in_any_order(
        events in prop_oneof![happening(Clocks::One, true, 8), happening(Clocks::Agree, true, 8)]
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        parts in proptest::collection::vec(0..8_u8, 8),
    ) {
        let said = |events: &[Event]| {
            let rules = |id| vec![rule(id, Trigger::AlertHigh, Channel::Sms, 5_000), rule(id + 10, Trigger::AlertLow, Channel::Sms, 5_000)];
            let mut world = World::new([1, 2, 3].map(|id| Policy { rules: rules(id), ..user(id) }));
            for event in events {
                let mut event = event.clone();
                if let EventData::Alert(data) = &mut event.data {
                    let (at, parts) = (&event.identity, parts[usize::try_from(event.occurrence.sequence).unwrap_or_default()]);
                    data.summary = if parts & 1 == 0 { data.alert_id.clone() } else { format!("summary {at}") };
                    data.url = (parts & 2 != 0).then(|| format!("https://example.org/{at}"));
                    if parts & 4 != 0 {
                        data.labels.insert("at".to_owned(), at.as_str().into());
                    }
                }
                world.accept(&event, s(2_000));
            }
            let alert = &world.alerts["A"];
            let open = (alert.state == AlertState::Open).then(|| (alert.summary.clone(), alert.url.clone()));
            (open, [1, 2, 3].map(|user| world.texts(user)))
        };
        prop_assert_eq!(said(&events.0), said(&events.1));
    }

    /// However late events arrive, and whatever has been sent meanwhile: for one event no rule tells its user twice.
    #[test]
    fn nothing_is_sent_twice_for_one_event(events in happening(Clocks::Contradict, false, 10)) {
        let mut world = World::new([1, 2, 3].map(|id| Policy { rules: vec![rule(id, Trigger::AlertHigh, Channel::Sms, 0)], ..user(id) }));
        for event in &events {
            world.accept(event, s(2_000));
            world.broken().map_err(TestCaseError::fail)?;
            world.send(s(2_000), |_| true);
        }
        let sent = world.deliveries.values().filter(|delivery| delivery.state == State::Sent);
        let sent: Vec<_> = sent.map(|delivery| (&delivery.event_id, delivery.user_id, &delivery.rules)).collect();
        let different: BTreeSet<_> = sent.iter().collect();
        prop_assert_eq!(different.len(), sent.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// An alert that is raised again and again is not remembered without end.
    #[test]
    fn what_is_kept_of_an_alert_has_an_end(events in happening(Clocks::Contradict, true, 300)) {
        let mut world = World::new([user(1), user(2), user(3)]);
        for event in &events {
            world.accept(event, s(2_000));
            world.broken().map_err(TestCaseError::fail)?;
            prop_assert!(world.alerts["A"].history.len() <= 60, "{}", world.alerts["A"].history.len());
        }
    }
}
