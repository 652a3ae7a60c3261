//! What stands beside and behind a user's rules: what goes out without one, and what the user has switched off.
//!
//! Gates are for events of a category. In-app alone has them for every event, since every subscription event goes there.

use watchbell_core::device::DeviceKind;
use watchbell_core::preference::{self, ChannelType, Digest, Preference};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, DeviceId};
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

/// Why the user does not want a step, in a sentence; None if nothing speaks against it.
pub fn refusal(policy: &Policy, trigger: Trigger, category: Option<&str>, channel: Channel, device: Option<DeviceId>) -> Option<String> {
    if category.is_none() && channel != Channel::InApp {
        return None;
    }
    let kind = device.and_then(|id| policy.devices.iter().find(|device| device.id == id)).map(|device| device.kind);
    switched_off(policy, category, channel, kind).or_else(|| not_wanted(policy, trigger, category, channel))
}

/// Notiflows: any "off" wins.
fn switched_off(policy: &Policy, category: Option<&str>, channel: Channel, device: Option<DeviceKind>) -> Option<String> {
    let switches = &policy.switches;
    let of_category = category.and_then(|category| Some((category, switches.notiflows.get(category)?)));
    if let Some((category, of_category)) = of_category
        && of_category.enabled == Some(false)
    {
        return Some(format!("the user has switched off `{category}`"));
    }
    let channel_type = ChannelType::of(channel, device)?;
    if switches.channel_types.get(&channel_type) == Some(&false) {
        return Some(format!("the user's switch `{channel_type}` is off"));
    }
    let (category, of_category) = of_category?;
    (of_category.channel_types.get(&channel_type) == Some(&false))
        .then(|| format!("the user's switch `{channel_type}` for `{category}` is off"))
}

/// Messaging: only what is said explicitly counts against a rule. Digests, and so their being off, are not for alerts.
fn not_wanted(policy: &Policy, trigger: Trigger, category: Option<&str>, channel: Channel) -> Option<String> {
    let preference = preference::explicit(&policy.preferences, category)?;
    let wants = preference.wants;
    let whose = whose(preference);
    let no = |what: &str| Some(format!("{whose} says no {what}"));
    match channel {
        Channel::Email if !wants.email => no("email"),
        Channel::Email if wants.digest == Digest::Off && trigger == Trigger::Subscription => Some(format!("{whose} has the digest off")),
        Channel::Push if !wants.push => no("push"),
        Channel::InApp if !wants.in_app => no("in-app"),
        _ => None,
    }
}

fn whose(preference: &Preference) -> String {
    match &preference.category {
        Some(category) => format!("the user's preference for `{category}`"),
        None => "the user's default preference".to_owned(),
    }
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
