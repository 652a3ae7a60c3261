//! What stands beside and behind a user's rules: what goes out without one, and what the user has switched off.
//!
//! Gates are for events of a category. In-app alone has them for every event, since every subscription event goes there.

use watchbell_core::device::DeviceKind;
use watchbell_core::preference::{self, ChannelType, Digest};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, DeviceId, Reason};
use watchbell_store::facts::Policy;

use crate::steps::{self, Step};

/// The steps of an event: those of the user's rules, then what goes out without any. Whoever asks for what is asked for
/// already adds nothing.
pub fn steps(policy: &Policy, trigger: Trigger, category: Option<&str>, default_channels: &[Channel]) -> Vec<Step> {
    let mut steps = steps::compile(policy, trigger);
    let mut add = |channel: Channel, asked_by: &'static str| {
        for address in steps::usable_addresses(policy, channel) {
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

/// Why the user does not want a step; None if nothing speaks against it.
pub fn refusal(policy: &Policy, trigger: Trigger, category: Option<&str>, channel: Channel, device: Option<DeviceId>) -> Option<Reason> {
    if category.is_none() && channel != Channel::InApp {
        return None;
    }
    let kind = device.and_then(|id| policy.devices.iter().find(|device| device.id == id)).map(|device| device.kind);
    switched_off(policy, category, channel, kind).or_else(|| not_wanted(policy, trigger, category, channel))
}

/// Notiflows: any "off" wins.
fn switched_off(policy: &Policy, category: Option<&str>, channel: Channel, device: Option<DeviceKind>) -> Option<Reason> {
    let switches = &policy.switches;
    let of_category = category.and_then(|category| Some((category, switches.notiflows.get(category)?)));
    if let Some((category, of_category)) = of_category
        && of_category.enabled == Some(false)
    {
        return Some(Reason::CategoryOff { category: category.to_owned() });
    }
    let channel_type = ChannelType::of(channel, device)?;
    if switches.channel_types.get(&channel_type) == Some(&false) {
        return Some(Reason::ChannelTypeOff { channel_type, category: None });
    }
    let (category, of_category) = of_category?;
    (of_category.channel_types.get(&channel_type) == Some(&false))
        .then(|| Reason::ChannelTypeOff { channel_type, category: Some(category.to_owned()) })
}

/// Messaging: only what is said explicitly counts against a rule. Digests, and so their being off, are not for alerts.
fn not_wanted(policy: &Policy, trigger: Trigger, category: Option<&str>, channel: Channel) -> Option<Reason> {
    let preference = preference::explicit(&policy.preferences, category)?;
    let wants = preference.wants;
    let is_wanted = match channel {
        Channel::Email => wants.email,
        Channel::Push => wants.push,
        Channel::InApp => wants.in_app,
        _ => true,
    };
    let category = || preference.category.clone();
    if !is_wanted {
        return Some(Reason::ChannelNotWanted { channel, category: category() });
    }
    let is_off = channel == Channel::Email && wants.digest == Digest::Off && trigger == Trigger::Subscription;
    is_off.then(|| Reason::DigestOff { category: category() })
}

/// How often the user is told of a category by a channel: all but email is told at once.
pub fn cadence(policy: &Policy, category: Option<&str>, channel: Channel) -> Digest {
    if channel != Channel::Email || category.is_none() {
        return Digest::Instant;
    }
    preference::explicit(&policy.preferences, category).map_or(Digest::Instant, |preference| preference.wants.digest)
}

#[cfg(test)]
pub(crate) mod tests;
