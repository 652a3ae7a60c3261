//! Google Chat: a contact is a space's webhook.
//!
//! All webhooks are at one host, which a setting names, and of a contact's only space, key and token are used. A card has links, one
//! of them to the page on which the alert is answered; messages about one alert are one thread. What a webhook sent cannot be changed.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use watchbell_core::contact::GOOGLE_CHAT_SPACES;
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Channel, Clock, Timestamp};

use crate::fit::cut;
use crate::http::{self, Answer, Http};
use crate::markup;
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};
use crate::thread;

/// A whole message with cards, in bytes.
const LARGEST_MESSAGE: usize = 32_000;
/// What is shown of a subject, in characters: no figure of Google's.
const LONGEST_SUBJECT: usize = 300;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://chat.googleapis.com/v1".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "google_chat";
    const CHANNELS: &'static [Channel] = &[Channel::GoogleChat];

    /// Google limits each space; this is a guard for Watchbell's own sake.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 50.0, burst: 50, in_flight: 32, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url).map(|_| ())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(GoogleChat { http: Http::new(common)?, base: settings::base_url("base_url", &self.base_url)? }))
    }
}

#[derive(Debug)]
struct GoogleChat {
    http: Http,
    base: Url,
}

#[async_trait]
impl Provider for GoogleChat {
    async fn send(&self, message: &Outgoing) -> Report {
        let Some(url) = self.url(&message.to) else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        match self.http.hand_over(message, self.http.post(&url).json(&body(message))).await {
            Ok(answer) => classify(&answer, message.now),
            Err(report) => report,
        }
    }

    fn takes(&self, to: &Address) -> bool {
        self.url(to).is_some()
    }
}

impl GoogleChat {
    fn url(&self, to: &Address) -> Option<Url> {
        let Address::Other(target) = to else { return None };
        let (space, query) = target.expose().strip_prefix(GOOGLE_CHAT_SPACES)?.split_once("/messages?")?;
        let mut url = http::join(&self.base, &["spaces", space, "messages"]);
        url.set_query(Some(query));
        url.query_pairs_mut().append_pair("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
        Some(url)
    }
}

/// A text that would make it too large is cut.
fn body(message: &Outgoing) -> Value {
    let body = |text: &str| with_text(message, text);
    body(&message.content.text.fit(|text| body(text).to_string().len() <= LARGEST_MESSAGE))
}

fn with_text(message: &Outgoing, text: &str) -> Value {
    let content = &message.content;
    let subject = cut(&content.subject, LONGEST_SUBJECT);
    let button = |label: &str, url: &str| json!({"text": label, "onClick": {"openLink": {"url": url}}});
    let page = content.url.as_deref().map(|url| button(&content.open, url));
    let answer = message.answer.as_ref().and_then(|offer| Some(button(&offer.choices(), offer.url.as_deref()?)));
    let buttons: Vec<Value> = page.into_iter().chain(answer).collect();
    // The text of an alert begins with its subject, and ends with the address that the button opens.
    let lines = text.lines().filter(|line| *line != content.subject && Some(*line) != content.url.as_deref());
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut widgets = vec![json!({"textParagraph": {"text": markup::html(text.trim())}})];
    if !buttons.is_empty() {
        widgets.push(json!({"buttonList": {"buttons": buttons}}));
    }
    let card = json!({"header": {"title": subject}, "sections": [{"widgets": widgets}]});
    let mut body = json!({"cardsV2": [{"cardId": "watchbell", "card": card}], "fallbackText": defused(&subject)});
    if let Some(thread) = &message.thread {
        body["thread"] = json!({"threadKey": thread::digest(thread)});
    }
    body
}

/// `<users/all>` would call everybody in the space.
fn defused(text: &str) -> String {
    text.replace('<', "<\u{200b}")
}

/// Google's errors say who they are from; a page without one was written by something before it.
fn classify(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    if answer.is_success() {
        return match http::id(&body, "/name") {
            Some(name) => Report::accepted(name),
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let by_status = http::by_status(answer, now);
    let code = http::text(&body, "/error/status")
        .filter(|code| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
    let outcome = match (answer.status, code) {
        // Everything in a space shares its limit of one a second.
        (429, _) => Outcome::Retry { after: answer.retry_after(now), scope: LimitScope::Recipient },
        // The webhook was removed, or its app or space is gone.
        (401 | 403 | 404, Some(_)) => Outcome::BadAddress,
        (404, None) => Outcome::ProviderDown,
        _ => by_status.outcome,
    };
    Report::new(outcome, code.map(str::to_owned).or(by_status.code))
}

#[cfg(test)]
mod tests;
