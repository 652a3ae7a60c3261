//! Vonage's Voice API: calls that say the message and wait for a key.
//!
//! What a call does is told with the request that makes it ([`ncco`]), and with the answer to each key. Events and keys come back to
//! `/callbacks/{name}`, signed with the account's signature secret; without that secret nothing that comes is believed, so no key is
//! asked for.

mod inbound;
mod look_up;
mod ncco;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret, Timestamp};

use crate::http::{self, Answer, Http, Request, callback};
use crate::inbound::Inbound;
use crate::jwt::SigningKey;
use crate::provider::{AccountLimit, Address, Found, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// The application that calls; its private key signs requests.
    pub application_id: String,
    pub private_key: Secret,
    /// The number that calls: digits without `+`.
    pub from: String,
    /// Of the account's settings: what Vonage signs events and keys with.
    #[serde(default)]
    pub signature_secret: Option<Secret>,
    /// Believed while a rotation lasts.
    #[serde(default)]
    pub previous_signature_secret: Option<Secret>,
}

/// Where keys pressed in a call are told, below the provider's own path; events come to that itself.
const KEY_PATH: &str = "key";
/// How long a call rings, in seconds: about six rings, and shorter than most voice mails wait.
const RING_S: u8 = 30;

fn default_base_url() -> String {
    "https://api.nexmo.com".to_owned()
}

impl Settings {
    fn signing_key(&self) -> Result<SigningKey, SettingError> {
        let right = "must be the application's private key: an RSA key in PEM that begins with -----BEGIN PRIVATE KEY-----";
        SigningKey::rs256_from_pem(self.private_key.expose()).ok_or_else(|| SettingError::new("private_key", None, right))
    }
}

impl ProviderKind for Settings {
    const NAME: &'static str = "vonage-voice";
    const CHANNELS: &'static [Channel] = &[Channel::Voice];

    /// Three calls a second, until Vonage raises it.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 3.0, burst: 3, in_flight: 8, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        self.signing_key()?;
        if self.application_id.is_empty() {
            return Err(SettingError::new("application_id", None, "must be the application's id"));
        }
        if !(7..=15).contains(&self.from.len()) || !self.from.bytes().all(|byte| byte.is_ascii_digit()) {
            let right = "must be a number with its country code and without +, such as 15005550006";
            return Err(SettingError::new("from", self.from.clone(), right));
        }
        Ok(())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(Voice {
            name: name.to_owned(),
            calls: http::join(&settings::base_url("base_url", &self.base_url)?, &["v1", "calls"]),
            signing_key: self.signing_key()?,
            settings: self.clone(),
            http: Http::new(common)?,
        }))
    }

    fn inbound(&self, name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        let Some(secret) = &self.signature_secret else { return Ok(None) };
        let secrets = std::iter::once(secret).chain(&self.previous_signature_secret).cloned().collect();
        Ok(Some(Arc::new(inbound::Callbacks::new(name, secrets, common)?)))
    }
}

#[derive(Debug)]
struct Voice {
    /// The provider's table, which its callbacks are addressed by.
    name: String,
    calls: Url,
    signing_key: SigningKey,
    settings: Settings,
    http: Http,
}

#[async_trait]
impl Provider for Voice {
    /// Told of only where it can be verified.
    fn has_receipts(&self, _channel: Channel) -> bool {
        self.settings.signature_secret.is_some()
    }

    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Phone(to) = &message.to else { return Report::new(Outcome::BadMessage, "address_kind".to_owned()) };
        let Some(request) = self.authorized(self.http.post(&self.calls), message.now) else {
            return Report::retry("no_random".to_owned());
        };
        match self.http.hand_over(message, request.json(&self.call(to, message))).await {
            Ok(answer) => by_answer(&answer, message.now),
            Err(report) => report,
        }
    }

    fn can_look_up(&self, _channel: Channel) -> bool {
        true
    }

    async fn look_up(&self, message: &Outgoing, since: Timestamp) -> Option<Vec<Found>> {
        let Address::Phone(to) = &message.to else { return None };
        let url = look_up::url(&self.calls, since);
        let answer = self.http.call(self.authorized(self.http.get(&url), message.now)?).await.ok()?;
        look_up::found(&answer, digits(to), &self.settings.from)
    }
}

impl Voice {
    fn authorized(&self, request: Request, now: Timestamp) -> Option<Request> {
        let token = self.signing_key.application_token(&self.settings.application_id, now)?;
        Some(request.bearer_auth(&token))
    }

    /// What makes the call.
    fn call(&self, to: &str, message: &Outgoing) -> Value {
        let url = |segments: &[&str]| {
            let base = message.callback_base.as_deref().filter(|_| self.settings.signature_secret.is_some())?;
            Some(callback(base, segments, message.delivery_id.as_str()))
        };
        let key_url = url(&[&self.name, KEY_PATH]).filter(|_| !message.content.menu.is_empty());
        let mut call = json!({
            "to": [{ "type": "phone", "number": digits(to) }],
            "from": { "type": "phone", "number": self.settings.from },
            "ncco": ncco::first(&message.content, key_url.as_deref()),
            "ringing_timer": RING_S,
        });
        if let Some(event_url) = url(&[&self.name]) {
            call["event_url"] = json!([event_url]);
            // An event says by whom it was answered; the call itself goes on meanwhile.
            call["machine_detection"] = json!("continue");
        }
        call
    }
}

/// A number as Vonage writes it.
fn digits(number: &str) -> &str {
    number.trim_start_matches('+')
}

/// What the answer to a new call means.
fn by_answer(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    if answer.is_success() {
        return match http::text(&body, "/uuid") {
            Some(uuid) => Report::accepted(uuid.to_owned()),
            // A success that names no call: somebody else answered, or half of it is missing.
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let report = http::by_status(answer, now);
    let wrong = body.pointer("/invalid_parameters").and_then(Value::as_array);
    let is_to = |parameter: &Value| {
        http::text(parameter, "/name").is_some_and(|name| name == "to" || name.starts_with("to[") || name.starts_with("to."))
    };
    let outcome = match answer.status {
        400 | 422 if wrong.is_some_and(|wrong| wrong.iter().any(is_to)) => Outcome::BadAddress,
        // A base URL that is not Vonage's, or an application that is gone.
        404 => Outcome::ProviderDown,
        _ => report.outcome,
    };
    Report { outcome, ..report }
}
