//! `[channels.…]`: which providers serve a channel.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use watchbell_channels::settings::OnUnknown;
use watchbell_core::Channel;

/// One channel's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// Names of `[providers.…]`, the preferred first.
    #[serde(default)]
    pub providers: Vec<String>,
    /// What to do when a request was written and no answer came.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// The channels that no provider serves; in-app messages need none.
pub fn unserved(channels: &BTreeMap<Channel, ChannelSettings>) -> Vec<Channel> {
    let unserved = channels.iter().filter(|(channel, settings)| **channel != Channel::InApp && settings.providers.is_empty());
    unserved.map(|(channel, _)| *channel).collect()
}

/// A channel's name as the key of a table. Read as a text, so that an error can name the key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(Channel);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let names: Vec<_> = Channel::ALL.iter().map(|channel| format!("`{channel}`")).collect();
        // In the words of serde, as for any other unknown key.
        let unknown = |_| serde::de::Error::custom(format_args!("unknown field `{text}`, expected one of {}", names.join(", ")));
        text.parse().map(Self).map_err(unknown)
    }
}

/// Reads a table whose keys are channels.
pub fn by_channel<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<BTreeMap<Channel, T>, D::Error> {
    let table = BTreeMap::<Name, T>::deserialize(from)?;
    Ok(table.into_iter().map(|(Name(channel), value)| (channel, value)).collect())
}
