//! Telegram's Bot API: one `sendMessage` a message, with buttons by which it is answered, and updates that say what people did.
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

use crate::fit::cut;
use crate::http::{self, Answer, Http};
use crate::inbound::{Action, ChatLink, Inbound};
use crate::provider::{AccountLimit, Address, AnswerOffer, Content, Edit, EditOutcome, Outgoing, Provider};
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
        let bot = Secret::new(http::join(&base, &[&format!("bot{}", self.token.expose())]));
        Ok(Arc::new(Telegram { http: Http::new(common)?, bot }))
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
    /// What methods' names come after; the token is in it.
    bot: Secret,
}

#[async_trait]
impl Provider for Telegram {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Telegram(chat) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let mut request = Sending { chat: chat.clone(), with_link: true };
        let mut moved_to = None;
        // Each of the two corrections is made once at most: the group's new id, and the link's button left out.
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
                Verdict::BadButton if request.with_link => request.with_link = false,
                Verdict::MovedTo(_) | Verdict::BadButton => {
                    return Report { moved_to, ..Report::new(Outcome::BadMessage, format!("http_{}", answer.status)) };
                }
                Verdict::Done(report) => return Report { moved_to, ..report },
            }
        }
    }

    async fn edit(&self, edit: &Edit) -> EditOutcome {
        let (Address::Telegram(chat), Ok(message)) = (&edit.to, edit.message_id.parse::<i64>()) else { return EditOutcome::Cannot };
        let mut with_link = true;
        loop {
            let body = edited(chat, message, edit, with_link);
            let Ok(url) = self.method("editMessageText") else { return EditOutcome::Cannot };
            let answer = match self.http.call(self.http.post(&url).json(&body)).await {
                Ok(answer) => answer,
                Err(report) => return EditOutcome::Failed(report),
            };
            match classify::edited(&answer, edit.now) {
                Some(outcome) => return outcome,
                None if with_link => with_link = false,
                None => return EditOutcome::Cannot,
            }
        }
    }
}

struct Sending {
    chat: String,
    with_link: bool,
}

impl Telegram {
    async fn call(&self, request: &Sending, message: &Outgoing) -> Result<Answer, Report> {
        let url = self.method("sendMessage")?;
        self.http.hand_over(message, self.http.post(&url).json(&body(request, message))).await
    }

    fn method(&self, name: &str) -> Result<Url, Report> {
        let bot = Url::parse(self.bot.expose()).map_err(|_| Report::new(Outcome::ProviderDown, "request".to_owned()))?;
        Ok(http::join(&bot, &[name]))
    }
}

fn body(request: &Sending, message: &Outgoing) -> Value {
    let content = &message.content;
    let mut body = json!({
        "chat_id": chat_id(&request.chat),
        "text": content.text.fit(|text| text.encode_utf16().count() <= LONGEST_TEXT),
        // The alert's page is opened by its button; a preview of it would only be a login page.
        "link_preview_options": {"is_disabled": true},
    });
    let rows: Vec<Value> = message.answer.as_ref().map(buttons).into_iter().flatten().chain(link(content, request.with_link)).collect();
    if !rows.is_empty() {
        body["reply_markup"] = json!({ "inline_keyboard": rows });
    }
    body
}

/// The same without buttons, under what came of it.
fn edited(chat: &str, message: i64, edit: &Edit, with_link: bool) -> Value {
    let note = cut(&edit.note, LONGEST_TEXT / 4);
    let with_note = |text: &str| format!("{note}\n\n{text}");
    let text = edit.content.text.fit(|text| with_note(text).encode_utf16().count() <= LONGEST_TEXT);
    json!({
        "chat_id": chat_id(chat),
        "message_id": message,
        "text": with_note(&text),
        "link_preview_options": {"is_disabled": true},
        "reply_markup": {"inline_keyboard": link(&edit.content, with_link).into_iter().collect::<Vec<_>>()},
    })
}

fn chat_id(chat: &str) -> Value {
    chat.parse::<i64>().map_or_else(|_| json!(chat), |number| json!(number))
}

fn link(content: &Content, is_wanted: bool) -> Option<Value> {
    let url = content.url.as_deref().filter(|_| is_wanted)?;
    Some(json!([{"text": content.open, "url": url}]))
}

/// The first row is the answer that is hoped for.
fn buttons(offer: &AnswerOffer) -> [Value; 2] {
    // `callback_data` may have 64 bytes.
    let button = |action, label: &str| json!({"text": cut(label, LONGEST_LABEL), "callback_data": offer.button(action)});
    let mut accept = button(Action::Accept, &offer.accept);
    accept["style"] = json!("success");
    [json!([accept]), json!([button(Action::Resolve, &offer.resolve), button(Action::Decline, &offer.decline)])]
}

/// What a button is called, in characters: no figure of Telegram's, but more is not shown.
const LONGEST_LABEL: usize = 40;
