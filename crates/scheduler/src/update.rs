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

    let outdated = known.closed.as_ref().is_some_and(|closed| known.state != AlertState::Open && closed.is_after(&event.occurrence));
    if outdated {
        plan.decision = Some(format!("nothing to do: the alert was {} after the time of this event", known.state.as_str()));
        return plan;
    }
    match data.status {
        UpdateStatus::Accepted | UpdateStatus::Resolved => {
            if data.status == UpdateStatus::Accepted && known.state == AlertState::Resolved {
                plan.decision = Some("nothing to do: the alert is resolved".to_owned());
                return plan;
            }
            close(&mut plan, event, data.status, &known, facts, settings);
        }
        UpdateStatus::Escalated => escalate(&mut plan, event, known.clone(), &escalated, facts, settings),
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
/// Event times decide: responders who were named after a RESOLVED that came late belong to a round of their own.
fn close(plan: &mut Plan, event: &Event, status: UpdateStatus, known: &Alert, facts: &Facts, settings: &SchedulerSettings) {
    let later: Vec<&Responder> = facts
        .responders
        .iter()
        .filter(|r| r.is_open && r.round == known.round && status == UpdateStatus::Resolved && r.named.is_after(&event.occurrence))
        .collect();
    let opened_later = known.opened.as_ref().is_some_and(|opened| opened.is_after(&event.occurrence));
    if opened_later && known.state == AlertState::Open {
        plan.decision = Some("changes nothing: the alert was opened again after the time of this event".to_owned());
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
    let mut alert = Alert { state, closed: Some(event.occurrence.clone()), ..known.clone() };
    if let Some(first) = later.iter().map(|r| &r.named).min_by_key(|named| named.base_at()) {
        alert =
            Alert { state: AlertState::Open, round: known.round + 1, since_round: known.round + 1, opened: Some(first.clone()), ..alert };
        for old in later {
            let responder = Responder { round: alert.round, base_at: old.named.base_at(), event_id: old.named_by.clone(), ..old.clone() };
            if let Some(policy) = facts.policies.get(&old.user_id) {
                match alert::for_responder(&alert, &responder, policy, settings) {
                    Ok(planned) => plan.insert.extend(planned),
                    Err(alert::Unreachable) => plan.unreachable.push((alert::scope(&alert), old.user_id)),
                }
            }
            plan.responders.push(responder);
        }
    }
    plan.alert = Some(alert);
}

/// More people are called in; whoever was called before goes on being told, unless somebody had accepted.
fn escalate(plan: &mut Plan, event: &Event, known: Alert, users: &[UserId], facts: &Facts, settings: &SchedulerSettings) {
    if known.state == AlertState::Resolved {
        plan.decision = Some("nobody is called in: the alert is resolved".to_owned());
        return;
    }
    let reopened = known.state == AlertState::Accepted || known.round == 0;
    let alert = if reopened {
        Alert {
            state: AlertState::Open,
            round: known.round + 1,
            since_round: known.since_round.max(1),
            opened: Some(event.occurrence.clone()),
            ..known
        }
    } else {
        known
    };
    alert::add_responders(plan, event, &alert, users, facts, settings);
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
