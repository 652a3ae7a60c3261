//! Telegram's Bot API: one `sendMessage` a message, and updates that link chats.
//!
//! The bot's token is part of the URL, so no URL of this module may reach a log or an error; [`crate::http`] drops them.
//! The text goes as plain text, without `parse_mode`: what an alert says is never taken for markup, and cannot fail as such.

mod classify;
mod inbound;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret};

use crate::http::{self, Answer, Http};
use crate::inbound::{ChatLink, Inbound};
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};
use classify::{Verdict, classify};

/// `text` of `sendMessage`, in UTF-16 units, as Telegram counts.
const LONGEST_TEXT: usize = 4096;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// As the BotFather gave it: `123456:ABC…`.
    pub token: Secret,
    /// Without the `@`; users open `https://t.me/{bot_name}?start=…` to link their chat.
    pub bot_name: String,
    /// What Telegram sends with every update as `X-Telegram-Bot-Api-Secret-Token`; without it updates are polled.
    #[serde(default)]
    pub webhook_secret: Secret,
}

fn default_base_url() -> String {
    "https://api.telegram.org".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "telegram";
    const CHANNELS: &'static [Channel] = &[Channel::Telegram];

    /// 30 messages a second over all chats, says the Bot FAQ.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 30.0, burst: 30, in_flight: 64, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        settings::token("token", self.token.expose())?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.bot_name.is_empty() || !self.bot_name.chars().all(is_name) {
            let right = "must be the bot's user name without @: letters, digits and _";
            return Err(SettingError::new("bot_name", self.bot_name.clone(), right));
        }
        let secret = self.webhook_secret.expose();
        if secret.len() > 256 || !secret.chars().all(|c| is_name(c) || c == '-') {
            return Err(SettingError::new("webhook_secret", None, "must be at most 256 letters, digits, _ and -"));
        }
        Ok(())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = settings::base_url("base_url", &self.base_url)?;
        let bot = format!("bot{}", self.token.expose());
        let url = Secret::new(http::join(&base, &[&bot, "sendMessage"]));
        Ok(Arc::new(Telegram { http: Http::new(common)?, url }))
    }

    fn inbound(&self, _name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        Ok(Some(Arc::new(inbound::Updates::new(self, common)?)))
    }

    fn chat_link(&self) -> Option<ChatLink> {
        Some(ChatLink::new(format!("https://t.me/{}?start=", self.bot_name)))
    }
}

#[derive(Debug)]
struct Telegram {
    http: Http,
    /// Of `sendMessage`; the token is in it.
    url: Secret,
}

#[async_trait]
impl Provider for Telegram {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Telegram(chat) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let mut request = Request { chat: chat.clone(), with_button: true };
        let mut moved_to = None;
        // Each of the two corrections is made once at most: the group's new id, and the button left out.
        loop {
            let answer = match self.call(&request, message).await {
                Ok(answer) => answer,
                Err(report) => return Report { moved_to, ..report },
            };
            match classify(&answer, message.now) {
                Verdict::MovedTo(chat) if moved_to.is_none() => {
                    request.chat.clone_from(&chat);
                    moved_to = Some(chat);
                }
                Verdict::BadButton if request.with_button => request.with_button = false,
                Verdict::MovedTo(_) | Verdict::BadButton => {
                    return Report { moved_to, ..Report::new(Outcome::BadMessage, format!("http_{}", answer.status)) };
                }
                Verdict::Done(report) => return Report { moved_to, ..report },
            }
        }
    }
}

struct Request {
    chat: String,
    with_button: bool,
}

impl Telegram {
    async fn call(&self, request: &Request, message: &Outgoing) -> Result<Answer, Report> {
        let url = Url::parse(self.url.expose()).map_err(|_| Report::new(Outcome::ProviderDown, "request".to_owned()))?;
        self.http.hand_over(message, self.http.post(&url).json(&body(request, message))).await
    }
}

fn body(request: &Request, message: &Outgoing) -> Value {
    let mut body = json!({
        "chat_id": request.chat.parse::<i64>().map_or_else(|_| json!(request.chat), |number| json!(number)),
        "text": message.content.text.fit(|text| text.encode_utf16().count() <= LONGEST_TEXT),
        // The alert's page is opened by its button; a preview of it would only be a login page.
        "link_preview_options": {"is_disabled": true},
    });
    if let Some(url) = message.content.url.as_deref().filter(|_| request.with_button) {
        body["reply_markup"] = json!({"inline_keyboard": [[{"text": message.content.open, "url": url}]]});
    }
    body
}
