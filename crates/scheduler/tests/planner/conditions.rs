//! Rules with conditions, and rules that tell again.

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{DutyData, DutyStatus, EventData, Priority, UpdateStatus};
use watchbell_core::rule::{Repeat, Rule, Trigger};
use watchbell_core::{Channel, UserId};
use watchbell_scheduler::{FallbackEmail, SchedulerSettings};
use watchbell_store::facts::{Planned, Policy};

use crate::world::{World, alert, event, labelled, rule, s, update, user};

use Channel::{Email, Sms, Voice};
use Trigger::{Accepted, AlertHigh, AlertLow};

const TEAM_DB: &str = r#"{"labels":[{"label":"team","equals":"db"}]}"#;
const ON_DUTY: &str = r#"{"onDuty":{"schedule":"primary"}}"#;

fn when(rule: Rule, conditions: &str) -> Rule {
    Rule { when: serde_json::from_str(conditions).unwrap(), ..rule }
}

fn repeated(rule: Rule, every_s: i64, times: i64) -> Rule {
    Rule { repeat: Some(Repeat { every_s, times }), ..rule }
}

fn with(rules: impl IntoIterator<Item = Rule>) -> World {
    World::new([Policy { rules: rules.into_iter().collect(), ..user(1) }])
}

fn shift(id: &str, starts_s: i64, ends_s: i64, status: DutyStatus) -> EventData {
    let (starts_at, ends_at) = (s(starts_s), s(ends_s));
    EventData::Duty(DutyData {
        duty_id: id.to_owned(),
        user_id: "u1".to_owned(),
        starts_at,
        ends_at,
        schedule: "primary".to_owned(),
        status,
    })
}

/// Reasons of what is suppressed, and of fallback emails that are not cancelled.
fn reasons(world: &World) -> Vec<String> {
    let is_told = |d: &&Planned| d.state == State::Suppressed || (d.purpose == Purpose::Fallback && d.state != State::Cancelled);
    let mut reasons: Vec<_> =
        world.deliveries.values().filter(is_told).filter_map(|d| d.reason.as_ref()).map(ToString::to_string).collect();
    reasons.sort();
    reasons
}

/// What, rules, what happens, what is pending, what is said.
type Row<'a> = (&'a str, Vec<Rule>, EventData, Vec<(Channel, i64)>, Vec<&'a str>);

#[test]
fn a_rule_counts_while_its_conditions_hold_and_says_otherwise_why_not() {
    let plain = || rule(2, AlertHigh, Voice, 60);
    let fallback = "of the user's rules for HIGH alerts none has its conditions met: the fallback email";
    let table: Vec<Row<'_>> = vec![
        ("it holds", vec![when(rule(1, AlertHigh, Sms, 0), TEAM_DB)], labelled(&["u1"], "db"), vec![(Sms, 0)], vec![]),
        (
            "it does not, and another rule counts",
            vec![when(rule(1, AlertHigh, Sms, 0), TEAM_DB), plain()],
            labelled(&["u1"], "web"),
            vec![(Voice, 60)],
            vec!["the rule 1 wants the label team = db"],
        ),
        (
            "none does: nobody is left without a word",
            vec![when(rule(1, AlertHigh, Sms, 0), TEAM_DB)],
            alert(&["u1"]),
            vec![(Email, 0)],
            vec![fallback, "the rule 1 wants the label team = db"],
        ),
        (
            "the time is that of the step, not of the alert",
            vec![when(rule(1, AlertHigh, Sms, 1_800), r#"{"hours":{"start":"08:30","end":"09:00"}}"#)],
            alert(&["u1"]),
            vec![(Sms, 1_800)],
            vec![],
        ),
        (
            "and the hours are too late for that",
            vec![when(rule(1, AlertHigh, Sms, 1_799), r#"{"hours":{"start":"08:30","end":"09:00","days":[5]}}"#)],
            alert(&["u1"]),
            vec![(Email, 0)],
            vec![fallback, "the rule 1 wants the hours 08:30–09:00 on Fri"],
        ),
        (
            "of two that ask for the same, the one that counts is told",
            vec![when(rule(1, AlertHigh, Sms, 0), TEAM_DB), rule(2, AlertHigh, Sms, 0)],
            alert(&["u1"]),
            vec![(Sms, 0)],
            vec!["the rule 1 wants the label team = db"],
        ),
    ];
    for (what, rules, data, pending, told) in table {
        let mut world = with(rules);
        world.accept(&event("1", 0, 0, data), s(0)).unwrap();
        assert_eq!((world.pending(1), reasons(&world)), (pending, told.into_iter().map(str::to_owned).collect()), "{what}");
        world.broken().unwrap();
    }
}

#[test]
fn nobody_is_silently_unreachable_for_want_of_conditions() {
    let settings = SchedulerSettings { fallback_email: FallbackEmail::Off, ..SchedulerSettings::default() };
    let mut world = World::with([Policy { rules: vec![when(rule(1, AlertHigh, Sms, 0), TEAM_DB)], ..user(1) }], settings);
    world.accept(&event("1", 0, 0, alert(&["u1"])), s(0)).unwrap();
    assert_eq!((world.pending(1), world.unreachable.len()), (vec![], 1));
    world.broken().unwrap();
}

#[test]
fn a_later_event_of_the_alert_has_its_labels_judged_anew() {
    let rules = || [when(rule(1, AlertHigh, Sms, 600), TEAM_DB), when(rule(2, AlertHigh, Voice, 60), TEAM_DB)];
    let mut world = with(rules());
    world.accept(&event("1", 0, 0, labelled(&["u1"], "web")), s(0)).unwrap();
    assert_eq!(world.pending(1), [(Email, 0)], "the fallback");
    // The call's time has passed, and it is due all the same: nobody was told by it.
    world.accept(&event("2", 100, 100, labelled(&["u1"], "db")), s(100)).unwrap();
    assert_eq!(world.pending(1), [(Voice, 60), (Sms, 600)]);
    // And back: what was sent stays sent, and who was reached needs no fallback.
    world.send(s(100), |_| true);
    world.accept(&event("3", 200, 200, labelled(&["u1"], "web")), s(200)).unwrap();
    assert_eq!(world.pending(1), []);
    // An event that says no labels says nothing of them.
    world.accept(&event("4", 300, 300, labelled(&["u1"], "db")), s(300)).unwrap();
    world.accept(&event("5", 400, 400, alert(&["u1"])), s(400)).unwrap();
    assert_eq!(world.pending(1), [(Sms, 600)]);
    world.broken().unwrap();
}

#[test]
fn a_shift_that_changes_has_open_alerts_looked_at() {
    let mut world = with([when(rule(1, AlertHigh, Sms, 600), ON_DUTY)]);
    world.accept(&event("1", 0, 0, shift("D", 300, 900, DutyStatus::Scheduled)), s(0)).unwrap();
    world.accept(&event("2", 10, 10, alert(&["u1"])), s(10)).unwrap();
    // The shift does not run yet, and will when the step is due.
    assert_eq!(world.pending(1), [(Sms, 610)]);
    world.accept(&event("3", 20, 20, shift("D", 300, 900, DutyStatus::Cancelled)), s(20)).unwrap();
    let fallback = "of the user's rules for HIGH alerts none has its conditions met: the fallback email";
    assert_eq!(reasons(&world), [fallback, "the rule 1 wants the user to be on duty by the schedule primary"]);
    assert_eq!(world.pending(1), [(Email, 10)]);
    world.accept(&event("4", 30, 30, shift("E", 300, 900, DutyStatus::Scheduled)), s(30)).unwrap();
    assert!(world.pending(1).contains(&(Sms, 610)));
    world.broken().unwrap();
    // And back once more: what ends it says why.
    world.accept(&event("5", 40, 40, shift("E", 300, 900, DutyStatus::Cancelled)), s(40)).unwrap();
    let sms = world.deliveries.values().filter(|d| d.channel == Sms).map(|d| d.state);
    assert_eq!(sms.collect::<Vec<_>>(), [State::Suppressed, State::Suppressed]);
}

#[test]
fn a_shift_that_is_heard_of_late_is_made_up_for() {
    let mut world = with([when(rule(1, AlertHigh, Sms, 0), ON_DUTY), rule(2, AlertHigh, Voice, 3_600)]);
    world.accept(&event("1", 0, 0, alert(&["u1"])), s(0)).unwrap();
    assert_eq!(world.pending(1), [(Voice, 3_600)]);
    world.accept(&event("2", 600, 600, shift("D", -300, 900, DutyStatus::Scheduled)), s(600)).unwrap();
    assert_eq!(world.pending(1), [(Sms, 0), (Voice, 3_600)]);
    // Once.
    world.send(s(600), |_| true);
    world.accept(&event("3", 700, 700, shift("E", -300, 900, DutyStatus::Scheduled)), s(700)).unwrap();
    assert_eq!(world.pending(1), [(Voice, 3_600)]);
    // What the user themselves say counts from now on.
    let mut world = with([when(rule(1, AlertHigh, Sms, 0), TEAM_DB), rule(2, AlertHigh, Voice, 3_600)]);
    world.accept(&event("1", 0, 0, alert(&["u1"])), s(0)).unwrap();
    world.change(UserId(1), s(600), |policy| policy.rules[0] = rule(1, AlertHigh, Sms, 0));
    assert_eq!(world.pending(1), [(Voice, 3_600)]);
}

#[test]
fn a_rule_tells_again_until_somebody_accepts() {
    let mut world = with([repeated(rule(1, AlertHigh, Sms, 0), 300, 3)]);
    world.accept(&event("1", 0, 0, alert(&["u1"])), s(0)).unwrap();
    assert_eq!(world.pending(1), [(Sms, 0), (Sms, 300), (Sms, 600), (Sms, 900)]);
    world.send(s(300), |_| true);
    assert_eq!(world.pending(1), [(Sms, 600), (Sms, 900)]);
    // Planned anew, it is the same: each repetition keeps its place.
    let plan = world.change(UserId(1), s(310), |policy| policy.user.locale = "de".to_owned());
    assert!(plan.insert.is_empty() && plan.update.is_empty() && plan.cancel.is_empty(), "{plan:?}");
    // More often from now on.
    world.change(UserId(1), s(320), |policy| policy.rules = vec![repeated(rule(1, AlertHigh, Sms, 0), 200, 5)]);
    assert_eq!(world.pending(1), [(Sms, 400), (Sms, 600), (Sms, 800), (Sms, 1_000)]);
    world.broken().unwrap();
    world.accept(&event("2", 330, 330, update(UpdateStatus::Accepted, &[])), s(330)).unwrap();
    assert_eq!(world.pending(1), []);
}

#[test]
fn repetitions_that_are_late_are_not_made_up_for() {
    let mut world = with([repeated(rule(1, AlertHigh, Sms, 0), 300, 3)]);
    world.accept(&event("1", 0, 700, alert(&["u1"])), s(700)).unwrap();
    assert_eq!(world.pending(1), [(Sms, 0), (Sms, 900)]);
}

#[test]
fn the_first_repetition_whose_conditions_hold_is_told_however_late() {
    let early = r#"{"hours":{"start":"08:05","end":"08:12"}}"#;
    let mut world = with([repeated(when(rule(1, AlertHigh, Sms, 0), early), 300, 2)]);
    world.accept(&event("1", 0, 1_000, alert(&["u1"])), s(1_000)).unwrap();
    assert_eq!(world.pending(1), [(Sms, 300)]);
    world.broken().unwrap();
}

#[test]
fn a_repetition_gives_way_to_a_step_that_tells_the_same() {
    let mut world = with([repeated(rule(1, AlertHigh, Sms, 0), 300, 2), rule(2, AlertHigh, Sms, 300)]);
    world.accept(&event("1", 0, 0, alert(&["u1"])), s(0)).unwrap();
    assert_eq!(world.pending(1), [(Sms, 0), (Sms, 300), (Sms, 600)]);
    // Without that rule, the repetition is there.
    world.change(UserId(1), s(10), |policy| policy.rules.truncate(1));
    assert_eq!(world.pending(1), [(Sms, 0), (Sms, 300), (Sms, 600)]);
    world.broken().unwrap();
}

#[test]
fn hours_are_asked_of_each_repetition() {
    let night = r#"{"hours":{"start":"08:10","end":"08:20"}}"#;
    let mut world = with([repeated(when(rule(1, AlertHigh, Sms, 0), night), 300, 5), rule(2, AlertHigh, Voice, 0)]);
    world.accept(&event("1", 0, 0, alert(&["u1"])), s(0)).unwrap();
    assert_eq!(world.pending(1), [(Voice, 0), (Sms, 600), (Sms, 900)]);
    assert_eq!(reasons(&world), ["the rule 1 wants the hours 08:10–08:20"]);
}

#[test]
fn each_repetition_expires_when_the_next_one_is_due() {
    let mut world = with([repeated(rule(1, AlertHigh, Sms, 0), 300, 3)]);
    world.accept(&event("1", 0, 0, alert(&["u1"])), s(0)).unwrap();
    let mut ends: Vec<(i64, i64)> =
        world.deliveries.values().map(|d| (d.repetition, d.expires_at.unwrap().ms_since(s(0)) / 1_000)).collect();
    ends.sort_unstable();
    let day = 24 * 3_600;
    assert_eq!(ends, [(0, day), (1, 600), (2, 900), (3, 900 + day)]);
}

#[test]
fn an_alert_that_is_raised_is_judged_by_the_rules_for_high() {
    let low = |team| match labelled(&["u1"], team) {
        EventData::Alert(mut data) => {
            data.priority = Some(Priority::Low);
            EventData::Alert(data)
        }
        other => other,
    };
    let mut world = with([rule(1, AlertLow, Email, 600), when(rule(2, AlertHigh, Sms, 60), TEAM_DB)]);
    world.accept(&event("1", 0, 0, low("db")), s(0)).unwrap();
    assert_eq!(world.pending(1), [(Email, 600)]);
    world.accept(&event("2", 100, 100, labelled(&["u1"], "db")), s(100)).unwrap();
    assert_eq!(world.pending(1), [(Sms, 160), (Email, 600)]);
    // Lowering cancels nothing.
    world.accept(&event("3", 110, 110, low("db")), s(110)).unwrap();
    assert_eq!(world.pending(1), [(Sms, 160), (Email, 600)]);
}

#[test]
fn rules_for_updates_ask_for_the_alert_s_priority_and_labels() {
    for (conditions, is_told) in [(r#"{"priority":"HIGH"}"#, true), (r#"{"priority":"LOW"}"#, false), (TEAM_DB, true)] {
        let mut world = with([rule(1, AlertHigh, Sms, 0), when(rule(2, Accepted, Email, 0), conditions)]);
        world.accept(&event("1", 0, 0, labelled(&["u1"], "db")), s(0)).unwrap();
        world.accept(&event("2", 10, 10, update(UpdateStatus::Accepted, &[])), s(10)).unwrap();
        assert_eq!(world.pending(1) == [(Email, 10)], is_told, "{conditions}");
    }
}
