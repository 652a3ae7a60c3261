//! From the configuration's tables to providers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use watchbell_channels::dispatch::{ChannelRoute, ProviderRoute};
use watchbell_channels::in_app::CanaryMetrics;
use watchbell_core::contact::ContactKind;
use watchbell_core::contact_key::ContactKey;
use watchbell_core::network::Reach;
use watchbell_core::{Channel, Clock};
use watchbell_providers::inbound::{ChatLink, Inbound};
use watchbell_providers::provider::Provider;
use watchbell_providers::registry;
use watchbell_store::Store;

use super::Error;
use crate::config::{Config, ProviderSettings, unserved};

/// Providers by their tables' names.
pub type Providers = BTreeMap<String, Arc<dyn Provider>>;

/// Makes every provider.
pub fn build(config: &Config, clock: &Arc<dyn Clock>) -> Result<Providers, Error> {
    let build = |(name, settings): (&String, &ProviderSettings)| {
        let provider =
            registry::build(name, settings, clock.clone()).map_err(|error| Error::Setting { table: format!("providers.{name}"), error })?;
        Ok((name.clone(), provider))
    };
    config.providers.iter().map(build).collect()
}

/// Every channel with its providers.
pub fn routes(config: &Config, providers: &Providers) -> Vec<ChannelRoute> {
    let channels = config.channels.iter().filter(|(channel, _)| **channel != Channel::InApp);
    channels.map(|(channel, settings)| channel_route(config, providers, *channel, settings.providers.iter())).collect()
}

/// Every channel with all providers that could serve it, also those that it does not use: what can be tried.
pub fn trial_routes(config: &Config, providers: &Providers) -> Vec<ChannelRoute> {
    let route = |channel: &Channel| {
        let able = config.providers.iter().filter(|(_, settings)| settings.validate_channel(*channel).is_ok());
        channel_route(config, providers, *channel, able.map(|(name, _)| name))
    };
    config.channels.keys().filter(|channel| **channel != Channel::InApp).map(route).collect()
}

fn channel_route<'a>(config: &Config, providers: &Providers, channel: Channel, names: impl Iterator<Item = &'a String>) -> ChannelRoute {
    let of_channel = config.channels.get(&channel);
    let route = |name: &String| {
        Some(ProviderRoute {
            name: name.clone(),
            provider: providers.get(name)?.clone(),
            limit: config.providers.get(name)?.account_limit(channel),
            settings: of_channel.and_then(|settings| settings.routes.get(name)).cloned().unwrap_or_default(),
        })
    };
    let on_unknown = of_channel.map(|settings| settings.on_unknown).unwrap_or_default();
    let receipt_after = of_channel.map(|settings| settings.receipt_after_s).filter(|seconds| *seconds > 0);
    ChannelRoute {
        countries: of_channel.map(|settings| settings.countries.clone()).unwrap_or_default(),
        receipt_after: receipt_after.map(|seconds| Duration::from_secs(u64::from(seconds))),
        ..ChannelRoute::new(channel, names.filter_map(route).collect(), on_unknown)
    }
}

/// The inbox, which no configuration has to name.
pub fn in_app(config: &Config, store: &Arc<dyn Store>, canary: CanaryMetrics) -> ChannelRoute {
    let on_unknown = config.channels.get(&Channel::InApp).map(|settings| settings.on_unknown).unwrap_or_default();
    watchbell_channels::in_app::route(store.clone(), on_unknown, canary)
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
        let inbound = settings.inbound(name).map_err(|error| Error::Setting { table: format!("providers.{name}"), error })?;
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

/// What browsers subscribe to push messages with.
pub fn push_key(config: &Config) -> Option<String> {
    first(config, Channel::Push, ProviderSettings::push_key)
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
