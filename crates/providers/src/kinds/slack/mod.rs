//! Slack: `chat.postMessage` with a bot's token, to a channel or a member; and incoming webhooks, which are a contact's own.
//!
//! A bot's message has buttons, where their presses can be heard: by calls that are signed with the app's signing secret, or, where
//! Slack cannot call this server, over a socket that is opened with the app's token.
//!
//! Incoming webhooks all are at one host, which a setting names, and of a contact's webhook only the path is used. So no
//! contact can lead a call anywhere else, and the guard for users' servers is not needed here.

mod classify;
mod inbound;
mod message;
mod signature;
mod socket;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use url::Url;
use watchbell_core::contact::SLACK_HOOKS;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret};

use crate::http::{self, Http};
use crate::inbound::Inbound;
use crate::provider::{AccountLimit, Address, Edit, EditOutcome, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where incoming webhooks are: the scheme and host of contacts' `https://hooks.slack.com/services/…` are replaced by it.
    #[serde(default = "default_hooks_url")]
    pub hooks_url: String,
    /// A bot's token (`xoxb-…`) with the scope `chat:write`. Without it only incoming webhooks are served.
    #[serde(default)]
    pub token: Secret,
    /// What the app's interactions are signed with; they come to `/callbacks/{table}`.
    #[serde(default)]
    pub signing_secret: Secret,
    /// An app's token (`xapp-…`) with the scope `connections:write`: interactions come over a socket where they cannot be called with.
    #[serde(default)]
    pub app_token: Secret,
}

fn default_base_url() -> String {
    "https://slack.com/api".to_owned()
}

fn default_hooks_url() -> String {
    "https://hooks.slack.com".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "slack";
    const CHANNELS: &'static [Channel] = &[Channel::Slack];

    /// Slack names no figure for all channels together ("several hundred messages a minute" for a workspace).
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 10.0, burst: 20, in_flight: 32, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        settings::base_url("hooks_url", &self.hooks_url)?;
        for (key, secret) in [("token", &self.token), ("signing_secret", &self.signing_secret), ("app_token", &self.app_token)] {
            if !secret.is_empty() {
                settings::token(key, secret.expose())?;
            }
        }
        if !self.app_token.is_empty() && !self.app_token.expose().starts_with("xapp-") {
            return Err(SettingError::new(
                "app_token",
                None,
                "must be an app-level token, which begins with xapp-; a bot's (xoxb-) is `token`",
            ));
        }
        Ok(())
    }

    fn exposed(&self) -> Vec<SettingError> {
        let has_secret = !self.token.is_empty() || !self.app_token.is_empty();
        let base = settings::exposed_by("base_url", &self.base_url).filter(|_| has_secret);
        base.into_iter().chain(settings::exposed_by("hooks_url", &self.hooks_url)).collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = settings::base_url("base_url", &self.base_url)?;
        Ok(Arc::new(Slack {
            http: Http::new(common)?,
            post: http::join(&base, &["chat.postMessage"]),
            update: http::join(&base, &["chat.update"]),
            hooks: settings::base_url("hooks_url", &self.hooks_url)?,
            token: Some(self.token.clone()).filter(|token| !token.is_empty()),
            has_signature: !self.signing_secret.is_empty(),
            has_socket: !self.app_token.is_empty(),
        }))
    }

    fn inbound(&self, _name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        if self.signing_secret.is_empty() && self.app_token.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(inbound::Interactions::new(self, common)?)))
    }
}

#[derive(Debug)]
struct Slack {
    http: Http,
    /// Of `chat.postMessage`, and of `chat.update`.
    post: Url,
    update: Url,
    hooks: Url,
    token: Option<Secret>,
    has_signature: bool,
    has_socket: bool,
}

#[async_trait]
impl Provider for Slack {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Other(target) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        match (hook(target), &self.token) {
            (Some(path), _) => self.post_to_hook(path, message).await,
            (None, Some(token)) => self.post_message(token, target, message).await,
            (None, None) => Report::new(Outcome::BadMessage, "no_token".to_owned()),
        }
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Other(target) if self.token.is_some() || hook(target).is_some())
    }

    async fn edit(&self, edit: &Edit) -> EditOutcome {
        let (Some(token), Some((channel, ts))) = (&self.token, edit.message_id.split_once(':')) else { return EditOutcome::Cannot };
        let mut body = message::edited(&edit.content, &edit.note);
        body["channel"] = json!(channel);
        body["ts"] = json!(ts);
        match self.http.call(self.http.post(&self.update).bearer_auth(token.expose()).json(&body)).await {
            Ok(answer) => classify::edited(&answer, edit.now),
            Err(report) => EditOutcome::Failed(report),
        }
    }
}

/// The path of an incoming webhook: team, configuration and secret.
fn hook(target: &Secret) -> Option<&str> {
    target.expose().strip_prefix(SLACK_HOOKS)
}

impl Slack {
    async fn post_message(&self, token: &Secret, channel: &Secret, message: &Outgoing) -> Report {
        let is_heard = self.has_socket || (self.has_signature && message.callback_base.is_some());
        let mut body = message::body(message, is_heard);
        body["channel"] = json!(channel.expose());
        match self.http.hand_over(message, self.http.post(&self.post).bearer_auth(token.expose()).json(&body)).await {
            Ok(answer) => classify::posted(&answer, message.now),
            Err(report) => report,
        }
    }

    async fn post_to_hook(&self, path: &str, message: &Outgoing) -> Report {
        let segments: Vec<&str> = std::iter::once("services").chain(path.split('/')).collect();
        let url = http::join(&self.hooks, &segments);
        // The app that made the webhook need not be the one whose interactions come here.
        let body = message::body(message, false);
        match self.http.hand_over(message, self.http.post(&url).json(&body)).await {
            Ok(answer) => classify::hooked(&answer, message.now),
            Err(report) => report,
        }
    }
}
