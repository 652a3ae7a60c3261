//! The gates that a step has to pass: what the user has switched off, and how often they want to be told.
//!
//! Gates are for events of a category. Only in-app has them for every event, since every subscription event goes there.

use watchbell_core::device::DeviceKind;
use watchbell_core::preference::{self, ChannelType, Digest};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, DeviceId, Reason};
use watchbell_store::facts::Policy;

/// Why the user does not want a step; None if nothing speaks against it.
pub fn refusal(policy: &Policy, trigger: Trigger, category: Option<&str>, channel: Channel, device: Option<DeviceId>) -> Option<Reason> {
    if category.is_none() && channel != Channel::InApp {
        return None;
    }
    let kind = device.and_then(|id| policy.devices.iter().find(|device| device.id == id)).map(|device| device.kind);
    switched_off(policy, category, channel, kind).or_else(|| not_wanted(policy, trigger, category, channel))
}

/// Notiflows: one switch that is off is enough.
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

/// Messaging: only a preference that was set explicitly counts against a rule. Alerts never go into a digest, so a digest that is
/// off does not stop them.
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

/// How often the user is told of a category by a channel. Only email can be collected into a digest; every other channel tells at
/// once.
pub fn cadence(policy: &Policy, category: Option<&str>, channel: Channel) -> Digest {
    if channel != Channel::Email || category.is_none() {
        return Digest::Instant;
    }
    preference::explicit(&policy.preferences, category).map_or(Digest::Instant, |preference| preference.wants.digest)
}

#[cfg(test)]
pub(crate) mod tests;
