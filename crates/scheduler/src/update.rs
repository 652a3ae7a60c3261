//! What an ACCEPTED, RESOLVED or ESCALATED event changes, and who is told of it.

use std::collections::BTreeSet;

use watchbell_core::event::{Answer, Event, EventData, UpdateData, UpdateStatus};
use watchbell_core::{Decision, Reason, Timestamp, UserId};
use watchbell_store::facts::history::What;
use watchbell_store::facts::{Alert, AlertState, Facts, Plan, Planned, Scope};

use crate::alert::Change;
use crate::deliveries::DeliveryContext;
use crate::follow_up::{self, Called};
use crate::occasion::Occasion;
use crate::settings::SchedulerSettings;
use crate::whom::{self, Whom};
use crate::{steps, timeline};

pub fn plan(event: &Event, data: &UpdateData, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    if let Some(answer) = &data.answer
        && !facts.alert.as_ref().is_some_and(|alert| timeline::is_current(alert, answer.round, answer.action))
    {
        plan.decision = Some(Decision::RoundIsOver);
        return plan;
    }
    let event = &follow_up::placed(event, facts);
    let called_in = match &data.follow_up {
        None => Called { whom: whom::responders(&data.responders, facts, settings, &mut plan), what: What::Escalated },
        Some(what) => match follow_up::called_in(what, facts, settings, &mut plan, now) {
            Ok(called) => called,
            Err(decision) => {
                plan.decision = Some(decision);
                return plan;
            }
        },
    };
    let notify = whom::users(&data.notify, facts, &mut plan);
    // The actor is not told of what they did themselves. A name that may mean several people names no actor, so that nobody is left
    // out.
    let actor = match data.actor.as_ref().and_then(|name| facts.names.get(name)).map(Vec::as_slice) {
        Some([actor]) => Some(*actor),
        _ => None,
    };
    let nobody = Whom::default();
    let (what, named) = match data.status {
        UpdateStatus::Declined => {
            plan.expedite = data.answer.as_ref().map(|answer| decline(&data.alert_id, answer));
            return plan;
        }
        UpdateStatus::Accepted => (What::Accepted, &nobody),
        UpdateStatus::Resolved => (What::Resolved, &nobody),
        UpdateStatus::Escalated => (called_in.what, &called_in.whom),
    };
    let change = Change::by(event, &data.alert_id, what, named, facts);
    let is_resolved = change.state_before == Some(AlertState::Resolved);
    let is_open = change.alert.state == AlertState::Open;
    let (is_news, decision) = match (change.closed_later(), data.status) {
        (Some(how), _) => (false, Some(Decision::ClosedLater { how })),
        (None, UpdateStatus::Accepted) if is_resolved => (false, Some(Decision::NothingToAccept)),
        (None, UpdateStatus::Escalated) if is_resolved => (true, Some(Decision::NobodyCalledIn)),
        (None, UpdateStatus::Accepted | UpdateStatus::Resolved) if is_open && !change.stops_somebody() => {
            (true, Some(Decision::OpenedAgainLater))
        }
        _ => (true, None),
    };
    plan.decision = decision;
    let alert = change.write(None, event, &mut plan, facts, settings, now);
    if is_news {
        let mut audience = facts.alert.as_ref().map(|known| timeline::audience(&known.history)).unwrap_or_default();
        audience.extend(notify);
        audience.retain(|user| Some(*user) != actor);
        plan_messages(&mut plan.insert, event, &alert, data.status, &audience, facts, settings);
        plan.data = Some(EventData::Update(UpdateData {
            summary: Some(alert.summary.clone()).filter(|summary| !summary.is_empty()),
            url: alert.url.clone(),
            actor_name: data.actor.as_deref().and_then(|name| facts.policy(name)).map(|policy| policy.user.display_name()),
            ..data.clone()
        }));
    }
    plan.alert = Some(alert);
    plan
}

/// Whoever was told says that it is not theirs: their own next step comes at once. Nobody else's changes, nor does the alert.
fn decline(alert_id: &str, answer: &Answer) -> (Scope, UserId, Reason) {
    let scope = Scope::Alert { id: alert_id.to_owned(), round: answer.round };
    (scope, answer.user, Reason::Declined { user: answer.user })
}

/// Adds the messages that the users' rules for updates ask for; all are due at once.
fn plan_messages(
    insert: &mut Vec<Planned>,
    event: &Event,
    alert: &Alert,
    status: UpdateStatus,
    users: &BTreeSet<UserId>,
    facts: &Facts,
    settings: &SchedulerSettings,
) {
    let event_id = event.id();
    let scope = Scope::Event(event_id.clone());
    let Some(trigger) = status.trigger() else { return };
    let base_at = event.occurrence.base_at();
    // A resolve ends what the alert's events have said, and tells of it once more.
    let said = facts.alert.as_ref().filter(|known| alert.content.is_none() && known.content.is_some()).unwrap_or(alert);
    let labels = said.labels(facts.described.as_ref());
    let due = |_| base_at;
    let (category, priority) = (alert.category.as_deref(), Some(alert.priority));
    let occasion = Occasion { trigger, labels: labels.as_ref(), category, priority, due: Some(&due) };
    for policy in users.iter().filter_map(|user| facts.policies.get(user)) {
        let context = DeliveryContext {
            scope: &scope,
            event_id: &event_id,
            alert_id: Some(&alert.id),
            category: None,
            policy,
            trigger,
            base_at,
            digests: None,
            named_as: None,
            again: None,
        };
        for step in steps::compile(policy, &occasion) {
            insert.push(context.deliver(step, base_at, Some(event.occurrence.received_at.plus_s(settings.alert_expiry_s))));
        }
    }
}
