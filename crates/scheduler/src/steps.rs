//! Compiles a user's rules for one trigger into steps: channel, address, offset.

use jiff::civil;
use jiff::tz::TimeZone;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::preference::Digest;
use watchbell_core::rule::{Rule, Trigger};
use watchbell_core::{Channel, ContactId, DeliveryId, DeviceId, EventId, Reason, RuleId, Timestamp, mask};
use watchbell_store::facts::{DAILY, HOURLY, Planned, Policy, Scope};

use crate::{digest, gates};

/// One thing to do for a user, `offset_s` after (or, for shifts, before) what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub channel: Channel,
    pub address: StepAddress,
    pub offset_s: i64,
    /// The rules that ask for it; more than one when they ask for the same.
    pub rules: Vec<RuleId>,
    /// What asks for it where no rule does, in a word that stays the same: delivery ids are derived from it.
    pub asked_by: Option<&'static str>,
    pub critical: bool,
}

/// Where a step goes. What is missing here fails when it is due, unless it has been added by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepAddress {
    pub contact_id: Option<ContactId>,
    pub device_id: Option<DeviceId>,
    pub masked: String,
}

/// The steps of a trigger, in order of offset. Rules that ask for the same are one step.
pub fn compile(policy: &Policy, trigger: Trigger) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (rule, offset_s) in with_offsets(policy, trigger) {
        let Some(channel) = rule.channel else { continue };
        for address in addresses(policy, channel, rule.contact_id) {
            match steps.iter_mut().find(|s| s.channel == channel && s.address == address && s.offset_s == offset_s) {
                Some(same) => {
                    same.rules.push(rule.id);
                    same.critical |= rule.critical;
                }
                None => steps.push(Step { channel, address, offset_s, rules: vec![rule.id], asked_by: None, critical: rule.critical }),
            }
        }
    }
    for step in &mut steps {
        step.rules.sort_unstable();
        step.rules.dedup();
    }
    steps.sort_by(|a, b| (a.offset_s, &a.rules).cmp(&(b.offset_s, &b.rules)));
    steps
}

/// Rules with the offset at which each fires: its own, or in a chain the sum of the waits before it.
fn with_offsets(policy: &Policy, trigger: Trigger) -> Vec<(&Rule, i64)> {
    let mut rules: Vec<&Rule> = policy.rules.iter().filter(|rule| rule.trigger == trigger).collect();
    rules.sort_by_key(|rule| (rule.surface, rule.position, rule.id));
    let mut chain = None;
    let mut waited_s = 0;
    rules
        .into_iter()
        .map(|rule| {
            if rule.position.is_none() {
                return (rule, rule.offset_s);
            }
            if chain.replace(rule.surface) != Some(rule.surface) {
                waited_s = 0;
            }
            if rule.channel.is_none() {
                waited_s += rule.offset_s;
            }
            (rule, waited_s)
        })
        .collect()
}

fn addresses(policy: &Policy, channel: Channel, contact: Option<ContactId>) -> Vec<StepAddress> {
    match ContactKind::for_channel(channel) {
        None if channel == Channel::Push && !policy.devices.is_empty() => {
            let device = |d: &watchbell_core::device::Device| StepAddress {
                contact_id: None,
                device_id: Some(d.id),
                masked: format!("{} {}", d.kind, mask::token(&d.token)),
            };
            policy.devices.iter().map(device).collect()
        }
        None => vec![StepAddress::default()],
        Some(kind) => vec![contact_for(policy, kind, contact).map(contact_address).unwrap_or_default()],
    }
}

/// Where a channel reaches a user who named no address: the primary contact, else the first, of those that are OK; every
/// device; the user. Empty where there is none.
pub fn usable_addresses(policy: &Policy, channel: Channel) -> Vec<StepAddress> {
    match ContactKind::for_channel(channel) {
        None if channel == Channel::Push && policy.devices.is_empty() => Vec::new(),
        None => addresses(policy, channel, None),
        Some(kind) => {
            let usable = || policy.contacts.iter().filter(move |contact| contact.kind == kind && contact.status == ContactStatus::Ok);
            usable().find(|contact| contact.primary).or_else(|| usable().next()).map(contact_address).into_iter().collect()
        }
    }
}

/// The contact that a rule means: the one it names, else the primary one, else the first OK one, else the first.
///
/// A Telegram rule names a phone contact, but a bot can only write to a chat that the user opened: that chat is meant.
fn contact_for(policy: &Policy, kind: ContactKind, named: Option<ContactId>) -> Option<&Contact> {
    let of_kind = || policy.contacts.iter().filter(move |contact| contact.kind == kind);
    let named = named.and_then(|id| of_kind().find(|contact| contact.id == id));
    let usable = |contact: &&Contact| contact.status == ContactStatus::Ok;
    named
        .or_else(|| of_kind().find(|contact| contact.primary && usable(contact)))
        .or_else(|| of_kind().find(usable))
        .or_else(|| of_kind().next())
}

fn contact_address(contact: &Contact) -> StepAddress {
    StepAddress { contact_id: Some(contact.id), device_id: None, masked: mask::address(contact.kind, &contact.target) }
}

/// The first email contact that may be used, for who has no rule.
pub fn fallback_address(policy: &Policy) -> Option<StepAddress> {
    policy.contacts.iter().find(|c| c.kind == ContactKind::Email && c.status == ContactStatus::Ok).map(contact_address)
}

/// In which state a delivery begins.
struct Timing {
    state: State,
    ready_at: Timestamp,
    reason: Option<Reason>,
    collect: Option<&'static str>,
}

/// What the deliveries of one plan have in common.
#[derive(Clone, Debug)]
pub struct Common<'a> {
    pub scope: &'a Scope,
    pub event_id: &'a EventId,
    pub alert_id: Option<&'a str>,
    /// What the event is of: gates are for events of a category.
    pub category: Option<&'a str>,
    pub policy: &'a Policy,
    pub trigger: Trigger,
    /// What delivery ids begin with: the time from which the plan counts.
    pub base_at: Timestamp,
    /// None where email is never collected.
    pub collects: Option<Collects>,
}

/// When the periods of digests end.
#[derive(Clone, Copy, Debug)]
pub struct Collects {
    /// The first end after this is meant.
    pub from: Timestamp,
    /// On each user's own clock.
    pub daily_at: civil::Time,
}

impl Common<'_> {
    /// The delivery of a step.
    pub fn deliver(&self, step: Step, due_at: Timestamp, expires_at: Option<Timestamp>) -> Planned {
        let what = match (step.rules.first(), step.asked_by) {
            (Some(rule), _) => rule.to_string(),
            (None, asked_by) => format!("{}:{}", asked_by.unwrap_or_default(), step.channel),
        };
        let mut planned = self.planned(Purpose::Rule, &what, step.channel, step.address, due_at, expires_at);
        planned.rules = step.rules;
        planned.critical = step.critical;
        planned
    }

    /// A delivery that no rule asked for.
    pub fn planned(
        &self,
        purpose: Purpose,
        what: &str,
        channel: Channel,
        address: StepAddress,
        due_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Planned {
        let user = self.policy.user.id.to_string();
        let device = address.device_id.map_or_else(String::new, |id| id.to_string());
        let key = [self.scope.key(), user, purpose.to_string(), what.to_owned(), device];
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        let Timing { state, ready_at, reason, collect } = self.timing(channel, address.device_id, due_at);
        Planned {
            id: DeliveryId::derive(self.base_at, &key),
            scope: self.scope.clone(),
            event_id: self.event_id.clone(),
            alert_id: self.alert_id.map(str::to_owned),
            category: self.category.map(str::to_owned),
            user_id: self.policy.user.id,
            purpose,
            trigger: self.trigger,
            channel,
            contact_id: address.contact_id,
            device_id: address.device_id,
            address: address.masked,
            rules: Vec::new(),
            critical: false,
            due_at,
            ready_at,
            expires_at,
            state,
            reason,
            expedited: false,
            attempts: 0,
            collect: collect.map(str::to_owned),
        }
    }

    /// What the user has switched off is not sent, a digest is held until its period ends, and quiet hours hold everything
    /// but HIGH alerts, digests too, until they end.
    fn timing(&self, channel: Channel, device: Option<DeviceId>, due_at: Timestamp) -> Timing {
        if let Some(reason) = gates::refusal(self.policy, self.trigger, self.category, channel, device) {
            return Timing { state: State::Suppressed, ready_at: due_at, reason: Some(reason), collect: None };
        }
        let user = &self.policy.user;
        // A zone that was valid when it was set and is unknown to this build: better at a wrong hour than never.
        let zone = || watchbell_core::user::parse_timezone(&user.timezone).unwrap_or(TimeZone::UTC);
        let cadence = gates::cadence(self.policy, self.category, channel);
        let period = self.collects.and_then(|Collects { from, daily_at }| match cadence {
            Digest::Hourly => Some((digest::hour_end(from, &zone()), HOURLY)),
            Digest::Daily => Some((digest::day_end(from, daily_at, &zone()), DAILY)),
            Digest::Instant | Digest::Off => None,
        });
        let told_at = period.map_or(due_at, |(end, _)| end);
        let collect = period.map(|(_, collect)| collect);
        let hours = user.quiet_hours.as_ref().filter(|_| self.trigger != Trigger::AlertHigh);
        match (hours.and_then(|hours| hours.until(told_at, &zone())), period) {
            (Some(end), _) => Timing { state: State::Held, ready_at: end, reason: Some(Reason::QuietHours { until: end }), collect },
            (None, Some((end, _))) => {
                Timing { state: State::Held, ready_at: end, reason: Some(Reason::InDigest { cadence, until: end }), collect }
            }
            (None, None) => Timing { state: State::Scheduled, ready_at: due_at, reason: None, collect },
        }
    }
}
