//! Slack: `chat.postMessage` with a bot's token, to a channel or a member; and incoming webhooks, which are a contact's own.
//!
//! Incoming webhooks all are at one host, which a setting names, and of a contact's webhook only the path is used. So no
//! contact can lead a call anywhere else, and the guard for users' servers is not needed here.

mod classify;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use watchbell_core::contact::SLACK_HOOKS;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret};

use crate::http::{self, Http};
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};

/// A text in a block, in characters.
const LONGEST_TEXT: usize = 3_000;

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
        if self.token.is_empty() { Ok(()) } else { settings::token("token", self.token.expose()) }
    }

    fn exposed(&self) -> Vec<SettingError> {
        let base = settings::exposed_by("base_url", &self.base_url).filter(|_| !self.token.is_empty());
        base.into_iter().chain(settings::exposed_by("hooks_url", &self.hooks_url)).collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = settings::base_url("base_url", &self.base_url)?;
        Ok(Arc::new(Slack {
            http: Http::new(common)?,
            url: http::join(&base, &["chat.postMessage"]),
            hooks: settings::base_url("hooks_url", &self.hooks_url)?,
            token: Some(self.token.clone()).filter(|token| !token.is_empty()),
        }))
    }
}

#[derive(Debug)]
struct Slack {
    http: Http,
    /// Of `chat.postMessage`.
    url: Url,
    hooks: Url,
    token: Option<Secret>,
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
}

/// The path of an incoming webhook: team, configuration and secret.
fn hook(target: &Secret) -> Option<&str> {
    target.expose().strip_prefix(SLACK_HOOKS)
}

impl Slack {
    async fn post_message(&self, token: &Secret, channel: &Secret, message: &Outgoing) -> Report {
        let mut body = body(message);
        body["channel"] = json!(channel.expose());
        match self.http.hand_over(message, self.http.post(&self.url).bearer_auth(token.expose()).json(&body)).await {
            Ok(answer) => classify::posted(&answer, message.now),
            Err(report) => report,
        }
    }

    async fn post_to_hook(&self, path: &str, message: &Outgoing) -> Report {
        let segments: Vec<&str> = std::iter::once("services").chain(path.split('/')).collect();
        let url = http::join(&self.hooks, &segments);
        match self.http.hand_over(message, self.http.post(&url).json(&body(message))).await {
            Ok(answer) => classify::hooked(&answer, message.now),
            Err(report) => report,
        }
    }
}

/// The text in a block, in which nothing is markup, and for notifications, which show no blocks, by itself.
fn body(message: &Outgoing) -> Value {
    let content = &message.content;
    let text = escape(&content.text.fit(|text| escape(text).chars().count() <= LONGEST_TEXT));
    let mut blocks = vec![json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}})];
    if let Some(url) = &content.url {
        let link = format!("<{}|{}>", escape(&url.replace('|', "%7C")), escape(&content.open));
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": link, "verbatim": true}}));
    }
    // The alert's page would be unfurled as a login page.
    json!({"text": text, "mrkdwn": false, "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// Slack's three control characters: with them no text of an event can mention `<!channel>` or hide where a link leads.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
