//! From the configuration's tables to providers.

use std::sync::Arc;

use watchbell_channels::dispatch::{ChannelRoute, ProviderRoute};
use watchbell_channels::providers::{telegram, twilio};
use watchbell_channels::registry;
use watchbell_core::{Channel, Clock, Secret};

use super::Error;
use crate::config::{Config, unserved};

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

/// The bot that chats are linked with: the first one that a channel uses, else the first there is.
pub fn telegram(config: &Config) -> Option<&telegram::Settings> {
    let used = config.channels.get(&Channel::Telegram).into_iter().flat_map(|channel| &channel.providers);
    let used = used.filter_map(|name| config.providers.get(name));
    used.chain(config.providers.values()).find_map(|settings| settings.get::<telegram::Settings>())
}

/// What callbacks may be signed with: of every Twilio account the token, and the one before it.
pub fn twilio_tokens(config: &Config) -> Vec<Secret> {
    let accounts = config.providers.values().filter_map(|settings| settings.get::<twilio::Settings>());
    accounts.flat_map(|account| std::iter::once(account.auth_token.clone()).chain(account.previous_auth_token.clone())).collect()
}
