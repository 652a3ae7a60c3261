//! The steps of an event for one user: channel, address, offset. Most are compiled from the user's rules; some go out without one.

use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::preference;
use watchbell_core::rule::{Rule, Trigger};
use watchbell_core::{Channel, ContactId, DeviceId, RuleId, mask};
use watchbell_store::facts::Policy;

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

/// Where a step goes. A step without an address fails when it is due, unless the user has added one by then.
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

/// The steps of an event: those that the user's rules ask for, and then those that no rule has to ask for, unless a rule asks for
/// the same.
pub fn for_event(policy: &Policy, trigger: Trigger, category: Option<&str>, default_channels: &[Channel]) -> Vec<Step> {
    let mut steps = compile(policy, trigger);
    let mut add = |channel: Channel, asked_by: &'static str| {
        for address in usable_addresses(policy, channel) {
            if !steps.iter().any(|step| step.channel == channel && step.address == address) {
                steps.push(Step { channel, address, offset_s: 0, rules: Vec::new(), asked_by: Some(asked_by), critical: false });
            }
        }
    };
    let is_subscription = trigger == Trigger::Subscription;
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

/// Rules with the offset at which each of them fires: its own offset, or, for a rule of a chain, the sum of the waits before it.
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
/// A Telegram rule may name a phone contact, but a bot can only write to a chat that the user opened, so the rule means that chat.
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

/// Where the fallback email for a user without a rule goes: the first email contact that may be used.
pub fn fallback_address(policy: &Policy) -> Option<StepAddress> {
    policy.contacts.iter().find(|c| c.kind == ContactKind::Email && c.status == ContactStatus::Ok).map(contact_address)
}
