//! What an alert event changes.

use watchbell_core::delivery::Purpose;
use watchbell_core::event::{AlertData, Event, EventData, Priority};
use watchbell_core::{Channel, EventId, UserId};
use watchbell_store::facts::{Alert, AlertState, Facts, Plan, Planned, Policy, Responder, Scope};

use crate::settings::{FallbackEmail, SchedulerSettings};
use crate::{
    gates,
    steps::{self, Common},
};

/// Plans an alert event: its responders' rules of that priority, unless somebody has responded.
pub fn plan(event: &Event, data: &AlertData, facts: &Facts, settings: &SchedulerSettings) -> Plan {
    let mut plan = Plan::default();
    let priority = data.priority.unwrap_or(Priority::High);
    let event_id = event.id();
    let named = users(&data.responders, facts, &mut plan);
    let Some(known) = &facts.alert else {
        let alert = opened(event, data, priority, &event_id, 1, 1);
        add_responders(&mut plan, event, &alert, &named, facts, settings);
        plan.alert = Some(alert);
        return plan;
    };
    if let Some(closed) = &known.closed
        && !event.occurrence.is_after(closed)
    {
        // Also when it was opened again since: that was for others.
        let how = if known.state == AlertState::Open { "closed" } else { known.state.as_str() };
        plan.decision = Some(format!("nothing planned: the alert was {how} at or after the time of this event"));
        plan.alert = known.summary.is_empty().then(|| describe(known.clone(), data, priority, event_id));
        return plan;
    }
    match known.state {
        AlertState::Accepted => {
            plan.decision = Some("nothing planned: somebody has accepted the alert".to_owned());
            plan.alert = known.summary.is_empty().then(|| describe(known.clone(), data, priority, event_id));
            // Should a RESOLVED from before this event still come, they are whom a new round is for.
            for user in named {
                plan.responders.push(responder(event, known, user, facts).0);
            }
        }
        AlertState::Resolved => {
            let alert = opened(event, data, priority, &event_id, known.round + 1, known.round + 1);
            let alert = Alert { closed: known.closed.clone(), ..alert };
            plan.decision = Some(format!("opens round {} of an alert that had been resolved", alert.round));
            add_responders(&mut plan, event, &alert, &named, facts, settings);
            let called_in = named_after(event, known, facts).filter(|r| !named.contains(&r.user_id)).collect();
            begin_anew(&mut plan, known, &alert, called_in, facts, settings);
            plan.alert = Some(alert);
        }
        AlertState::Open => {
            // Messages about the alert are rendered from its first full event; an escalation may have come before that.
            let alert = if known.summary.is_empty() { describe(known.clone(), data, priority, event_id) } else { known.clone() };
            add_responders(&mut plan, event, &alert, &named, facts, settings);
            plan.alert = Some(alert);
        }
    }
    plan
}

/// The users that an event names, each once; unknown names are noted.
pub fn users(names: &[String], facts: &Facts, plan: &mut Plan) -> Vec<UserId> {
    let mut users = Vec::with_capacity(names.len());
    let mut seen = std::collections::HashSet::with_capacity(names.len());
    for name in names {
        match facts.names.get(name) {
            Some(id) if seen.insert(*id) => users.push(*id),
            Some(_) => {}
            None => plan.unknown_users.push(name.clone()),
        }
    }
    users
}

fn opened(event: &Event, data: &AlertData, priority: Priority, event_id: &EventId, round: i64, since_round: i64) -> Alert {
    Alert {
        id: data.alert_id.clone(),
        state: AlertState::Open,
        priority,
        summary: data.summary.clone(),
        url: data.url.clone(),
        category: data.category.clone(),
        round,
        since_round,
        opened: Some(event.occurrence.clone()),
        closed: None,
        event_id: event_id.clone(),
    }
}

/// Fills in what an alert is about, when only updates of it were known.
fn describe(alert: Alert, data: &AlertData, priority: Priority, event_id: EventId) -> Alert {
    Alert { priority, summary: data.summary.clone(), url: data.url.clone(), category: data.category.clone(), event_id, ..alert }
}

/// Plans the users who are no responders of the alert's current round yet, and notes for the others that they were named again.
pub fn add_responders(plan: &mut Plan, event: &Event, alert: &Alert, users: &[UserId], facts: &Facts, settings: &SchedulerSettings) {
    for user in users {
        match responder(event, alert, *user, facts) {
            (responder, true) => insert_responder(plan, alert, responder, facts, settings),
            (known, false) => plan.responders.push(known),
        }
    }
}

/// A responder of the alert's current round as this event names them, and whether nothing had named them in it before.
pub fn responder(event: &Event, alert: &Alert, user: UserId, facts: &Facts) -> (Responder, bool) {
    let event_id = event.id();
    if let Some(known) = facts.responders.iter().find(|r| r.user_id == user && r.round == alert.round) {
        let named_again = Responder { named: event.occurrence.clone(), named_by: event_id, ..known.clone() };
        return (if event.occurrence.is_after(&known.named) { named_again } else { known.clone() }, false);
    }
    let responder = Responder {
        alert_id: alert.id.clone(),
        round: alert.round,
        user_id: user,
        base_at: event.occurrence.base_at(),
        // An escalation's responders are told of the alert, not of the escalation.
        event_id: if matches!(event.data, EventData::Alert(_)) { event_id.clone() } else { alert.event_id.clone() },
        named: event.occurrence.clone(),
        named_by: event_id,
        is_open: true,
    };
    (responder, true)
}

/// The responders of the current round whom something named after this event.
pub fn named_after<'a>(event: &'a Event, known: &'a Alert, facts: &'a Facts) -> impl Iterator<Item = &'a Responder> {
    facts.responders.iter().filter(|r| r.round == known.round && r.named.is_after(&event.occurrence))
}

/// Whether an escalation called this responder in, and nothing has named them since.
pub fn is_called_in(responder: &Responder, alert: &Alert) -> bool {
    // What they are told is the alert's own event, which is not what named them.
    responder.event_id == alert.event_id && responder.named_by != alert.event_id && responder.base_at == responder.named.base_at()
}

/// Plans responders of the round before in the one that begins, from when they were named.
pub fn begin_anew(plan: &mut Plan, before: &Alert, alert: &Alert, named: Vec<&Responder>, facts: &Facts, settings: &SchedulerSettings) {
    for old in named {
        let event_id = if is_called_in(old, before) { &alert.event_id } else { &old.named_by };
        let responder = Responder { round: alert.round, base_at: old.named.base_at(), event_id: event_id.clone(), ..old.clone() };
        insert_responder(plan, alert, responder, facts, settings);
    }
}

fn insert_responder(plan: &mut Plan, alert: &Alert, responder: Responder, facts: &Facts, settings: &SchedulerSettings) {
    if let Some(policy) = facts.policies.get(&responder.user_id) {
        match for_responder(alert, &responder, policy, settings) {
            Ok(planned) => plan.insert.extend(planned),
            Err(Unreachable) => plan.unreachable.push((scope(alert), responder.user_id)),
        }
    }
    plan.responders.push(responder);
}

pub fn scope(alert: &Alert) -> Scope {
    Scope::Alert { id: alert.id.clone(), round: alert.round }
}

/// The user has neither a rule for this nor an address for the fallback email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable;

/// Everything that one responder is to be told about an alert.
pub fn for_responder(
    alert: &Alert,
    responder: &Responder,
    policy: &Policy,
    settings: &SchedulerSettings,
) -> Result<Vec<Planned>, Unreachable> {
    let scope = scope(alert);
    let common = common(alert, &scope, responder, policy);
    let steps = gates::steps(policy, common.trigger, common.category, &[]);
    // An inbox wakes nobody: whoever has nothing else gets the fallback email beside it.
    let has_page = steps.iter().any(|step| !step.rules.is_empty() || step.channel != Channel::InApp);
    let deliver = |step: steps::Step| {
        let due = responder.base_at.plus_s(step.offset_s);
        common.deliver(step, due, Some(due.plus_s(settings.alert_expiry_s)))
    };
    let mut deliveries: Vec<Planned> = steps.into_iter().map(deliver).collect();
    if has_page {
        return Ok(deliveries);
    }
    deliveries.extend(fallback(alert, responder, policy, settings));
    if deliveries.is_empty() { Err(Unreachable) } else { Ok(deliveries) }
}

fn common<'a>(alert: &'a Alert, scope: &'a Scope, responder: &'a Responder, policy: &'a Policy) -> Common<'a> {
    Common {
        scope,
        event_id: &responder.event_id,
        alert_id: Some(&alert.id),
        category: alert.category.as_deref(),
        policy,
        trigger: alert.priority.trigger(),
        base_at: responder.base_at,
        // A page is not for later.
        collects: None,
    }
}

/// The email for who has no rule, if it is wanted and there is an address for it.
pub fn fallback(alert: &Alert, responder: &Responder, policy: &Policy, settings: &SchedulerSettings) -> Option<Planned> {
    let wanted = match settings.fallback_email {
        FallbackEmail::All => true,
        FallbackEmail::High => alert.priority == Priority::High,
        FallbackEmail::Off => false,
    };
    let address = steps::fallback_address(policy).filter(|_| wanted)?;
    let (scope, due) = (scope(alert), responder.base_at);
    let common = common(alert, &scope, responder, policy);
    let mut planned = common.planned(Purpose::Fallback, "", Channel::Email, address, due, Some(due.plus_s(settings.alert_expiry_s)));
    planned.reason.get_or_insert_with(|| format!("no rule for {} alerts: the fallback email", alert.priority));
    Some(planned)
}
