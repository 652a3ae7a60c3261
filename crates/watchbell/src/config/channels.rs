//! `[channels.…]`: which providers serve a channel.

use std::collections::BTreeMap;
use std::sync::LazyLock;

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

/// What a table by channel may have for keys.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| Channel::ALL.iter().map(|channel| channel.as_str()).collect());

/// A channel's name as the key of a table. Read as a text, so that an error can name the key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(Channel);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(|_| serde::de::Error::unknown_field(&text, &NAMES))
    }
}

/// Reads a table whose keys are channels.
pub fn by_channel<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<BTreeMap<Channel, T>, D::Error> {
    let table = BTreeMap::<Name, T>::deserialize(from)?;
    Ok(table.into_iter().map(|(Name(channel), value)| (channel, value)).collect())
}
