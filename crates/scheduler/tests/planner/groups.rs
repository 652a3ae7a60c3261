//! Whom groups come to: topics, schedules and escalation lists, and what is done about them later.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::decode::RejectReason;
use watchbell_core::event::{DutyData, DutyStatus, Event, EventData, UpdateStatus};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, Decision, NamedAs, UserId};
use watchbell_scheduler::{Escalation, EscalationStep, Schedule, SchedulerSettings, Schedules};
use watchbell_store::facts::Policy;

use crate::world::{World, alert, event, rule, s, update, user};

const HOUR: i64 = 3_600;

/// A user who gets an SMS at once, and an email after half an hour.
fn person(id: i64) -> Policy {
    let rules = vec![rule(id * 10, Trigger::AlertHigh, Channel::Sms, 0), rule(id * 10 + 1, Trigger::AlertHigh, Channel::Email, HOUR / 2)];
    Policy { rules, ..user(id) }
}

fn shift(id: &str, user: i64, from_s: i64, to_s: i64) -> EventData {
    EventData::Duty(DutyData {
        duty_id: id.to_owned(),
        user_id: format!("u{user}"),
        starts_at: s(from_s),
        ends_at: s(to_s),
        schedule: "primary".to_owned(),
        status: DutyStatus::Scheduled,
    })
}

fn list(steps: &[(u32, &[&str])], repeat: u32) -> Escalation {
    let step = |(after_min, names): &(u32, &[&str])| EscalationStep {
        after_min: *after_min,
        responders: names.iter().map(ToString::to_string).collect(),
    };
    Escalation { steps: steps.iter().map(step).collect(), repeat, repeat_after_min: None }
}

fn settings() -> SchedulerSettings {
    let own = Schedule { fallback: vec!["topic:leads".to_owned(), "u5".to_owned()] };
    SchedulerSettings {
        schedules: Schedules {
            fallback: vec!["u4".to_owned()],
            tell_new_on_duty: true,
            by_name: BTreeMap::from([("secondary".to_owned(), own)]),
        },
        escalations: BTreeMap::from([
            ("db".to_owned(), list(&[(0, &["duty:primary"]), (10, &["u3"])], 0)),
            ("loop".to_owned(), list(&[(0, &["u1"]), (20, &["u2"])], 1)),
        ]),
        ..SchedulerSettings::default()
    }
}

/// Five people; the first two are on duty one after the other, three and five are in the topic `leads`.
fn world() -> World {
    let mut world = World::with((1..=5).map(person), settings());
    world.topics.insert("leads".to_owned(), vec![UserId(3), UserId(5)]);
    world.accept(&happened("90", 0, shift("D1", 1, -HOUR, HOUR)), s(0)).unwrap();
    world.accept(&happened("91", 0, shift("D2", 2, HOUR, 2 * HOUR)), s(0)).unwrap();
    world
}

fn happened(id: &str, at_s: i64, data: EventData) -> Event {
    event(id, at_s, at_s, data)
}

fn told(world: &World) -> BTreeSet<i64> {
    world.responders.iter().map(|responder| responder.user_id.0).collect()
}

/// Steps of lists that are to come; schedules are looked at as long as an alert is open.
fn steps_left(world: &World) -> usize {
    world.follow_ups.keys().filter(|(_, group)| matches!(group, watchbell_core::Group::Escalation(_))).count()
}

/// As what users were named, in words.
fn named_as(world: &World, user: i64) -> Option<String> {
    let mine = world.deliveries.values().find(|d| d.user_id == UserId(user) && d.alert_id.is_some())?;
    mine.named_as.as_ref().map(NamedAs::to_string)
}

#[test]
fn groups_come_to_people_and_each_is_told_once() {
    use RejectReason::{BadTopic, NobodyOnDuty, UnknownEscalation};
    let table: [(&[&str], &[i64], &[RejectReason]); 12] = [
        (&["duty:primary"], &[1], &[]),
        (&["topic:leads"], &[3, 5], &[]),
        (&["u1", "duty:primary", "topic:leads", "topic:leads"], &[1, 3, 5], &[]),
        // Nobody: the schedule's own fallback, else the general one; and that is no secret.
        (&["duty:secondary"], &[3, 5], &[NobodyOnDuty]),
        (&["duty:other"], &[4], &[NobodyOnDuty]),
        (&["duty:other", "u1"], &[1, 4], &[NobodyOnDuty]),
        (&["topic:nobody"], &[4], &[BadTopic]),
        (&["escalation:none"], &[4], &[UnknownEscalation]),
        (&["escalation:db"], &[1], &[]),
        (&["escalation:db", "u3"], &[1, 3], &[]),
        (&["escalation:loop"], &[1], &[]),
        (&["u2", "u9"], &[2], &[]),
    ];
    for (names, people, rejected) in table {
        let mut world = world();
        world.accept(&happened("1", 0, alert(names)), s(0)).unwrap();
        assert_eq!(told(&world), people.iter().copied().collect(), "{names:?}");
        assert_eq!(world.rejected, rejected, "{names:?}");
        let of_alert = world.deliveries.values().filter(|d| d.alert_id.is_some()).count();
        assert_eq!(of_alert, 2 * people.len(), "{names:?}: each one's two steps, once");
        world.broken().unwrap();
    }
}

#[test]
fn each_person_is_accounted_for() {
    let table: [(&[&str], i64, Option<&str>); 7] = [
        (&["u1"], 1, None),
        (&["duty:primary"], 1, Some("as schedule primary")),
        (&["duty:primary", "u1"], 1, None),
        (&["topic:leads"], 3, Some("as member of topic leads")),
        (&["duty:other"], 4, Some("as fallback of duty:other")),
        (&["escalation:db"], 1, Some("by step 1 of escalation db, as schedule primary")),
        (&["escalation:loop"], 1, Some("by step 1 of escalation loop")),
    ];
    for (names, user, wanted) in table {
        let mut world = world();
        world.accept(&happened("1", 0, alert(names)), s(0)).unwrap();
        assert_eq!(named_as(&world, user).as_deref(), wanted, "{names:?}");
    }
}

#[test]
fn whose_shift_begins_while_the_alert_is_open_is_told_as_well() {
    let mut world = world();
    world.accept(&happened("1", 0, alert(&["duty:primary"])), s(0)).unwrap();
    assert_eq!((world.follow_up(s(HOUR - 1)), told(&world)), (0, BTreeSet::from([1])));
    assert_eq!(world.follow_up(s(HOUR)), 1);
    assert_eq!(told(&world), BTreeSet::from([1, 2]));
    assert_eq!(named_as(&world, 2).as_deref(), Some("as schedule primary, whose shift changed while the alert was open"));
    // A shift that is planned over the running one counts at once.
    world.accept(&happened("92", HOUR + 60, shift("D3", 3, 0, 2 * HOUR)), s(HOUR + 60)).unwrap();
    world.follow_up(s(HOUR + 60));
    assert_eq!(told(&world), BTreeSet::from([1, 2, 3]));
    // Somebody has it: whoever comes next is left alone.
    world.accept(&happened("2", HOUR + 120, update(UpdateStatus::Accepted, &[])), s(HOUR + 120)).unwrap();
    assert!(world.follow_ups.is_empty());
    world.accept(&happened("93", HOUR + 180, shift("D4", 4, 0, 2 * HOUR)), s(HOUR + 180)).unwrap();
    assert_eq!((world.follow_up(s(HOUR + 180)), told(&world)), (0, BTreeSet::new()));
    world.broken().unwrap();
}

#[test]
fn whoever_comes_on_duty_is_left_alone_where_the_operator_says_so() {
    let mut settings = settings();
    settings.schedules.tell_new_on_duty = false;
    let mut world = World::with((1..=2).map(person), settings);
    world.accept(&happened("90", 0, shift("D1", 1, -HOUR, HOUR)), s(0)).unwrap();
    world.accept(&happened("91", 0, shift("D2", 2, HOUR, 2 * HOUR)), s(0)).unwrap();
    world.accept(&happened("1", 0, alert(&["duty:primary"])), s(0)).unwrap();
    assert_eq!((world.follow_up(s(2 * HOUR)), told(&world)), (0, BTreeSet::from([1])));
}

#[test]
fn steps_of_a_list_come_until_somebody_accepts() {
    let mut world = world();
    world.accept(&happened("1", 0, alert(&["escalation:db"])), s(0)).unwrap();
    assert_eq!((world.follow_up(s(599)), told(&world)), (0, BTreeSet::from([1])));
    assert_eq!((world.follow_up(s(600)), told(&world)), (1, BTreeSet::from([1, 3])));
    assert_eq!(world.pending(3), [(Channel::Sms, 600), (Channel::Email, 600 + HOUR / 2)], "delays count from the step");
    assert_eq!(steps_left(&world), 0, "the list is at its end");
    world.broken().unwrap();

    for (what, status) in [("accepted", UpdateStatus::Accepted), ("resolved", UpdateStatus::Resolved)] {
        let mut world = self::world();
        world.accept(&happened("1", 0, alert(&["escalation:db"])), s(0)).unwrap();
        world.accept(&happened("2", 300, update(status, &[])), s(300)).unwrap();
        assert_eq!((world.follow_up(s(HOUR)), told(&world)), (0, BTreeSet::new()), "{what}");
    }
}

#[test]
fn an_accept_that_was_on_its_way_ends_what_a_step_began() {
    let mut world = world();
    world.accept(&happened("1", 0, alert(&["escalation:db"])), s(0)).unwrap();
    world.follow_up(s(600));
    assert!(!world.pending(3).is_empty());
    // It happened before the step, and arrives after it: the step opens nothing.
    world.accept(&event("2", 590, 590, update(UpdateStatus::Accepted, &[])), s(601)).unwrap();
    assert_eq!((world.pending(1), world.pending(3)), (vec![], vec![]));
    world.broken().unwrap();
}

#[test]
fn a_step_takes_effect_once_however_often_it_is_taken() {
    let mut world = world();
    world.accept(&happened("1", 0, alert(&["escalation:db"])), s(0)).unwrap();
    let step = world.follow_ups.clone();
    world.follow_up(s(600));
    let (deliveries, responders) = (world.deliveries.clone(), world.responders.clone());
    // As another process would that read it before.
    world.follow_ups = step;
    assert_eq!(world.follow_up(s(660)), 1);
    assert_eq!((steps_left(&world), world.deliveries, world.responders), (0, deliveries, responders));
}

#[test]
fn a_list_that_is_done_again_tells_those_whose_steps_have_ended() {
    let mut world = world();
    world.accept(&happened("1", 0, alert(&["escalation:loop"])), s(0)).unwrap();
    world.send(s(0), |_| true);
    world.follow_up(s(20 * 60));
    assert_eq!(told(&world), BTreeSet::from([1, 2]));
    world.send(s(20 * 60), |_| true);
    world.send(s(HOUR / 2), |_| true);
    // The first one has been told everything and is told again; the second one's email is still to come.
    world.follow_up(s(40 * 60));
    assert_eq!(world.pending(1), [(Channel::Sms, 40 * 60), (Channel::Email, 40 * 60 + HOUR / 2)]);
    assert_eq!(world.pending(2), [(Channel::Email, 20 * 60 + HOUR / 2)]);
    world.send(s(40 * 60), |_| true);
    // The second one's email is gone by the time of its repetition.
    world.send(s(60 * 60), |_| true);
    world.follow_up(s(60 * 60));
    assert_eq!(world.pending(2), [(Channel::Sms, HOUR), (Channel::Email, HOUR + HOUR / 2)]);
    assert_eq!(world.follow_ups.len(), 0);
    // All of it is one round: an accept ends it.
    world.accept(&happened("2", HOUR + 1, update(UpdateStatus::Accepted, &[])), s(HOUR + 1)).unwrap();
    assert_eq!((world.pending(1), world.pending(2), world.responders.len()), (vec![], vec![], 0));
}

#[test]
fn a_new_round_begins_the_list_anew() {
    let mut world = world();
    world.accept(&happened("1", 0, alert(&["escalation:db"])), s(0)).unwrap();
    world.follow_up(s(600));
    world.accept(&happened("2", 700, update(UpdateStatus::Resolved, &[])), s(700)).unwrap();
    world.accept(&happened("3", 800, alert(&["escalation:db"])), s(800)).unwrap();
    assert_eq!(told(&world), BTreeSet::from([1]));
    assert_eq!((world.follow_up(s(1_399)), world.follow_up(s(1_400)), told(&world)), (0, 1, BTreeSet::from([1, 3])));
    world.broken().unwrap();
}

#[test]
fn a_step_by_a_clock_that_is_behind_the_broker_s_takes_effect() {
    let mut world = world();
    let mut ahead = happened("1", 0, alert(&["escalation:db"]));
    ahead.occurrence.received_at = s(3 * HOUR);
    world.accept(&ahead, s(0)).unwrap();
    world.follow_up(s(600));
    assert_eq!(told(&world), BTreeSet::from([1, 3]));
}

#[test]
fn what_a_follow_up_decides_is_said() {
    let mut world = world();
    world.accept(&happened("1", 0, alert(&["escalation:db", "u3"])), s(0)).unwrap();
    let what = world.follow_ups.values().find(|what| what.group.to_string() == "escalation:db").cloned().unwrap();
    let planner = watchbell_scheduler::RulePlanner::new(settings());
    let event = watchbell_store::Planner::follow_up(&planner, &what, s(600)).unwrap();
    assert_eq!(world.accept(&event, s(600)).unwrap().decision, Some(Decision::NobodyToCallIn));
    world.accept(&happened("2", 700, update(UpdateStatus::Accepted, &[])), s(700)).unwrap();
    let late = watchbell_store::Planner::follow_up(&planner, &watchbell_core::FollowUp { number: 7, ..what }, s(800));
    assert!(late.is_none(), "the list has no such step");
}
