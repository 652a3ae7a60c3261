//! From the configuration's tables to providers.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchbell_channels::dispatch::{ChannelRoute, ProviderRoute};
use watchbell_core::contact::ContactKind;
use watchbell_core::contact_key::ContactKey;
use watchbell_core::network::Reach;
use watchbell_core::{Channel, Clock, Secret};
use watchbell_providers::kinds::{mattermost, teams, telegram, twilio, webhook, webpush};
use watchbell_providers::registry::{self, ProviderKind};
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

/// The first table of a kind that the channel uses, else the first there is, with its name.
fn first<K: ProviderKind>(config: &Config, channel: Channel) -> Option<(&str, &K)> {
    let used = config.channels.get(&channel).into_iter().flat_map(|channel| &channel.providers);
    let used = used.filter_map(|name| config.providers.get_key_value(name));
    used.chain(&config.providers).find_map(|(name, settings)| Some((name.as_str(), settings.get::<K>()?)))
}

/// The bot that chats are linked with.
pub fn telegram(config: &Config) -> Option<(&str, &telegram::Settings)> {
    first(config, Channel::Telegram)
}

/// What webhook contacts' own secrets are made from.
pub fn webhook_contact_key(config: &Config) -> Option<ContactKey> {
    first::<webhook::Settings>(config, Channel::Webhook)?.1.contact_key()
}

/// What callbacks may be signed with: of each Twilio account, by its table's name, the token, and the one before it.
pub fn twilio_tokens(config: &Config) -> BTreeMap<String, Vec<Secret>> {
    let tokens = |(name, settings): (&String, &ProviderSettings)| {
        let account = settings.get::<twilio::Settings>()?;
        Some((name.clone(), std::iter::once(account.auth_token.clone()).chain(account.previous_auth_token.clone()).collect()))
    };
    config.providers.iter().filter_map(tokens).collect()
}

/// Where contacts that are URLs may lead, by kind: all that one of the kind's providers calls.
pub fn contact_reach(config: &Config) -> BTreeMap<ContactKind, Reach> {
    let mut all: BTreeMap<ContactKind, Reach> = BTreeMap::new();
    for settings in config.providers.values() {
        let teams = settings.get::<teams::Settings>().map(|settings| (ContactKind::Teams, settings.reach()));
        let mattermost = settings.get::<mattermost::Settings>().map(|settings| (ContactKind::Mattermost, settings.reach()));
        let webhook = settings.get::<webhook::Settings>().map(|settings| (ContactKind::Webhook, settings.reach()));
        // What cannot be read was refused with the configuration.
        if let Some((kind, Ok(reach))) = teams.or(mattermost).or(webhook) {
            all.entry(kind).or_default().widen(&reach);
        }
    }
    all
}

/// Where browsers' push services may be.
pub fn push_reach(config: &Config) -> Reach {
    let browsers = config.providers.values().filter_map(|settings| settings.get::<webpush::Settings>()?.reach().ok());
    browsers.fold(Reach::default(), |mut all, reach| {
        all.widen(&reach);
        all
    })
}
