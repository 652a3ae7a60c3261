//! Who is in the groups that events name, and what is to be done about alerts later: asked with a planner that notes what it is given.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use watchbell_core::event::{AlertData, DutyData, DutyStatus, Event, EventData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::rule::{Surface, Trigger};
use watchbell_core::{EventId, FollowUp, Group, Timestamp, UserId};
use watchbell_store::Planner;
use watchbell_store::directory::{NewRule, ScheduleFilter, Shift};
use watchbell_store::facts::{Alert, Duty, Facts, Members, Plan, Policy, Reach, UserFacts};
use watchbell_store::housekeeping::NextFollowUp;
use watchbell_store::inline::NoInlineDispatch;

use crate::harness::{self, BY, Bed};

/// As `on_both`, with the planner that takes notes.
macro_rules! noted {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            #[test]
            fn sqlite() {
                super::run(false, super::$test);
            }

            #[test]
            fn postgres() {
                super::run(true, super::$test);
            }
        }
    )+};
}

noted![
    who_is_on_duty_is_who_the_shifts_of_now_say,
    a_topic_is_told_up_to_a_bound,
    what_is_to_be_done_waits_for_its_time_and_is_done_once,
    a_shift_that_changes_has_its_alerts_looked_at,
    a_shift_that_changes_beside_an_alert_is_not_missed,
    schedules_that_end_are_forgotten,
    a_shift_that_changes_has_whoever_asks_for_it_planned_anew,
    shifts_that_change_at_once_wait_for_one_another_in_order,
    schedules_are_listed_with_who_is_on_duty_and_who_is_next,
];

/// Notes who was in groups, keeps shifts, and follows each alert once a minute.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<(Group, Members)>>, Mutex<Vec<Arc<Policy>>>);

impl Notes {
    fn take(&self) -> Vec<(Group, Members)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Planner for Notes {
    fn behind(&self, _: &Event) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn plan(&self, event: &Event, facts: &Facts, now: Timestamp) -> Plan {
        let mut groups: Vec<_> = facts.groups.iter().map(|(group, members)| (group.clone(), members.clone())).collect();
        groups.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.lock().unwrap().extend(groups);
        match &event.data {
            EventData::Alert(data) => {
                let group = Group::parse(&data.responders[0]).unwrap();
                let what = FollowUp {
                    alert_id: data.alert_id.clone(),
                    group,
                    event_id: event.id(),
                    base_at: now,
                    number: 1,
                    due_at: now.plus_s(3_600),
                };
                Plan { follow: vec![what], ..Plan::default() }
            }
            EventData::Update(UpdateData { follow_up: Some(done), .. }) => {
                Plan { follow: self.next(done).into_iter().collect(), ..Plan::default() }
            }
            EventData::Update(data) => {
                Plan { unfollow: vec![(data.alert_id.clone(), Group::parse("duty:primary").unwrap())], ..Plan::default() }
            }
            EventData::Duty(data) => {
                let duty = Duty {
                    id: data.duty_id.clone(),
                    user_id: facts.names[&data.user_id][0],
                    starts_at: data.starts_at,
                    ends_at: data.ends_at,
                    schedule: data.schedule.clone(),
                    status: data.status,
                    occurrence: event.occurrence.clone(),
                    event_id: event.id(),
                };
                Plan { duty: Some(duty), ..Plan::default() }
            }
            _ => Plan::default(),
        }
    }

    fn plan_members(
        &self,
        _: &EventId,
        _: &watchbell_core::event::SubscriptionData,
        _: Timestamp,
        _: &std::collections::HashMap<UserId, Arc<Policy>>,
        _: &[watchbell_core::Channel],
        _: Timestamp,
    ) -> Plan {
        Plan::default()
    }

    fn replan(&self, facts: &UserFacts, _: Timestamp) -> Plan {
        self.1.lock().unwrap().push(facts.policy.clone());
        Plan::default()
    }

    fn reach(&self, _: &Policy) -> Reach {
        Reach::default()
    }

    fn follow_up(&self, what: &FollowUp, now: Timestamp) -> Option<Event> {
        let update = UpdateData { follow_up: Some(what.clone()), ..update_of(&what.alert_id) };
        let identity = format!("{}:{}", what.event_id, what.number);
        (what.number < 4).then(|| event_at(now, &identity, EventData::Update(update)))
    }

    fn next(&self, done: &FollowUp) -> Option<FollowUp> {
        Some(FollowUp { number: done.number + 1, due_at: done.due_at.plus_s(60), ..done.clone() })
    }

    fn close(&self, _: &Alert, _: Timestamp) -> Plan {
        Plan::default()
    }
}

fn update_of(alert: &str) -> UpdateData {
    UpdateData {
        alert_id: alert.to_owned(),
        status: UpdateStatus::Escalated,
        actor: None,
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: None,
        follow_up: None,
    }
}

fn event_at(at: Timestamp, identity: &str, data: EventData) -> Event {
    Event {
        identity: identity.to_owned(),
        occurrence: Occurrence { source: "test".to_owned(), time: None, received_at: at, sequence: 0 },
        data,
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original::default(),
    }
}

fn run(postgres: bool, test: impl AsyncFnOnce(&Bed, &Notes)) {
    let notes = Arc::new(Notes::default());
    harness::run_planned(postgres, notes.clone(), async |bed| test(bed, &notes).await);
}

async fn accept(bed: &Bed, identity: &str, data: EventData) {
    let event = event_at(bed.now(), identity, data);
    bed.store.accept(&[event], None, &NoInlineDispatch).await.unwrap();
}

fn alert(id: &str, responder: &str) -> EventData {
    EventData::Alert(AlertData { alert_id: id.to_owned(), responders: vec![responder.to_owned()], ..AlertData::default() })
}

fn shift(bed: &Bed, id: &str, user: UserId, from_s: i64, to_s: i64) -> EventData {
    EventData::Duty(DutyData {
        duty_id: id.to_owned(),
        user_id: user.to_string(),
        starts_at: bed.now().plus_s(from_s),
        ends_at: bed.now().plus_s(to_s),
        schedule: "primary".to_owned(),
        status: DutyStatus::Scheduled,
    })
}

async fn who_is_on_duty_is_who_the_shifts_of_now_say(bed: &Bed, notes: &Notes) {
    let (anna, ben, carla) = (bed.user("anna").await.id, bed.user("ben").await.id, bed.user("carla").await.id);
    for (id, user, from_s, to_s) in
        [("1", ben, -60, 60), ("2", anna, -60, 60), ("3", anna, -30, 30), ("4", carla, 60, 120), ("5", carla, -60, 0)]
    {
        accept(bed, &format!("d{id}"), shift(bed, id, user, from_s, to_s)).await;
    }
    let cancelled = EventData::Duty(DutyData {
        status: DutyStatus::Cancelled,
        ..match shift(bed, "6", carla, -60, 60) {
            EventData::Duty(data) => data,
            _ => unreachable!("a shift"),
        }
    });
    accept(bed, "d6", cancelled).await;
    accept(bed, "a", alert("A-1", "duty:primary")).await;
    let next_at = Some(bed.now().plus_s(60));
    let group = Group::Duty("primary".to_owned());
    assert_eq!(notes.take(), [(group.clone(), Members { users: vec![anna, ben], next_at, ..Members::default() })]);
    bed.clock.advance(std::time::Duration::from_mins(1));
    accept(bed, "b", alert("A-2", "duty:primary")).await;
    assert_eq!(notes.take(), [(group, Members { users: vec![carla], ..Members::default() })], "a shift ends when the next one begins");
    accept(bed, "c", alert("A-3", "duty:other")).await;
    assert_eq!(notes.take(), [(Group::Duty("other".to_owned()), Members::default())]);
}

async fn a_topic_is_told_up_to_a_bound(bed: &Bed, notes: &Notes) {
    let mut users = Vec::new();
    for at in 0..3 {
        users.push(bed.user(&format!("u{at}")).await.id);
    }
    bed.store.add_members(BY, "ops", &users).await.unwrap();
    accept(bed, "a", alert("A-1", "topic:ops")).await;
    assert_eq!(notes.take(), [(Group::Topic("ops".to_owned()), Members { users: users.clone(), ..Members::default() })]);
    let (first, now) = (users[2].0 + 1, bed.now().as_millis());
    for at in 0..1_010 {
        let id = first + at;
        bed.execute(&format!(
            "INSERT INTO users (id, public_id, username, first_name, last_name, timezone, locale, custom_fields, version, created_at, updated_at) \
             VALUES ({id}, 'P{id}', 'p{id}', '', '', 'UTC', 'en', '{{}}', 1, {now}, {now})"
        ))
        .await;
        bed.execute(&format!("INSERT INTO topic_members (topic, user_id) VALUES ('ops', {id})")).await;
    }
    accept(bed, "b", alert("A-2", "topic:ops")).await;
    let (_, members) = notes.take().remove(0);
    assert_eq!((members.users.len(), members.users.first().copied(), members.beyond), (1_000, users.first().copied(), 13));
}

async fn what_is_to_be_done_waits_for_its_time_and_is_done_once(bed: &Bed, _: &Notes) {
    assert_eq!(bed.store.follow_up().await.unwrap(), NextFollowUp::None);
    accept(bed, "a", alert("A-1", "escalation:db")).await;
    let due_at = bed.now().plus_s(3_600);
    assert_eq!(bed.store.follow_up().await.unwrap(), NextFollowUp::At(due_at));
    bed.clock.advance(std::time::Duration::from_hours(1));
    // Two processes at once.
    let (one, other) = tokio::join!(bed.store.follow_up(), bed.store.follow_up());
    one.unwrap();
    other.unwrap();
    assert_eq!(bed.store.follow_up().await.unwrap(), NextFollowUp::At(due_at.plus_s(60)));
    assert_eq!(bed.number("SELECT count(*) FROM events WHERE kind = 'update'").await, 1);
    assert_eq!(bed.number("SELECT number FROM follow_ups").await, 2);
    // Its event is there already, by a process that died before it could say what comes next.
    bed.execute("UPDATE follow_ups SET number = 1, due_at = due_at - 60000").await;
    bed.store.follow_up().await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM events WHERE kind = 'update'").await, 1);
    assert_eq!(bed.number("SELECT number FROM follow_ups").await, 2);
    bed.clock.advance(std::time::Duration::from_mins(2));
    bed.store.follow_up().await.unwrap();
    bed.store.follow_up().await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM events WHERE kind = 'update'").await, 3);
    // What is not configured any more is said, and ends.
    bed.clock.advance(std::time::Duration::from_mins(2));
    bed.store.follow_up().await.unwrap();
    assert_eq!(bed.store.follow_up().await.unwrap(), NextFollowUp::None);
    assert_eq!(bed.number("SELECT count(*) FROM dead_letters WHERE reason = 'unknown_escalation'").await, 1);
}

async fn a_shift_that_changes_has_its_alerts_looked_at(bed: &Bed, notes: &Notes) {
    let anna = bed.user("anna").await.id;
    accept(bed, "a", alert("A-1", "duty:primary")).await;
    accept(bed, "b", alert("A-2", "duty:other")).await;
    notes.take();
    accept(bed, "d", shift(bed, "1", anna, -60, 60)).await;
    let due = format!("SELECT count(*) FROM follow_ups WHERE due_at <= {}", bed.now().as_millis());
    assert_eq!(bed.number(&due).await, 1, "the other schedule is left alone");
    // Somebody accepts: nothing is to be done any more.
    accept(bed, "u", EventData::Update(update_of("A-1"))).await;
    assert_eq!((bed.number(&due).await, bed.number("SELECT count(*) FROM follow_ups").await), (0, 1));
}

async fn schedules_that_end_are_forgotten(bed: &Bed, _: &Notes) {
    let anna = bed.user("anna").await.id;
    accept(bed, "d", shift(bed, "1", anna, -60, 60)).await;
    let cutoffs = watchbell_store::housekeeping::Cutoffs::all(bed.now());
    bed.store.tidy(&cutoffs, 100).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM schedules").await, 1);
    bed.clock.advance(std::time::Duration::from_hours(48));
    bed.store.tidy(&watchbell_store::housekeeping::Cutoffs::all(bed.now()), 100).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM schedules").await, 0);
}

async fn schedules_are_listed_with_who_is_on_duty_and_who_is_next(bed: &Bed, _: &Notes) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    for (id, user, from_s, to_s) in
        [("1", anna, -60, 60), ("2", ben, 60, 120), ("3", anna, 60, 90), ("4", ben, -120, -60), ("5", ben, 500, 600)]
    {
        accept(bed, &format!("d{id}"), shift(bed, id, user, from_s, to_s)).await;
    }
    let (now, to) = (bed.now(), bed.now().plus_s(200));
    let ids = |shifts: &[Shift]| shifts.iter().map(|shift| shift.id.clone()).collect::<Vec<_>>();
    let all = ScheduleFilter { limit: 10, ..ScheduleFilter::default() };
    let found = bed.store.schedules(&all, now, to).await.unwrap();
    assert_eq!((found.len(), found[0].name.as_str()), (1, "primary"));
    assert_eq!((ids(&found[0].shifts), ids(&found[0].next)), (vec!["1".into(), "3".into(), "2".into()], vec!["3".into(), "2".into()]));
    // Nothing within the stretch, and the next one all the same.
    let found = bed.store.schedules(&all, now.plus_s(150), now.plus_s(200)).await.unwrap();
    assert_eq!((ids(&found[0].shifts), ids(&found[0].next)), (vec![], vec!["5".into()]));
    for (filter, count) in [
        (ScheduleFilter { name: Some("primary".to_owned()), ..all.clone() }, 1),
        (ScheduleFilter { name: Some("other".to_owned()), ..all.clone() }, 0),
        (ScheduleFilter { user: Some(ben), ..all.clone() }, 1),
        (ScheduleFilter { user: Some(UserId(9_999)), ..all.clone() }, 0),
        (ScheduleFilter { after: Some("primary".to_owned()), ..all.clone() }, 0),
    ] {
        assert_eq!(bed.store.schedules(&filter, now, to).await.unwrap().len(), count, "{filter:?}");
    }
    assert_eq!(ids(&bed.store.shifts_of(anna, now, to).await.unwrap()), ["1", "3"]);
}

/// An alert and a shift at the same moment: either the alert is planned by the shift, or the shift finds the alert.
async fn a_shift_that_changes_beside_an_alert_is_not_missed(bed: &Bed, notes: &Notes) {
    let anna = bed.user("anna").await.id;
    // The schedule is known: until its first shift has come, an alert looks again by itself.
    accept(bed, "d0", shift(bed, "0", anna, -120, -60)).await;
    for round in 0..20 {
        let (alert_id, duty) = (format!("A-{round}"), format!("D-{round}"));
        bed.execute("UPDATE duties SET status = 'CANCELLED'").await;
        notes.take();
        let (event_id, duty_id) = (format!("a{round}"), format!("d-{round}"));
        tokio::join!(accept(bed, &event_id, alert(&alert_id, "duty:primary")), accept(bed, &duty_id, shift(bed, &duty, anna, -60, 60)),);
        let is_told = notes.take().iter().any(|(_, members)| members.users == [anna]);
        let due = format!("SELECT count(*) FROM follow_ups WHERE alert_id = '{alert_id}' AND due_at <= {}", bed.now().as_millis());
        assert!(is_told || bed.number(&due).await == 1, "round {round}");
    }
}

/// A rule that counts only on duty.
async fn asks(bed: &Bed, user: UserId) {
    let rule = NewRule {
        surface: Surface::Watchbell,
        trigger: Trigger::AlertHigh,
        channel: Some(watchbell_core::Channel::Push),
        contact_id: None,
        contact_kinds: &[],
        offset_s: 0,
        position: None,
        critical: false,
        public_id: None,
        when: serde_json::from_str(r#"{"onDuty":{}}"#).unwrap(),
        repeat: None,
    };
    bed.store.create_rule(BY, user, rule).await.unwrap();
}

async fn a_shift_that_changes_has_whoever_asks_for_it_planned_anew(bed: &Bed, notes: &Notes) {
    let (anna, ben, carla) = (bed.user("anna").await.id, bed.user("ben").await.id, bed.user("carla").await.id);
    asks(bed, anna).await;
    asks(bed, carla).await;
    let planned = || -> Vec<(UserId, Vec<i64>)> {
        let policies = std::mem::take(&mut *notes.1.lock().unwrap());
        let hours = |policy: &Policy| policy.shifts.iter().map(|shift| shift.starts_at.ms_since(bed.now()) / 1_000).collect();
        policies.iter().map(|policy| (policy.user.id, hours(policy))).collect()
    };
    planned();
    accept(bed, "d1", shift(bed, "1", anna, 60, 120)).await;
    assert_eq!(planned(), [(anna, vec![60])]);
    // Whose rules do not ask is left alone.
    accept(bed, "d2", shift(bed, "2", ben, 60, 120)).await;
    assert_eq!(planned(), []);
    accept(bed, "d3", shift(bed, "3", anna, 30, 40)).await;
    assert_eq!(planned(), [(anna, vec![30, 60])]);
    // Given to somebody else: both.
    accept(bed, "d4", shift(bed, "1", carla, 60, 120)).await;
    assert_eq!(planned(), [(anna, vec![30]), (carla, vec![60])]);
    // What is remembered of a user is read anew, as they have another version.
    assert_eq!(bed.number(&format!("SELECT version FROM users WHERE id = {anna}")).await, 5);
    // The same once more is no event.
    accept(bed, "d4", shift(bed, "1", carla, 60, 120)).await;
    assert_eq!(planned(), []);
}

async fn shifts_that_change_at_once_wait_for_one_another_in_order(bed: &Bed, _: &Notes) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    asks(bed, anna).await;
    asks(bed, ben).await;
    let mut accepts = tokio::task::JoinSet::new();
    for turn in 0..12_i64 {
        let (first, second) = if turn % 2 == 0 { (anna, ben) } else { (ben, anna) };
        let events = [
            event_at(bed.now(), &format!("a{turn}"), shift(bed, &format!("a{}", turn % 3), first, turn, 60 + turn)),
            event_at(bed.now(), &format!("b{turn}"), shift(bed, &format!("b{}", turn % 3), second, turn, 60 + turn)),
            event_at(bed.now(), &format!("c{turn}"), shift(bed, &format!("a{}", turn % 3), second, turn, 60 + turn)),
        ];
        let store = bed.store.clone();
        accepts.spawn(async move { store.accept(&events, None, &NoInlineDispatch).await.map(drop) });
    }
    for done in accepts.join_all().await {
        done.unwrap();
    }
}
