//! What an event of an alert changes: what the history with it comes to, compared with what it came to without.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{AlertData, Event, Priority};
use watchbell_core::{Channel, EventId, Timestamp, UserId};
use watchbell_store::facts::history::{self, Happened, Named, What};
use watchbell_store::facts::{Alert, AlertState, Facts, Plan, Planned, Policy, Responder};

use crate::course::{self, Course};
use crate::diff::{Elapsed, bring_in_line};
use crate::settings::{FallbackEmail, SchedulerSettings};
use crate::{
    gates,
    steps::{self, Common},
};

const OTHERWISE: &str = "an earlier event of the alert says otherwise";

/// Plans an alert event: its responders' rules of that priority, unless somebody has responded.
pub fn plan(event: &Event, data: &AlertData, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let priority = data.priority.unwrap_or(Priority::High);
    let named = users(&data.responders, facts, &mut plan);
    let what = What::Alert { priority, category: data.category.clone() };
    let change = Change::by(event, &data.alert_id, what, &named, facts);
    if let Some(how) = change.closed_later() {
        plan.decision = Some(format!("nothing planned: the alert was {how} at or after the time of this event"));
    } else if change.state_before == Some(AlertState::Accepted) {
        plan.decision = Some("nothing planned: somebody has accepted the alert".to_owned());
    } else if change.state_before == Some(AlertState::Resolved) {
        plan.decision = Some(format!("opens round {} of an alert that had been resolved", change.alert.round));
    } else if !named.is_empty() && named.iter().all(|user| change.is_paged_already(*user)) {
        plan.decision = Some("nothing new is planned: everybody whom it names is told of the alert already".to_owned());
    }
    let mut alert = change.write(&mut plan, facts, settings, now);
    // Messages about the alert are rendered from its first full event; updates of it may have come before that.
    if alert.event_id == event.id() || alert.summary.is_empty() {
        alert.summary.clone_from(&data.summary);
        alert.url.clone_from(&data.url);
    }
    plan.alert = Some(alert);
    plan
}

/// The users that an event names, each once; unknown names are noted.
pub fn users(names: &[String], facts: &Facts, plan: &mut Plan) -> Vec<UserId> {
    let mut users = Vec::with_capacity(names.len());
    let mut seen = HashSet::with_capacity(names.len());
    for name in names {
        match facts.names.get(name) {
            Some(id) if seen.insert(*id) => users.push(*id),
            Some(_) => {}
            None => plan.unknown_users.push(name.clone()),
        }
    }
    users
}

/// An alert of which nothing has come yet.
fn unheard_of(alert_id: &str, event_id: &EventId) -> Alert {
    Alert {
        id: alert_id.to_owned(),
        state: AlertState::Open,
        // Until the alert's own event says otherwise: a page too many is better than one too few.
        priority: Priority::High,
        summary: String::new(),
        url: None,
        category: None,
        round: 0,
        since_round: 1,
        event_id: event_id.clone(),
        history: Vec::new(),
    }
}

/// What an event makes of an alert.
#[derive(Debug)]
pub struct Change {
    /// The alert as it is with the event.
    pub alert: Alert,
    before: BTreeMap<UserId, Responder>,
    after: BTreeMap<UserId, Responder>,
    /// Whether all who are paged are told of something else than before.
    is_about_other: bool,
    /// The alert's state when the event happened.
    pub state_before: Option<AlertState>,
    /// How the alert was closed last.
    closed_as: Option<AlertState>,
    was_closed_later: bool,
}

impl Change {
    pub fn by(event: &Event, alert_id: &str, what: What, users: &[UserId], facts: &Facts) -> Self {
        let id = event.id();
        let known = facts.alert.clone().unwrap_or_else(|| unheard_of(alert_id, &id));
        let named = users.iter().map(|user_id| Named { user_id: *user_id, round: None }).collect();
        let mut alert = known.clone();
        history::record(
            &mut alert.history,
            Happened { what, base_at: event.occurrence.base_at(), at: event.occurrence.clone(), event_id: id.clone(), named },
        );
        let course = Course::of(&alert.history);
        let place = |id: &EventId| alert.history.iter().position(|happened| happened.event_id == *id).unwrap_or_default();
        let at = place(&id);
        let state_before = Course::of(&alert.history[..at]).state;
        let before = course::responders(&known);
        let started = Course::of(&known.history).paged.into_iter();
        let started = started.map(|(user, at)| (user, place(&known.history[at].event_id))).collect();
        course::give_rounds(&mut alert, &course, &before, &started);
        alert.state = course.state.unwrap_or(AlertState::Open);
        if let Some(Happened { what: What::Alert { priority, category }, event_id, .. }) = course.about.map(|at| alert.history[at].clone())
        {
            (alert.priority, alert.category, alert.event_id) = (priority, category, event_id);
        }
        let is_about_other = (known.priority, &known.category, &known.event_id) != (alert.priority, &alert.category, &alert.event_id);
        let (closed_as, was_closed_later) = (course.closed_as(&alert.history), course.closed.is_some_and(|closed| closed > at));
        let after = course::responders(&alert);
        course::forget(&mut alert);
        Self { alert, before, after, is_about_other, state_before, closed_as, was_closed_later }
    }

    /// How the alert was closed after the event, if it was.
    pub fn closed_later(&self) -> Option<&'static str> {
        self.closed_as.filter(|_| self.was_closed_later).map(AlertState::as_str)
    }

    /// Whether the user is paged as before.
    fn is_paged_already(&self, user: UserId) -> bool {
        self.before.contains_key(&user) && self.before.get(&user) == self.after.get(&user)
    }

    /// Whether somebody is not paged any more.
    pub fn stops_somebody(&self) -> bool {
        self.before.iter().any(|(user, responder)| self.after.get(user).is_none_or(|after| after.round != responder.round))
    }

    /// Writes into the plan who is not paged any more, who is from now on, and for whom it is at another time.
    pub fn write(self, plan: &mut Plan, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Alert {
        let reason = match self.closed_as {
            Some(AlertState::Accepted) => "the alert was accepted",
            _ => "the alert was resolved",
        };
        let mut deliveries: BTreeMap<UserId, Vec<&Planned>> = BTreeMap::new();
        for delivery in &facts.deliveries {
            deliveries.entry(delivery.user_id).or_default().push(delivery);
        }
        let of_round = |responder: &Responder| -> Vec<Planned> {
            let own = deliveries.get(&responder.user_id).into_iter().flatten();
            own.filter(|delivery| delivery.scope == responder.scope()).map(|delivery| (*delivery).clone()).collect()
        };
        let rounds: BTreeSet<i64> = self.after.values().map(|responder| responder.round).collect();
        let mut closed = BTreeSet::new();
        for (_, old) in self.before.iter().filter(|(user, old)| self.after.get(user).is_none_or(|new| new.round != old.round)) {
            plan.released.push(old.clone());
            if !rounds.contains(&old.round) {
                if closed.insert(old.round) {
                    plan.close.push((old.scope(), reason.to_owned()));
                }
                continue;
            }
            // Others of the round are paged further.
            plan.cancel.extend(of_round(old).into_iter().map(|delivery| (delivery.id, reason.to_owned())));
        }
        for (user, responder) in self.after {
            if !self.is_about_other && self.before.get(&user) == Some(&responder) {
                continue;
            }
            if let Some(policy) = facts.policies.get(&user) {
                let existing = of_round(&responder);
                let wanted = for_responder(&self.alert, &responder, policy, settings);
                if wanted.is_err() {
                    plan.unreachable.push((responder.scope(), user));
                }
                // Whom a rule has told, needs no fallback for it.
                let is_told = existing.iter().any(|d| d.purpose == Purpose::Rule && !d.state.is_pending() && d.state != State::Cancelled);
                let wanted: Vec<Planned> =
                    wanted.unwrap_or_default().into_iter().filter(|planned| !is_told || planned.purpose == Purpose::Rule).collect();
                if !wanted.iter().any(|planned| planned.purpose == Purpose::Fallback) {
                    let fallback = existing.iter().filter(|delivery| delivery.purpose == Purpose::Fallback && delivery.state.is_pending());
                    plan.cancel.extend(fallback.map(|delivery| (delivery.id.clone(), OTHERWISE.to_owned())));
                }
                bring_in_line(plan, &existing, wanted, Elapsed::Send, now, OTHERWISE);
            }
            plan.responders.push(responder);
        }
        self.alert
    }
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
    let scope = responder.scope();
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

fn common<'a>(alert: &'a Alert, scope: &'a watchbell_store::facts::Scope, responder: &'a Responder, policy: &'a Policy) -> Common<'a> {
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
    let (scope, due) = (responder.scope(), responder.base_at);
    let common = common(alert, &scope, responder, policy);
    let mut planned = common.planned(Purpose::Fallback, "", Channel::Email, address, due, Some(due.plus_s(settings.alert_expiry_s)));
    planned.reason.get_or_insert_with(|| format!("no rule for {} alerts: the fallback email", alert.priority));
    Some(planned)
}
