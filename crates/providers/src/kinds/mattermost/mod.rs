//! Mattermost: incoming webhooks, each of which is a contact by itself, and what a bot with a token writes to: channels and users.
//!
//! Either way a message has buttons. A press comes from the server, unsigned; what proves it is the message's token, which stands in
//! the button's context and so never leaves the server.

mod bot;
mod classify;
mod inbound;
mod message;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use url::Url;
use watchbell_core::network::Reach;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret};

use crate::endpoint::{self, Endpoints};
use crate::inbound::Inbound;
use crate::provider::{AccountLimit, Address, Edit, EditOutcome, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};
use bot::Bot;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The bot's server, without `/api/v4`.
    #[serde(default)]
    pub base_url: String,
    /// The bot's access token, for contacts that are ids of channels or users. Without it only incoming webhooks are served.
    #[serde(default)]
    pub token: Secret,
    /// Whether webhooks may be at private addresses, as Mattermost servers often are.
    #[serde(default)]
    pub allow_private: bool,
    /// Networks in which webhooks may be, beside the public internet.
    #[serde(default)]
    pub allow_networks: Vec<String>,
}

impl Settings {
    /// Where webhooks may be.
    fn reach(&self) -> Result<Reach, SettingError> {
        endpoint::reach(self.allow_private, &self.allow_networks)
    }

    /// The bot's server, where there is a bot.
    fn server(&self) -> Result<Option<Url>, SettingError> {
        match (self.base_url.is_empty(), self.token.is_empty()) {
            (true, true) => Ok(None),
            (false, false) => {
                settings::token("token", self.token.expose())?;
                settings::base_url("base_url", &self.base_url).map(Some)
            }
            (true, false) => Err(SettingError::new("base_url", None, "must be given with token: where the bot's server is")),
            (false, true) => Err(SettingError::new("token", None, "must be given with base_url: the bot's access token")),
        }
    }
}

impl ProviderKind for Settings {
    const NAME: &'static str = "mattermost";
    const CHANNELS: &'static [Channel] = &[Channel::Mattermost];

    /// The servers are many, and say themselves what they take: their default is 10 requests a second.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 100.0, burst: 100, in_flight: 64, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        self.server()?;
        self.reach().map(|_| ())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let bot = self.server()?.map(|server| Bot::new(server, self.token.clone(), common)).transpose()?;
        Ok(Arc::new(Mattermost { name: name.to_owned(), endpoints: Endpoints::new(common, self.reach()?)?, bot }))
    }

    fn inbound(&self, _name: &str, _common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        Ok(Some(Arc::new(inbound::Clicks)))
    }

    fn contact_reach(&self) -> Option<Reach> {
        self.reach().ok()
    }
}

#[derive(Debug)]
struct Mattermost {
    /// Of its table: clicks come to `/callbacks/{name}`.
    name: String,
    endpoints: Endpoints,
    bot: Option<Bot>,
}

#[async_trait]
impl Provider for Mattermost {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Other(target) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        match &self.bot {
            _ if is_hook(target) => self.post_to_hook(target, message).await,
            Some(bot) => bot.post(target, message, message::of_bot(message, &self.name)).await,
            None => Report::new(Outcome::BadMessage, "no_token".to_owned()),
        }
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Other(target) if self.bot.is_some() || is_hook(target))
    }

    /// Webhooks are on servers of all kinds of people.
    fn is_one_service(&self) -> bool {
        false
    }

    async fn edit(&self, edit: &Edit) -> EditOutcome {
        match &self.bot {
            Some(bot) => bot.edit(edit).await,
            // A webhook does not say what its post is called.
            None => EditOutcome::Cannot,
        }
    }
}

impl Mattermost {
    async fn post_to_hook(&self, url: &Secret, message: &Outgoing) -> Report {
        let body = message::of_hook(message, &self.name);
        match self.endpoints.post(url.expose(), message, |request| request.json(&body)).await {
            Ok(answer) => classify::hooked(&answer, message.now),
            Err(report) => report,
        }
    }
}

fn is_hook(target: &Secret) -> bool {
    target.expose().contains("://")
}
