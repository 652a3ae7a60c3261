//! What an ACCEPTED, RESOLVED or ESCALATED event changes.

use std::collections::BTreeSet;

use watchbell_core::UserId;
use watchbell_core::event::{Event, EventData, Priority, UpdateData, UpdateStatus};
use watchbell_store::facts::{Alert, AlertState, Facts, Plan, Responder, Scope};

use crate::alert;
use crate::settings::SchedulerSettings;
use crate::steps::{self, Common};

pub fn plan(event: &Event, data: &UpdateData, facts: &Facts, settings: &SchedulerSettings) -> Plan {
    let mut plan = Plan::default();
    let before: BTreeSet<UserId> = facts.responders.iter().map(|r| r.user_id).collect();
    let escalated = alert::users(&data.responders, facts, &mut plan);
    let notify = alert::users(&data.notify, facts, &mut plan);
    let actor = data.actor.as_ref().and_then(|name| facts.names.get(name)).copied();
    let known = facts.alert.clone().unwrap_or_else(|| unheard_of(event, data));

    if is_outdated(event, data.status, &known, facts) {
        let how = if known.state == AlertState::Open { "closed" } else { known.state.as_str() };
        plan.decision = Some(format!("nothing to do: the alert was {how} after the time of this event"));
        return plan;
    }
    match data.status {
        UpdateStatus::Accepted | UpdateStatus::Resolved => {
            if data.status == UpdateStatus::Accepted && known.state == AlertState::Resolved {
                plan.decision = Some("nothing to do: the alert is resolved".to_owned());
                // An alert event from before this one may still come: it was accepted.
                plan.alert = Some(Alert { closed: Some(event.occurrence.clone()), ..known });
                return plan;
            }
            close(&mut plan, event, data.status, &known, facts, settings);
        }
        UpdateStatus::Escalated => escalate(&mut plan, event, &known, &escalated, facts, settings),
    }
    let alert = plan.alert.as_ref().unwrap_or(&known);
    let mut told = before;
    told.extend(notify);
    told.retain(|user| Some(*user) != actor);
    tell(&mut plan.insert, event, &data.alert_id, data.status, &told, facts, settings);
    plan.data = Some(EventData::Update(UpdateData {
        summary: Some(alert.summary.clone()).filter(|summary| !summary.is_empty()),
        url: alert.url.clone(),
        actor_name: data.actor.as_deref().and_then(|name| facts.policy(name)).map(|policy| policy.user.display_name()),
        ..data.clone()
    }));
    plan
}

/// Whether what is known to have happened after this update makes it mean nothing any more.
fn is_outdated(event: &Event, status: UpdateStatus, known: &Alert, facts: &Facts) -> bool {
    let Some(closed) = known.closed.as_ref().filter(|closed| closed.is_after(&event.occurrence)) else { return false };
    match (status, known.state) {
        (UpdateStatus::Escalated, _) => true,
        (_, AlertState::Open) => false,
        // Who accepted an alert that was resolved already accepted nothing, unless it had been raised again in between.
        (UpdateStatus::Resolved, AlertState::Accepted) => alert::named_after(event, known, facts).any(|r| !r.named.is_after(closed)),
        _ => true,
    }
}

/// An alert of which nothing but this update has come yet.
fn unheard_of(event: &Event, data: &UpdateData) -> Alert {
    Alert {
        id: data.alert_id.clone(),
        state: AlertState::Open,
        // Until the alert's own event says otherwise: a page too many is better than one too few.
        priority: Priority::High,
        summary: String::new(),
        url: None,
        category: None,
        round: 0,
        since_round: 0,
        opened: None,
        closed: None,
        event_id: event.id(),
    }
}

/// Nobody needs to be paged any more: everything unsent is cancelled.
///
/// Event times decide: whom an alert event named after a RESOLVED that comes late, or an escalation after an ACCEPTED that does,
/// they have a round of their own.
fn close(plan: &mut Plan, event: &Event, status: UpdateStatus, known: &Alert, facts: &Facts, settings: &SchedulerSettings) {
    let later: Vec<&Responder> =
        alert::named_after(event, known, facts).filter(|r| status == UpdateStatus::Resolved || alert::is_called_in(r, known)).collect();
    let latest = known.closed.clone().filter(|closed| closed.is_after(&event.occurrence)).unwrap_or_else(|| event.occurrence.clone());
    let opened_later = known.opened.as_ref().is_some_and(|opened| opened.is_after(&event.occurrence));
    // While an alert is accepted, a later event of it plans nothing: not even the first that is known of it.
    let was_accepted = status == UpdateStatus::Accepted && known.closed.is_none() && !is_by_escalation(known);
    if opened_later && known.state == AlertState::Open && !was_accepted {
        plan.decision = Some("changes nothing: the alert was opened again after the time of this event".to_owned());
        plan.alert = (status == UpdateStatus::Resolved).then(|| Alert { closed: Some(latest), ..known.clone() });
        return;
    }
    let reason = match status {
        UpdateStatus::Resolved => "the alert was resolved",
        _ => "the alert was accepted",
    };
    for round in known.since_round..=known.round {
        plan.close.push((Scope::Alert { id: known.id.clone(), round }, reason.to_owned()));
    }
    let state = if status == UpdateStatus::Resolved { AlertState::Resolved } else { AlertState::Accepted };
    let mut alert = Alert { state, closed: Some(latest), ..known.clone() };
    if let Some(first) = later.iter().map(|r| &r.named).min_by_key(|named| named.base_at()) {
        let round = known.round + 1;
        let since_round = if status == UpdateStatus::Resolved { round } else { known.since_round };
        alert = Alert { state: AlertState::Open, round, since_round, opened: Some(first.clone()), ..alert };
        alert::begin_anew(plan, known, &alert, later, facts, settings);
    }
    plan.alert = Some(alert);
}

/// Whether an escalation opened the current round: of an alert that was accepted, or that nothing else was known of.
fn is_by_escalation(alert: &Alert) -> bool {
    alert.round > alert.since_round
}

/// More people are called in; whoever was called before goes on being told, unless somebody had accepted.
fn escalate(plan: &mut Plan, event: &Event, known: &Alert, users: &[UserId], facts: &Facts, settings: &SchedulerSettings) {
    if known.state == AlertState::Resolved {
        plan.decision = Some("nobody is called in: the alert is resolved".to_owned());
        // Should an alert event from before this one still come, its round is for them as well.
        plan.responders.extend(users.iter().map(|user| alert::responder(event, known, *user, facts).0));
        return;
    }
    let reopened = known.state == AlertState::Accepted || known.round == 0;
    // Alert events that came first planned nothing, as somebody had accepted.
    let later: Vec<&Responder> =
        alert::named_after(event, known, facts).filter(|r| known.state == AlertState::Accepted && !users.contains(&r.user_id)).collect();
    let alert = if reopened {
        Alert {
            state: AlertState::Open,
            // The first round is left to the event that raised the alert.
            round: known.round.max(1) + 1,
            since_round: known.since_round.max(1),
            opened: Some(event.occurrence.clone()),
            ..known.clone()
        }
    } else {
        known.clone()
    };
    alert::add_responders(plan, event, &alert, users, facts, settings);
    alert::begin_anew(plan, known, &alert, later, facts, settings);
    plan.alert = Some(alert);
}

/// Update rules: due now.
fn tell(
    insert: &mut Vec<watchbell_store::facts::Planned>,
    event: &Event,
    alert_id: &str,
    status: UpdateStatus,
    users: &BTreeSet<UserId>,
    facts: &Facts,
    settings: &SchedulerSettings,
) {
    let event_id = event.id();
    let scope = Scope::Event(event_id.clone());
    let base_at = event.occurrence.base_at();
    for policy in users.iter().filter_map(|user| facts.policies.get(user)) {
        let common = Common {
            scope: &scope,
            event_id: &event_id,
            alert_id: Some(alert_id),
            category: None,
            policy,
            trigger: status.trigger(),
            base_at,
            collects: None,
        };
        for step in steps::compile(policy, status.trigger()) {
            insert.push(common.deliver(step, base_at, Some(base_at.plus_s(settings.alert_expiry_s))));
        }
    }
}
