//! Every kind of provider there is.
//!
//! A new one is a definition file in `definitions/`, or a file in `kinds/` whose settings implement [`ProviderKind`], and one line
//! in `kinds/mod.rs`.
//! Nothing else names a kind: the configuration, the commands and the workers ask here.

use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use watchbell_core::contact_key::ContactKey;
use watchbell_core::network::Reach;
use watchbell_core::{Channel, Clock};

use crate::definition::{Defined, Definition};
use crate::inbound::{ChatLink, Inbound};
use crate::provider::{AccountLimit, Provider};
use crate::settings::{CommonSettings, Configured, ProviderSettings, SettingError, from_table};

/// What a kind of provider is; its settings implement it.
pub trait ProviderKind: DeserializeOwned + fmt::Debug + Send + Sync + 'static {
    /// As the configuration writes it: `kind = "…"`.
    const NAME: &'static str;
    /// What it can deliver.
    const CHANNELS: &'static [Channel];

    /// What the service allows an account on a channel, unless the settings say otherwise. The timeout is the settings'.
    fn limit(channel: Channel) -> AccountLimit;

    /// Whether the settings can be used, files included.
    fn check(&self, common: &CommonSettings) -> Result<(), SettingError>;

    /// Whether it can deliver on one of its channels with just these settings; the error names the key that is missing.
    fn check_channel(&self, _channel: Channel) -> Result<(), SettingError> {
        Ok(())
    }

    /// Secrets that these settings send in the clear to where others can read them: each the key, the value, and what would be
    /// right.
    fn exposed(&self) -> Vec<SettingError> {
        Vec::new()
    }

    /// Makes the provider. `name` is its table's; callbacks come to `/callbacks/{name}`.
    fn build(&self, name: &str, common: &CommonSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError>;

    /// Makes what reads what the provider says; None where it says nothing.
    fn inbound(&self, _name: &str, _common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        Ok(None)
    }

    /// Where addresses that users name may lead; None where only the service's own are called.
    fn contact_reach(&self) -> Option<Reach> {
        None
    }

    /// What contacts' own signing secrets are made from, where they have any.
    fn contact_key(&self) -> Option<ContactKey> {
        None
    }

    /// How users link a chat, where they do it by opening a link.
    fn chat_link(&self) -> Option<ChatLink> {
        None
    }

    /// What browsers subscribe to push messages with, where they do.
    fn push_key(&self) -> Option<String> {
        None
    }
}

impl<K: ProviderKind> Configured for K {
    fn channels(&self) -> &'static [Channel] {
        K::CHANNELS
    }

    fn service(&self) -> Option<&str> {
        None
    }

    fn limit(&self, channel: Channel) -> AccountLimit {
        K::limit(channel)
    }

    fn check(&self, common: &CommonSettings) -> Result<(), SettingError> {
        ProviderKind::check(self, common)
    }

    fn check_channel(&self, channel: Channel) -> Result<(), SettingError> {
        ProviderKind::check_channel(self, channel)
    }

    fn exposed(&self) -> Vec<SettingError> {
        ProviderKind::exposed(self)
    }

    fn build(&self, name: &str, common: &CommonSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        ProviderKind::build(self, name, common, clock)
    }

    fn inbound(&self, name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        ProviderKind::inbound(self, name, common)
    }

    fn contact_reach(&self) -> Option<Reach> {
        ProviderKind::contact_reach(self)
    }

    fn contact_key(&self) -> Option<ContactKey> {
        ProviderKind::contact_key(self)
    }

    fn chat_link(&self) -> Option<ChatLink> {
        ProviderKind::chat_link(self)
    }

    fn push_key(&self) -> Option<String> {
        ProviderKind::push_key(self)
    }
}

type Read = fn(Map<String, Value>) -> Result<Arc<dyn Configured>, SettingError>;

/// A kind's entry.
pub struct Kind {
    pub name: &'static str,
    source: Source,
}

/// Where a kind's behaviour is.
enum Source {
    /// In Rust.
    Code { channels: &'static [Channel], read: Read },
    /// In a definition file that is compiled in; it is read when it is first asked for.
    Data(LazyLock<Arc<Definition>>),
}

impl Kind {
    pub(crate) const fn of<K: ProviderKind>() -> Self {
        let source = Source::Code { channels: K::CHANNELS, read: |table| Ok(Arc::new(from_table::<K>(table)?)) };
        Self { name: K::NAME, source }
    }

    /// A definition that is compiled in.
    pub(crate) const fn defined(name: &'static str, definition: fn() -> Arc<Definition>) -> Self {
        Self { name, source: Source::Data(LazyLock::new(definition)) }
    }

    /// The kind whose definitions are operators' own files, which may serve any channel.
    pub(crate) const fn own(name: &'static str) -> Self {
        let source = Source::Code { channels: Channel::ALL, read: |table| Ok(Arc::new(Defined::read_own(table)?)) };
        Self { name, source }
    }

    /// What it can deliver.
    pub fn channels(&self) -> &'static [Channel] {
        match &self.source {
            Source::Code { channels, .. } => channels,
            Source::Data(definition) => definition.channels(),
        }
    }

    pub fn serves(&self, channel: Channel) -> bool {
        self.channels().contains(&channel)
    }

    pub(crate) fn read(&self, table: Map<String, Value>) -> Result<Arc<dyn Configured>, SettingError> {
        match &self.source {
            Source::Code { read, .. } => read(table),
            Source::Data(definition) => Ok(Arc::new(Defined::read(Arc::clone(definition), table)?)),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All kinds, in the order in which the documentation lists them.
pub fn kinds() -> &'static [Kind] {
    &crate::kinds::KINDS
}

pub fn kind(name: &str) -> Option<&'static Kind> {
    kinds().iter().find(|kind| kind.name == name)
}

/// The kinds that can serve a channel, for the message that a channel's provider cannot.
pub fn kinds_for(channel: Channel) -> impl Iterator<Item = &'static Kind> {
    kinds().iter().filter(move |kind| kind.serves(channel))
}

/// Makes the provider of the table `[providers.{name}]`.
pub fn build(name: &str, settings: &ProviderSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
    settings.build(name, clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_six_channels_of_the_main_job_are_served() {
        let mut names: Vec<_> = kinds().iter().map(|kind| kind.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), kinds().len());
        for channel in [Channel::Email, Channel::Sms, Channel::Voice, Channel::Push, Channel::Whatsapp, Channel::Telegram] {
            assert!(kinds_for(channel).any(|kind| kind.name != "sandbox"), "{channel}");
        }
        assert_eq!(kind("sandbox").map(Kind::channels), Some(Channel::ALL));
    }
}
