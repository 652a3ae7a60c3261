//! From the configuration's tables to providers.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchbell_channels::dispatch::{ChannelRoute, ProviderRoute};
use watchbell_core::contact::ContactKind;
use watchbell_core::contact_key::ContactKey;
use watchbell_core::network::Reach;
use watchbell_core::{Channel, Clock};
use watchbell_providers::inbound::{ChatLink, Inbound};
use watchbell_providers::registry;
use watchbell_store::Store;

use super::Error;
use crate::config::{Config, ProviderSettings, unserved};

/// Every channel with its providers.
pub fn routes(config: &Config, clock: &Arc<dyn Clock>) -> Result<Vec<ChannelRoute>, Error> {
    let mut built = std::collections::BTreeMap::new();
    for (name, settings) in &config.providers {
        let provider = registry::build(name, settings, clock.clone()).map_err(|error| Error::Provider { provider: name.clone(), error })?;
        built.insert(name, provider);
    }
    let route = |channel: Channel, name: &String| {
        let settings = config.providers.get(name)?;
        Some(ProviderRoute { name: name.clone(), provider: built.get(name)?.clone(), limit: settings.account_limit(channel) })
    };
    let routes = config.channels.iter().filter(|(channel, _)| **channel != Channel::InApp).map(|(channel, settings)| ChannelRoute {
        channel: *channel,
        providers: settings.providers.iter().filter_map(|name| route(*channel, name)).collect(),
        on_unknown: settings.on_unknown,
    });
    Ok(routes.collect())
}

/// The inbox, which no configuration has to name.
pub fn in_app(config: &Config, store: &Arc<dyn Store>) -> ChannelRoute {
    let on_unknown = config.channels.get(&Channel::InApp).map(|settings| settings.on_unknown).unwrap_or_default();
    watchbell_channels::in_app::route(store.clone(), on_unknown)
}

/// Says at start what cannot be sent.
pub fn say_what_is_missing(config: &Config) {
    let unserved = unserved(&config.channels);
    if !unserved.is_empty() {
        let channels = watchbell_core::channel::join(&unserved);
        tracing::warn!(channels, "no provider serves these channels: what is due on them fails, and the user's next step takes over");
    }
}

/// Tells of secrets that others on the way can read.
pub fn say_what_is_exposed(config: &Config) {
    for (provider, error) in config.exposed() {
        tracing::warn!(provider, setting = error.key, "{}", error.wrong);
    }
}

/// Who reads what the providers say, by their tables' names.
pub fn inbound(config: &Config) -> Result<BTreeMap<String, Arc<dyn Inbound>>, Error> {
    let mut all = BTreeMap::new();
    for (name, settings) in &config.providers {
        let inbound = settings.inbound(name).map_err(|error| Error::Provider { provider: name.clone(), error })?;
        all.extend(inbound.map(|inbound| (name.clone(), inbound)));
    }
    Ok(all)
}

/// The first answer of the providers that serve a channel: those that it uses in their order, then the others.
fn first<T>(config: &Config, channel: Channel, ask: impl Fn(&ProviderSettings) -> Option<T>) -> Option<T> {
    let used = config.channels.get(&channel).into_iter().flat_map(|channel| &channel.providers);
    let used = used.filter_map(|name| config.providers.get(name));
    used.chain(config.providers.values()).filter(|settings| settings.serves(channel)).find_map(ask)
}

/// How users link a chat.
pub fn chat_link(config: &Config) -> Option<ChatLink> {
    first(config, Channel::Telegram, ProviderSettings::chat_link)
}

/// What contacts' own signing secrets are made from, by kind.
pub fn contact_keys(config: &Config) -> BTreeMap<ContactKind, ContactKey> {
    let key = |channel: &Channel| Some((ContactKind::for_channel(*channel)?, first(config, *channel, ProviderSettings::contact_key)?));
    Channel::ALL.iter().filter_map(key).collect()
}

/// Where contacts that are URLs may lead, by kind: all that one of the kind's providers calls.
pub fn contact_reach(config: &Config) -> BTreeMap<ContactKind, Reach> {
    Channel::ALL.iter().filter_map(|channel| Some((ContactKind::for_channel(*channel)?, reach(config, *channel)?))).collect()
}

/// Where browsers' push services may be.
pub fn push_reach(config: &Config) -> Reach {
    reach(config, Channel::Push).unwrap_or_default()
}

/// All that one of a channel's providers calls; None where users name no servers.
fn reach(config: &Config, channel: Channel) -> Option<Reach> {
    let serving = config.providers.values().filter(|settings| settings.serves(channel));
    serving.filter_map(ProviderSettings::contact_reach).reduce(|mut all, reach| {
        all.widen(&reach);
        all
    })
}
