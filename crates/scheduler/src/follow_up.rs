//! What Watchbell itself does about an open alert while nobody has accepted it: the steps of escalation lists, and telling whose shift
//! has begun.
//!
//! An alert's timeline says for which groups something is to be done: those that its events name, until somebody accepts or resolves.
//! What is next of each waits in the store. When it is due, it becomes an ESCALATED event of Watchbell's own, with an identity that
//! is derived: whichever process makes it, and however often, it takes effect once, and its plan says what comes after it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::delivery::State;
use watchbell_core::event::{AlertState, Event, EventData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::{Decision, FollowUp, Group, Timestamp};
use watchbell_store::facts::history::{Happened, What};
use watchbell_store::facts::{Facts, Plan};

use crate::settings::SchedulerSettings;
use crate::timeline::Timeline;
use crate::whom::{self, Whom};

/// How soon a schedule is looked at again of which no shift is known: its first one may be on its way, in seconds.
const LOOK_AGAIN_S: i64 = 60;

/// When a schedule is looked at without a shift that is to come, unless one is planned meanwhile: 28 days later.
const LOOK_LATE_S: i64 = 28 * 24 * 3_600;

/// Whom a follow-up calls in, and what it is in the alert's history.
#[derive(Clone, Debug)]
pub struct Called {
    pub whom: Whom,
    pub what: What,
}

/// Whether more may be to be done for a group than telling those who are in it now.
pub fn goes_on(group: &Group) -> bool {
    matches!(group, Group::Duty(_) | Group::Escalation(_))
}

/// Adds to the plan what is to be done next for groups that are named now and were not before, and ends what is not needed any more.
pub fn reconcile(
    plan: &mut Plan,
    alert_id: &str,
    before: &BTreeSet<Group>,
    after: &BTreeMap<Group, Happened>,
    facts: &Facts,
    settings: &SchedulerSettings,
    now: Timestamp,
) {
    let gone = before.iter().filter(|group| !after.contains_key(*group));
    plan.unfollow.extend(gone.map(|group| (alert_id.to_owned(), group.clone())));
    for (group, named_by) in after.iter().filter(|(group, _)| !before.contains(*group)) {
        let begun = FollowUp {
            alert_id: alert_id.to_owned(),
            group: group.clone(),
            event_id: named_by.event_id.clone(),
            base_at: named_by.base_at,
            number: 0,
            due_at: now,
        };
        plan.follow.extend(following(&begun, facts, settings, now));
    }
}

/// What is next, with what is known of a schedule's shifts.
fn following(done: &FollowUp, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Option<FollowUp> {
    let next = next(done, settings)?;
    let due_at = match (&next.group, facts.groups.get(&next.group)) {
        (Group::Duty(_), Some(members)) => {
            let otherwise = if members.users.is_empty() { LOOK_AGAIN_S } else { LOOK_LATE_S };
            members.next_at.unwrap_or(now.plus_s(otherwise))
        }
        _ => next.due_at,
    };
    Some(FollowUp { due_at, ..next })
}

/// What is to be done after something was done, if anything.
pub fn next(done: &FollowUp, settings: &SchedulerSettings) -> Option<FollowUp> {
    let number = done.number + 1;
    let due_at = match &done.group {
        Group::Escalation(list) => {
            let (after_s, ..) = settings.escalations.get(list)?.step(number)?;
            done.base_at.plus_s(after_s)
        }
        Group::Duty(_) if settings.schedules.tell_new_on_duty => done.due_at.plus_s(LOOK_AGAIN_S),
        Group::Duty(_) | Group::Topic(_) => return None,
    };
    Some(FollowUp { number, due_at, ..done.clone() })
}

/// Whom the event of a follow-up names.
fn responders<'a>(what: &FollowUp, settings: &'a SchedulerSettings) -> Option<(&'a [String], bool)> {
    match &what.group {
        Group::Escalation(list) => {
            let (_, step, again) = settings.escalations.get(list)?.step(what.number)?;
            Some((&step.responders, again))
        }
        Group::Duty(_) => Some((&[], false)),
        Group::Topic(_) => None,
    }
}

/// Names that stand behind a follow-up.
pub fn behind(what: &FollowUp, settings: &SchedulerSettings) -> BTreeSet<String> {
    let (responders, _) = responders(what, settings).unwrap_or_default();
    let mut names: BTreeSet<String> =
        responders.iter().map(|name| Group::parse(name).map_or(name.trim().to_owned(), |group| group.to_string())).collect();
    if matches!(what.group, Group::Duty(_)) {
        names.insert(what.group.to_string());
    }
    let further = whom::behind(&names, settings);
    names.extend(further);
    names
}

/// The event by which it is done. None where its list is not configured any more.
pub fn event(what: &FollowUp, settings: &SchedulerSettings, now: Timestamp) -> Option<Event> {
    let (named, _) = responders(what, settings)?;
    let mut named = named.to_vec();
    if let Group::Duty(_) = what.group {
        named.push(what.group.to_string());
    }
    let identity = format!("follow-up:{}:{}:{}", what.event_id, what.group, what.number);
    // As somebody would have to write it to do the same by hand: that is what a dead letter of it shows.
    let payload = serde_json::json!({ "id": identity, "alertId": what.alert_id, "status": "ESCALATED", "responders": named });
    let update = UpdateData {
        alert_id: what.alert_id.clone(),
        status: UpdateStatus::Escalated,
        actor: None,
        responders: named,
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: None,
        follow_up: Some(what.clone()),
    };
    Some(Event {
        identity,
        occurrence: Occurrence { source: "watchbell".to_owned(), time: None, received_at: now, sequence: 0 },
        data: EventData::Update(update),
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original {
            subject: "watchbell.events.update".to_owned(),
            headers: Vec::new(),
            payload: payload.to_string().into_bytes(),
            received_at: now,
        },
    })
}

/// The event as what happened last: what the broker says is kept by its clock, which may be ahead of Watchbell's.
pub fn placed<'a>(event: &'a Event, facts: &Facts) -> Cow<'a, Event> {
    let last = facts.alert.iter().flat_map(|alert| &alert.history).map(Happened::place).max();
    let Some((received_at, sequence)) = last.filter(|last| event.is_follow_up() && *last >= event.occurrence.place()) else {
        return Cow::Borrowed(event);
    };
    let mut event = event.clone();
    event.occurrence.time = Some(event.occurrence.base_at());
    (event.occurrence.received_at, event.occurrence.sequence) = (received_at, sequence + 1);
    Cow::Owned(event)
}

/// Whether a delivery is still on its way to its user.
fn is_to_come(state: State) -> bool {
    state.is_pending() || state == State::Sending
}

/// Whom a follow-up calls in: those of whom it names who are not told already. By a repetition, those whose own steps have all been
/// done are told again; who is still to be told is left to their own steps, however long these take.
///
/// The plan says what comes next.
///
/// # Errors
/// The decision where it does nothing.
pub fn called_in(
    what: &FollowUp,
    facts: &Facts,
    settings: &SchedulerSettings,
    plan: &mut Plan,
    now: Timestamp,
) -> Result<Called, Decision> {
    let timeline = facts.alert.as_ref().map(|alert| Timeline::of(&alert.history)).unwrap_or_default();
    let step =
        responders(what, settings).filter(|_| timeline.state == Some(AlertState::Open) && timeline.follows.contains_key(&what.group));
    let Some((named, again)) = step else {
        plan.unfollow.push((what.alert_id.clone(), what.group.clone()));
        return Err(Decision::FollowUpNotNeeded);
    };
    match following(what, facts, settings, now) {
        Some(next) => plan.follow.push(next),
        None => plan.unfollow.push((what.alert_id.clone(), what.group.clone())),
    }
    let mut called = Whom::default();
    match &what.group {
        Group::Escalation(list) => whom::add_step(&mut called, list, what.number, named, facts, settings, plan),
        Group::Duty(schedule) => {
            let members = facts.groups.get(&what.group);
            called.add_new_on_duty(members.map_or(&[], |members| &members.users), schedule);
        }
        Group::Topic(_) => {}
    }
    called.retain(|user| match timeline.paged.contains_key(&user) {
        true if again => !facts.deliveries.iter().any(|delivery| delivery.user_id == user && is_to_come(delivery.state)),
        is_told => !is_told,
    });
    if called.users.is_empty() {
        return Err(Decision::NobodyToCallIn);
    }
    Ok(Called { whom: called, what: What::FollowUp { again } })
}
