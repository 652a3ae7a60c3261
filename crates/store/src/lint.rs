//! What today's rules would make of the alerts of the past, and which rules can never tell anybody: found by planning again, and
//! written nowhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::rule::Rule;
use watchbell_core::rule::conditions::{OnDuty, Unmet};
use watchbell_core::{Channel, EventId, Reason, Timestamp, UserId};

use crate::StoreError;
use crate::facts::{Plan, Planned, Policy};

/// Events that are looked through for one page of alerts, whatever they are of.
pub const MOST_EVENTS: i64 = 100;

/// Of the users of an alert that reaches nobody, those who are named.
const MOST_USERS: usize = 20;

/// An alert event of the past that would reach nobody today, or only by the email for who has no rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Unheard {
    pub event_id: EventId,
    pub alert_id: String,
    pub at: Timestamp,
    pub has_fallback: bool,
    /// Why the messages of those whom it names would not be sent; none where nothing asks for one.
    pub users: BTreeMap<UserId, Vec<Reason>>,
    /// What else keeps it from being told: names of nobody, groups that are empty.
    pub problems: Vec<String>,
}

/// A page of them, of the alerts among the events that were looked through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnheardPage {
    pub items: Vec<Unheard>,
    /// Events before this one were not looked at yet. None: there are no more.
    pub next: Option<EventId>,
}

/// A rule that can never tell anybody as things are.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadRule {
    pub rule: Rule,
    pub reason: Reason,
}

#[async_trait]
pub trait Lint: Send + Sync {
    /// Alerts since a time that would reach nobody, newest first, from before an event on.
    async fn unheard(&self, since: Timestamp, before: Option<&EventId>) -> Result<UnheardPage, StoreError>;

    /// Dead rules of so many users, those with ids above `after`; the last of these users, if there may be more.
    async fn dead_rules(&self, after: Option<UserId>, users: i64) -> Result<(Vec<DeadRule>, Option<UserId>), StoreError>;
}

/// Why nobody would hear of it; None where somebody would, by a rule.
pub(crate) fn unheard(plan: &Plan, policies: &HashMap<UserId, Arc<Policy>>) -> Option<(bool, BTreeMap<UserId, Vec<Reason>>)> {
    let mut has_fallback = false;
    let mut users: BTreeMap<UserId, Vec<Reason>> = BTreeMap::new();
    let unreachable = plan.unreachable.iter().map(|(_, user)| *user);
    for user in plan.responders.iter().map(|responder| responder.user_id).chain(unreachable) {
        users.entry(user).or_default();
    }
    for planned in plan.insert.iter().filter(|planned| planned.channel != Channel::InApp) {
        match policies.get(&planned.user_id).map_or(Some(Reason::NoContact), |policy| hindrance(planned, policy)) {
            None if planned.purpose == Purpose::Fallback => has_fallback = true,
            None => return None,
            Some(reason) => users.entry(planned.user_id).or_default().push(reason),
        }
    }
    Some((has_fallback, users.into_iter().take(MOST_USERS).collect()))
}

/// Why a delivery would not be sent when it is due.
fn hindrance(planned: &Planned, policy: &Policy) -> Option<Reason> {
    if planned.state == State::Suppressed {
        return planned.reason.clone();
    }
    let contact = planned.contact_id.and_then(|id| policy.contacts.iter().find(|contact| contact.id == id));
    match (ContactKind::for_channel(planned.channel), contact) {
        (Some(_), Some(contact)) => unusable(contact.status),
        (Some(ContactKind::Telegram), None) => Some(Reason::NoTelegramChat),
        (Some(_), None) => Some(Reason::NoContact),
        (None, _) => (planned.channel == Channel::Push && planned.device_id.is_none()).then_some(Reason::NoDevice),
    }
}

fn unusable(status: ContactStatus) -> Option<Reason> {
    (status != ContactStatus::Ok).then_some(Reason::ContactUnusable { status })
}

/// Why a rule can never tell anybody, as things are.
pub(crate) fn dead(policy: &Policy, rule: &Rule, now: Timestamp) -> Option<Reason> {
    let channel = rule.channel?;
    let way = match ContactKind::for_channel(channel) {
        None => (channel == Channel::Push && policy.devices.is_empty()).then_some(Reason::NoDevice),
        Some(kind) => match policy.contact_for(kind, rule.contact_id) {
            Some(contact) => unusable(contact.status),
            None if kind == ContactKind::Telegram => Some(Reason::NoTelegramChat),
            None => Some(Reason::NoContact),
        },
    };
    let is_to_come = |on_duty: &&OnDuty| {
        let is_meant = |schedule: &str| on_duty.schedule.as_deref().is_none_or(|wanted| wanted == schedule);
        policy.shifts.iter().any(|shift| is_meant(&shift.schedule) && shift.ends_at > now)
    };
    let never = rule.when.on_duty.as_ref().filter(|on_duty| !is_to_come(on_duty));
    way.or_else(|| never.map(|on_duty| Reason::RuleWants { rule: rule.id, wants: Unmet::OnDuty(on_duty.clone()) }))
}
