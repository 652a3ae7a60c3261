//! The steps of an event for one user: channel, address, offset. Most are compiled from the user's rules; some go out without one.

use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::preference;
use watchbell_core::rule::conditions::Unmet;
use watchbell_core::rule::{self, Rule, Trigger};
use watchbell_core::{Channel, ContactId, DeviceId, RuleId, mask};
use watchbell_store::facts::Policy;

use crate::occasion::{Occasion, zone_of};

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
    /// How often it was to be told before, because nobody accepted.
    pub repetition: i64,
    /// The offset from which the next repetition takes its place.
    pub until_s: Option<i64>,
    /// The condition for which its rule does not count: it is not sent.
    pub unmet: Option<Unmet>,
}

/// Where a step goes. A step without an address fails when it is due, unless the user has added one by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepAddress {
    pub contact_id: Option<ContactId>,
    pub device_id: Option<DeviceId>,
    pub masked: String,
}

/// The steps of something that happened, in order of offset. Rules that ask for the same are one step. Of a rule whose conditions do not
/// hold there is one step that says so; of its repetitions, only those at whose time they hold.
pub fn compile(policy: &Policy, occasion: &Occasion<'_>) -> Vec<Step> {
    let zone = zone_of(policy);
    let mut repeated: Vec<(&Rule, i64, i64)> = Vec::new();
    for (rule, offset_s) in rule::with_offsets(policy.rules.iter().filter(|rule| rule.trigger == occasion.trigger)) {
        let (every_s, times) = rule.repeat.map_or((0, 0), |repeat| (repeat.every_s, repeat.times));
        repeated.extend((0..=times).map(|repetition| (rule, offset_s + repetition * every_s, repetition)));
    }
    // A step that tells for the first time goes before a repetition that would tell the same.
    repeated.sort_by_key(|(.., repetition)| *repetition);
    let mut steps: Vec<Step> = Vec::new();
    for (rule, offset_s, repetition) in repeated {
        let Some(channel) = rule.channel else { continue };
        let until_s = rule.repeat.filter(|repeat| (1..repeat.times).contains(&repetition)).map(|repeat| offset_s + repeat.every_s);
        let (rules, critical) = (vec![rule.id], rule.critical);
        let step = |address, unmet| Step {
            channel,
            address,
            offset_s,
            rules: rules.clone(),
            asked_by: None,
            critical,
            repetition,
            until_s,
            unmet,
        };
        if let Some(unmet) = occasion.unmet(rule, policy, &zone, offset_s) {
            let address = || addresses(policy, channel, rule.contact_id).into_iter().find(|address| address.device_id.is_none());
            steps.extend((repetition == 0).then(|| step(address().unwrap_or_default(), Some(unmet))));
            continue;
        }
        for address in addresses(policy, channel, rule.contact_id) {
            let is_same = |s: &&mut Step| s.is_met() && s.channel == channel && s.address == address && s.offset_s == offset_s;
            match steps.iter_mut().find(is_same) {
                Some(same) if same.repetition == repetition => {
                    same.rules.push(rule.id);
                    same.critical |= rule.critical;
                }
                // That step tells it already.
                Some(_) => {}
                None => steps.push(step(address, None)),
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

impl Step {
    /// Whether it is to be sent, as far as its rules go.
    pub fn is_met(&self) -> bool {
        self.unmet.is_none()
    }
}

/// The steps of an event: those that the user's rules ask for, and then those that no rule has to ask for, unless a rule asks for
/// the same.
pub fn for_event(policy: &Policy, occasion: &Occasion<'_>, default_channels: &[Channel]) -> Vec<Step> {
    let mut steps = compile(policy, occasion);
    let mut add = |channel: Channel, asked_by: &'static str| {
        for address in usable_addresses(policy, channel) {
            if !steps.iter().any(|step| step.is_met() && step.channel == channel && step.address == address) {
                steps.push(Step {
                    channel,
                    address,
                    offset_s: 0,
                    rules: Vec::new(),
                    asked_by: Some(asked_by),
                    critical: false,
                    repetition: 0,
                    until_s: None,
                    unmet: None,
                });
            }
        }
    };
    let (category, is_subscription) = (occasion.category, occasion.trigger == Trigger::Subscription);
    let explicit = category.and_then(|_| preference::explicit(&policy.preferences, category)).map(|preference| preference.wants);
    if is_subscription && category.is_some() {
        for channel in default_channels {
            add(*channel, "default");
        }
    }
    if explicit.is_some_and(|wants| wants.email) {
        add(Channel::Email, "preference");
    }
    if explicit.is_some_and(|wants| wants.push) {
        add(Channel::Push, "preference");
    }
    if is_subscription || explicit.is_some_and(|wants| wants.in_app) {
        add(Channel::InApp, "inbox");
    }
    steps
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
        Some(kind) => vec![policy.contact_for(kind, contact).map(contact_address).unwrap_or_default()],
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

fn contact_address(contact: &Contact) -> StepAddress {
    StepAddress { contact_id: Some(contact.id), device_id: None, masked: mask::address(contact.kind, &contact.target) }
}

/// Where the fallback email for a user without a rule goes: the first email contact that may be used.
pub fn fallback_address(policy: &Policy) -> Option<StepAddress> {
    policy.contacts.iter().find(|c| c.kind == ContactKind::Email && c.status == ContactStatus::Ok).map(contact_address)
}
