//! What an event of an alert changes: the difference between the alert's timeline without the event and with it.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{AlertData, Event, EventData, Occurrence, Original, Priority, UpdateData, UpdateStatus};
use watchbell_core::{Decision, EventId, Group, Reason, Timestamp, UserId};
use watchbell_store::facts::history::{self, Happened, Named, What};
use watchbell_store::facts::{Alert, AlertState, Facts, Plan, Planned, Responder};

use crate::content;
use crate::follow_up;
use crate::paging;
use crate::reconcile::{Elapsed, reconcile};
use crate::settings::SchedulerSettings;
use crate::timeline::{self, Pages, Timeline};
use crate::whom::{self, Whom};

/// Plans an alert event: its responders' rules of that priority, unless somebody has responded.
pub fn plan(event: &Event, data: &AlertData, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let priority = data.priority.unwrap_or(Priority::High);
    let named = whom::responders(&data.responders, facts, settings, &mut plan);
    let what = What::Alert { priority, category: data.category.clone() };
    let change = Change::by(event, &data.alert_id, what, &named, facts);
    let named = named.users;
    if let Some(how) = change.closed_later() {
        plan.decision = Some(Decision::AlreadyClosed { how });
    } else if change.state_before == Some(AlertState::Accepted) {
        plan.decision = Some(Decision::AlreadyAccepted);
    } else if change.state_before == Some(AlertState::Resolved) {
        plan.decision = Some(Decision::OpensRound { round: change.alert.round });
    } else if change.raises(&event.id()) {
        plan.decision = Some(Decision::RaisesToHigh);
    } else if named.is_empty() && !(plan.unknown_users.is_empty() && plan.rejected.is_empty()) {
        plan.decision = Some(Decision::NamesNobody);
    } else if named.iter().all(|user| change.is_paged_already(*user)) {
        plan.decision = Some(Decision::EverybodyToldAlready);
    }
    plan.alert = Some(change.write(Some(data), event, &mut plan, facts, settings, now));
    plan
}

/// Closes an alert of which nothing has been heard for very long, as if it had been resolved now. Nobody is told of that, and the
/// next event of the alert opens a new round.
pub fn close(alert: &Alert, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    // It counts as the latest event, even if the broker's clock was ahead when the others came.
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
        follow_up: None,
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
        trace: None,
        original: Original::default(),
    };
    let facts = Facts { alert: Some(alert.clone()), ..Facts::default() };
    let closed =
        Change::by(&event, &alert.id, What::Resolved, &Whom::default(), &facts).write(None, &event, &mut plan, &facts, settings, now);
    for (_, reason) in &mut plan.close {
        *reason = Reason::AlertForgotten;
    }
    plan.alert = Some(closed);
    plan
}

/// An alert of which nothing has come yet.
fn unheard_of(alert_id: &str, event_id: &EventId) -> Alert {
    Alert {
        id: alert_id.to_owned(),
        state: AlertState::Open,
        // As long as no alert event has said the priority, it counts as HIGH: a page too many is better than one too few.
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
    /// The groups for which more was to be done, and those for which more is, with the events that name them.
    followed: BTreeSet<Group>,
    follows: BTreeMap<Group, Happened>,
    /// Whether the event changes nothing of what has been planned, and at most adds to it. Then the deliveries that exist need not be
    /// known.
    only_adds: bool,
    /// The alert's state when the event happened.
    pub state_before: Option<AlertState>,
    /// How the alert was closed last.
    closed_as: Option<AlertState>,
    was_closed_later: bool,
}

impl Change {
    pub fn by(event: &Event, alert_id: &str, what: What, whom: &Whom, facts: &Facts) -> Self {
        let id = event.id();
        let known = facts.alert.clone().unwrap_or_else(|| unheard_of(alert_id, &id));
        let named = whom.users.iter().map(|user_id| Named { user_id: *user_id, round: None }).collect();
        let goes_on = !matches!(what, What::Accepted | What::Resolved);
        let follows = whom.groups.iter().filter(|group| goes_on && follow_up::goes_on(group)).cloned().collect();
        let mut alert = known.clone();
        let (base_at, at) = (event.occurrence.base_at(), event.occurrence.clone());
        let happened =
            Happened { what, base_at, at, place: None, event_id: id.clone(), named, raised: Vec::new(), named_as: whom.by_way(), follows };
        history::record(&mut alert.history, happened);
        let timeline = Timeline::of(&alert.history);
        let place = |id: &EventId| alert.history.iter().position(|happened| happened.event_id == *id);
        let at = place(&id).unwrap_or_default();
        let state_before = Timeline::of(&alert.history[..at]).state;
        let before = timeline::pages(&known);
        let started = Timeline::of(&known.history).paged.into_iter();
        let started = started.map(|(user, paged)| (user, place(&known.history[paged.at].event_id).unwrap_or_default())).collect();
        let content = content::of(&known, &alert.history, facts.described.as_ref(), event);
        timeline::assign_rounds(&mut alert, &timeline, &before, &started);
        alert.state = timeline.state.unwrap_or(AlertState::Open);
        alert.priority = timeline.priority.unwrap_or(alert.priority);
        alert.content = content;
        if let Some(Happened { what: What::Alert { category, .. }, event_id, .. }) = timeline.about.map(|at| alert.history[at].clone()) {
            (alert.category, alert.event_id) = (category, event_id);
        }
        let (closed_as, was_closed_later) = (timeline.closed_as(&alert.history), timeline.closed.is_some_and(|closed| closed > at));
        let after = timeline::pages(&alert);
        let only_adds = known.category == alert.category && facts.alert.as_ref().is_none_or(|known| known.is_settled_before(event));
        let follows = timeline.follows.into_iter().map(|(group, at)| (group, alert.history[at].clone())).collect();
        let followed = Timeline::of(&known.history).follows.into_keys().collect();
        timeline::prune(&mut alert);
        Self { alert, before, after, followed, follows, only_adds, state_before, closed_as, was_closed_later }
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

    /// Writes the difference into the plan: whose pages end, whose begin, whose move, and what the messages say. `data` is what an alert
    /// event says; None for an update.
    pub fn write(
        mut self,
        data: Option<&AlertData>,
        event: &Event,
        plan: &mut Plan,
        facts: &Facts,
        settings: &SchedulerSettings,
        now: Timestamp,
    ) -> Alert {
        follow_up::reconcile(plan, &self.alert.id, &self.followed, &self.follows, facts, settings, now);
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
            // Other users are still paged in this round, so only this user's deliveries are cancelled.
            plan.cancel.extend(of_round(old).into_iter().map(|delivery| (delivery.id, reason.clone())));
        }
        plan.content = content::update(&mut self.alert, facts.alert.as_ref(), &self.before, &self.after, data, event);
        // What the alert's one event says, which may be this one.
        let described = data.filter(|_| self.alert.event_id == event.id()).or(facts.described.as_ref());
        let labels = self.alert.labels(described);
        let is_relabelled = facts.alert.as_ref().is_some_and(|known| known.is_relabelled_by(event, facts.described.as_ref()));
        for (user, new) in self.after {
            let old = self.before.get(&user).filter(|old| old.responder.round == new.responder.round);
            let policy = facts.policies.get(&user);
            let only_adds = self.only_adds && !(is_relabelled && policy.is_some_and(|policy| policy.asks_for_labels()));
            if only_adds && old == Some(&new) {
                continue;
            }
            if let Some(policy) = policy {
                let (existing, paged_before) = if only_adds { (Vec::new(), old) } else { (of_round(&new.responder), None) };
                // A user whom a rule has reached already needs no fallback email.
                let is_reached = |trigger| {
                    let by_rule = existing.iter().filter(|d| d.purpose == Purpose::Rule && d.trigger == trigger);
                    by_rule.into_iter().any(|d| !d.state.is_pending() && d.state != State::Cancelled && !d.is_unmet())
                };
                let mut desired = Vec::new();
                for page in &new.pages {
                    if paged_before.is_some_and(|old| old.pages.contains(page)) {
                        continue;
                    }
                    let paging = paging::deliveries(&self.alert, labels.as_ref(), &new, page, policy, settings);
                    desired.extend(paging.deliveries);
                    let is_unreached = paging.is_unreachable && !is_reached(page.priority.trigger());
                    plan.unreachable.extend(is_unreached.then(|| (new.responder.scope(), user)));
                }
                desired.retain(|planned| planned.purpose == Purpose::Rule || !is_reached(planned.trigger));
                let is_needless = |fallback: &&Planned| {
                    fallback.purpose == Purpose::Fallback
                        && fallback.state.is_pending()
                        && !desired.iter().any(|planned| planned.purpose == Purpose::Fallback && planned.trigger == fallback.trigger)
                };
                plan.cancel.extend(existing.iter().filter(is_needless).map(|delivery| (delivery.id.clone(), Reason::AlertSaysOtherwise)));
                reconcile(plan, &existing, desired, Elapsed::Send, now, &Reason::AlertSaysOtherwise);
            }
            plan.responders.push(new.responder);
        }
        self.alert
    }
}
