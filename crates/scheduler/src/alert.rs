//! What an event of an alert changes: what the history with it comes to, compared with what it came to without.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{AlertData, Event, EventData, Occurrence, Original, Priority, UpdateData, UpdateStatus};
use watchbell_core::ids::other_readings;
use watchbell_core::{Channel, Decision, EventId, Reason, Timestamp, UserId};
use watchbell_store::facts::history::{self, Happened, Named, What};
use watchbell_store::facts::{Alert, AlertState, Facts, Plan, Planned, Policy, Responder};

use crate::content;
use crate::course::{self, Course, Page, Pages};
use crate::diff::{Elapsed, bring_in_line};
use crate::settings::{FallbackEmail, SchedulerSettings};
use crate::{
    gates,
    steps::{self, Common},
};

/// Plans an alert event: its responders' rules of that priority, unless somebody has responded.
pub fn plan(event: &Event, data: &AlertData, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let priority = data.priority.unwrap_or(Priority::High);
    let named = users(&data.responders, facts, &mut plan);
    let what = What::Alert { priority, category: data.category.clone() };
    let change = Change::by(event, &data.alert_id, what, &named, facts);
    if let Some(how) = change.closed_later() {
        plan.decision = Some(Decision::AlreadyClosed { how });
    } else if change.state_before == Some(AlertState::Accepted) {
        plan.decision = Some(Decision::AlreadyAccepted);
    } else if change.state_before == Some(AlertState::Resolved) {
        plan.decision = Some(Decision::OpensRound { round: change.alert.round });
    } else if change.raises(&event.id()) {
        plan.decision = Some(Decision::RaisesToHigh);
    } else if named.is_empty() && !plan.unknown_users.is_empty() {
        plan.decision = Some(Decision::NamesNobody);
    } else if named.iter().all(|user| change.is_paged_already(*user)) {
        plan.decision = Some(Decision::EverybodyToldAlready);
    }
    plan.alert = Some(change.write(Some(data), event, &mut plan, facts, settings, now));
    plan
}

/// Ends an alert of which nothing has been heard for very long, as if it had been resolved now; nobody is told of that. Another event of
/// it begins a new round.
pub fn close(alert: &Alert, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    // After all that is known, whatever the broker's clock said.
    let last = alert.history.iter().map(|happened| happened.at.received_at).max();
    let update = UpdateData {
        alert_id: alert.id.clone(),
        status: UpdateStatus::Resolved,
        actor: None,
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: None,
    };
    let event = Event {
        identity: format!("closed:{}", alert.id),
        occurrence: Occurrence {
            source: "watchbell".to_owned(),
            time: None,
            received_at: last.map_or(now, |last| last.max(now)),
            sequence: u64::MAX >> 1,
        },
        data: EventData::Update(update),
        problems: Vec::new(),
        replay_of: None,
        original: Original::default(),
    };
    let facts = Facts { alert: Some(alert.clone()), ..Facts::default() };
    let closed = Change::by(&event, &alert.id, What::Resolved, &[], &facts).write(None, &event, &mut plan, &facts, settings, now);
    for (_, reason) in &mut plan.close {
        *reason = Reason::AlertForgotten;
    }
    plan.alert = Some(closed);
    plan
}

/// The users that an event names, each once; names of nobody and of several are noted.
pub fn users(names: &[String], facts: &Facts, plan: &mut Plan) -> Vec<UserId> {
    let mut users = Vec::with_capacity(names.len());
    let mut seen = HashSet::with_capacity(names.len());
    for name in names {
        let Some(ids) = facts.names.get(name) else {
            plan.unknown_users.push(name.clone());
            continue;
        };
        // Of several in one text some may be nobody.
        let several =
            other_readings(name).into_iter().find(|parts| parts.len() > 1 && parts.iter().any(|part| facts.names.contains_key(part)));
        plan.unknown_users.extend(several.into_iter().flatten().filter(|part| !facts.names.contains_key(part)));
        if ids.len() > 1 {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            plan.notes.push(format!("one name means the users {}: all of them are told", ids.join(" and ")));
        }
        users.extend(ids.iter().copied().filter(|id| seen.insert(*id)));
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
        content: None,
        history: Vec::new(),
    }
}

/// What an event makes of an alert.
#[derive(Debug)]
pub struct Change {
    /// The alert as it is with the event.
    pub alert: Alert,
    before: BTreeMap<UserId, Pages>,
    after: BTreeMap<UserId, Pages>,
    /// Whether it leaves all that has been planned as it is, and at most adds to it. Then what has been planned need not be known.
    only_adds: bool,
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
        let (base_at, at) = (event.occurrence.base_at(), event.occurrence.clone());
        history::record(&mut alert.history, Happened { what, base_at, at, place: None, event_id: id.clone(), named, raised: Vec::new() });
        let course = Course::of(&alert.history);
        let place = |id: &EventId| alert.history.iter().position(|happened| happened.event_id == *id);
        let at = place(&id).unwrap_or_default();
        let state_before = Course::of(&alert.history[..at]).state;
        let before = course::pages(&known);
        let started = Course::of(&known.history).paged.into_iter();
        let started = started.map(|(user, paged)| (user, place(&known.history[paged.at].event_id).unwrap_or_default())).collect();
        let content = content::of(&known, &alert.history, facts.described.as_ref(), event);
        course::give_rounds(&mut alert, &course, &before, &started);
        alert.state = course.state.unwrap_or(AlertState::Open);
        alert.priority = course.priority.unwrap_or(alert.priority);
        alert.content = content;
        if let Some(Happened { what: What::Alert { category, .. }, event_id, .. }) = course.about.map(|at| alert.history[at].clone()) {
            (alert.category, alert.event_id) = (category, event_id);
        }
        let (closed_as, was_closed_later) = (course.closed_as(&alert.history), course.closed.is_some_and(|closed| closed > at));
        let after = course::pages(&alert);
        let only_adds = known.category == alert.category && facts.alert.as_ref().is_none_or(|known| known.is_settled_before(event));
        course::forget(&mut alert);
        Self { alert, before, after, only_adds, state_before, closed_as, was_closed_later }
    }

    /// How the alert was closed after the event, if it was.
    pub fn closed_later(&self) -> Option<AlertState> {
        self.closed_as.filter(|_| self.was_closed_later)
    }

    /// Whether the user is paged as before.
    fn is_paged_already(&self, user: UserId) -> bool {
        self.before.contains_key(&user) && self.before.get(&user) == self.after.get(&user)
    }

    /// Whether the event raises the alert for somebody who was told of it as LOW.
    fn raises(&self, event: &EventId) -> bool {
        self.after.values().any(|pages| pages.pages.iter().skip(1).any(|page| page.event_id == *event))
    }

    /// Whether somebody is not paged any more.
    pub fn stops_somebody(&self) -> bool {
        self.before.iter().any(|(user, old)| self.after.get(user).is_none_or(|new| new.responder.round != old.responder.round))
    }

    /// Writes into the plan who is not paged any more, who is from now on, for whom it is at another time, and what they are told;
    /// `data` are the event's if it is an alert event.
    pub fn write(
        mut self,
        data: Option<&AlertData>,
        event: &Event,
        plan: &mut Plan,
        facts: &Facts,
        settings: &SchedulerSettings,
        now: Timestamp,
    ) -> Alert {
        let reason = match self.closed_as {
            Some(AlertState::Accepted) => Reason::AlertAccepted,
            _ => Reason::AlertResolved,
        };
        let mut deliveries: BTreeMap<UserId, Vec<&Planned>> = BTreeMap::new();
        for delivery in &facts.deliveries {
            deliveries.entry(delivery.user_id).or_default().push(delivery);
        }
        let of_round = |responder: &Responder| -> Vec<Planned> {
            let own = deliveries.get(&responder.user_id).into_iter().flatten();
            own.filter(|delivery| delivery.scope == responder.scope()).map(|delivery| (*delivery).clone()).collect()
        };
        let rounds: BTreeSet<i64> = self.after.values().map(|pages| pages.responder.round).collect();
        let mut closed = BTreeSet::new();
        let is_gone = |user: &UserId, old: &Pages| self.after.get(user).is_none_or(|new| new.responder.round != old.responder.round);
        for old in self.before.iter().filter(|(user, old)| is_gone(user, old)).map(|(_, old)| &old.responder) {
            plan.released.push(old.clone());
            if !rounds.contains(&old.round) {
                if closed.insert(old.round) {
                    plan.close.push((old.scope(), reason.clone()));
                }
                continue;
            }
            // Others of the round are paged further.
            plan.cancel.extend(of_round(old).into_iter().map(|delivery| (delivery.id, reason.clone())));
        }
        plan.content = content::told(&mut self.alert, facts.alert.as_ref(), &self.before, &self.after, data, event);
        for (user, new) in self.after {
            let old = self.before.get(&user).filter(|old| old.responder.round == new.responder.round);
            if self.only_adds && old == Some(&new) {
                continue;
            }
            if let Some(policy) = facts.policies.get(&user) {
                let (existing, told_before) = if self.only_adds { (Vec::new(), old) } else { (of_round(&new.responder), None) };
                let mut wanted = Vec::new();
                for (at, page) in new.pages.iter().enumerate() {
                    if told_before.is_some_and(|old| old.pages.contains(page)) {
                        continue;
                    }
                    match for_page(&self.alert, &new.responder, page, at > 0, policy, settings) {
                        Ok(steps) => wanted.extend(steps),
                        Err(Unreachable) => plan.unreachable.push((new.responder.scope(), user)),
                    }
                }
                // Whom a rule has told, needs no fallback for it.
                let is_told = |trigger| {
                    let by_rule = existing.iter().filter(|d| d.purpose == Purpose::Rule && d.trigger == trigger);
                    by_rule.into_iter().any(|d| !d.state.is_pending() && d.state != State::Cancelled)
                };
                wanted.retain(|planned| planned.purpose == Purpose::Rule || !is_told(planned.trigger));
                let is_needless = |fallback: &&Planned| {
                    fallback.purpose == Purpose::Fallback
                        && fallback.state.is_pending()
                        && !wanted.iter().any(|planned| planned.purpose == Purpose::Fallback && planned.trigger == fallback.trigger)
                };
                plan.cancel.extend(existing.iter().filter(is_needless).map(|delivery| (delivery.id.clone(), Reason::AlertSaysOtherwise)));
                bring_in_line(plan, &existing, wanted, Elapsed::Send, now, &Reason::AlertSaysOtherwise);
            }
            plan.responders.push(new.responder);
        }
        self.alert
    }
}

/// The user has neither a rule for this nor an address for the fallback email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable;

/// Everything that one responder is to be told by a page; by one that raises the alert, only what is for its priority.
pub fn for_page(
    alert: &Alert,
    responder: &Responder,
    page: &Page,
    is_raise: bool,
    policy: &Policy,
    settings: &SchedulerSettings,
) -> Result<Vec<Planned>, Unreachable> {
    let scope = responder.scope();
    let common = common(alert, &scope, page, policy);
    let steps = gates::steps(policy, common.trigger, common.category, &[]);
    // An inbox wakes nobody: whoever has nothing else gets the fallback email beside it.
    let has_page = steps.iter().any(|step| !step.rules.is_empty() || step.channel != Channel::InApp);
    let is_wanted = |step: &steps::Step| !is_raise || !step.rules.is_empty();
    let deliver = |step: steps::Step| {
        let offset_s = step.offset_s;
        common.deliver(step, page.base_at.plus_s(offset_s), Some(expires_at(page, offset_s, settings)))
    };
    let mut deliveries: Vec<Planned> = steps.into_iter().filter(is_wanted).map(deliver).collect();
    if has_page {
        return Ok(deliveries);
    }
    deliveries.extend(fallback(alert, responder, page, policy, settings));
    if deliveries.is_empty() { Err(Unreachable) } else { Ok(deliveries) }
}

/// A step expires by when Watchbell first knew of it.
fn expires_at(page: &Page, offset_s: i64, settings: &SchedulerSettings) -> Timestamp {
    page.received_at.plus_s(offset_s).plus_s(settings.alert_expiry_s)
}

fn common<'a>(alert: &'a Alert, scope: &'a watchbell_store::facts::Scope, page: &'a Page, policy: &'a Policy) -> Common<'a> {
    Common {
        scope,
        event_id: &page.event_id,
        alert_id: Some(&alert.id),
        category: alert.category.as_deref(),
        policy,
        trigger: page.priority.trigger(),
        base_at: page.base_at,
        // A page is not for later.
        collects: None,
    }
}

/// The email for who has no rule, if it is wanted and there is an address for it.
pub fn fallback(alert: &Alert, responder: &Responder, page: &Page, policy: &Policy, settings: &SchedulerSettings) -> Option<Planned> {
    let wanted = match settings.fallback_email {
        FallbackEmail::All => true,
        FallbackEmail::High => page.priority == Priority::High,
        FallbackEmail::Off => false,
    };
    let address = steps::fallback_address(policy).filter(|_| wanted)?;
    let scope = responder.scope();
    let common = common(alert, &scope, page, policy);
    let expires_at = Some(expires_at(page, 0, settings));
    let mut planned = common.planned(Purpose::Fallback, "", Channel::Email, address, page.base_at, expires_at);
    planned.reason.get_or_insert(Reason::FallbackEmail { priority: page.priority });
    Some(planned)
}
