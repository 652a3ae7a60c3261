//! Web Push (RFC 8030): messages to browsers, encrypted for the one that subscribed (RFC 8291) and signed as ours (RFC 8292).
//!
//! A device's token is the endpoint that its browser's push service gave it. Browsers choose that service, so an endpoint is
//! a URL that users name, and passes the guard as webhooks do; and what one answers says nothing about the others.

mod encrypt;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use watchbell_core::device::DeviceKind;
use watchbell_core::network::Reach;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret, Timestamp};

use crate::endpoint::{self, Endpoints};
use crate::fit::cut;
use crate::http::Answer;
use crate::inbound::Action;
use crate::jwt::SigningKey;
use crate::provider::{AccountLimit, Address, AnswerOffer, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{CommonSettings, DEFAULT_TIMEOUT, SettingError};
use crate::thread;
use encrypt::{LARGEST_PLAINTEXT, Subscription};

/// How long a signature holds, in seconds; a push service refuses one of more than 24 hours.
const SIGNATURE_S: i64 = 12 * 60 * 60;
/// The longest that push services keep a message for a browser that is away, in seconds: four weeks.
const LONGEST_TTL_S: i64 = 28 * 24 * 60 * 60;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The pair that browsers subscribe with, each in base64url, as `npx web-push generate-vapid-keys` prints it.
    pub vapid_public_key: String,
    pub vapid_private_key: Secret,
    /// Whom a push service may write to about us: `mailto:…` or an https URL.
    pub subject: String,
    /// Whether endpoints may be at private addresses; those of browsers never are.
    #[serde(default)]
    pub allow_private: bool,
    /// Networks in which endpoints may be, beside the public internet.
    #[serde(default)]
    pub allow_networks: Vec<String>,
}

impl Settings {
    /// Where endpoints may be.
    fn reach(&self) -> Result<Reach, SettingError> {
        endpoint::reach(self.allow_private, &self.allow_networks)
    }

    /// The key, and its public half as browsers know it.
    fn key(&self) -> Result<(SigningKey, String), SettingError> {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let wrong = |key: &str, right: &str| SettingError::new(key, None, right);
        let public = decode(&self.vapid_public_key).filter(|point| point.len() == 65);
        let public = public.ok_or_else(|| wrong("vapid_public_key", "must be 65 bytes in base64url"))?;
        let private = decode(self.vapid_private_key.expose()).filter(|scalar| scalar.len() == 32);
        let private = private.ok_or_else(|| wrong("vapid_private_key", "must be 32 bytes in base64url"))?;
        let key = SigningKey::es256_from_pair(&private, &public);
        let key = key.ok_or_else(|| wrong("vapid_private_key", "must be the private key to vapid_public_key"))?;
        Ok((key, URL_SAFE_NO_PAD.encode(public)))
    }
}

impl ProviderKind for Settings {
    const NAME: &'static str = "webpush";
    const CHANNELS: &'static [Channel] = &[Channel::Push];

    /// The push services name no figures; this is what a few connections to each of them carry.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 1_000.0, burst: 500, in_flight: 128, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        self.key()?;
        self.reach()?;
        let url = Url::parse(&self.subject).ok();
        if url.is_some_and(|url| (url.scheme() == "mailto" && url.path().contains('@')) || (url.scheme() == "https" && url.has_host())) {
            return Ok(());
        }
        Err(SettingError::new("subject", self.subject.clone(), "must be such as mailto:ops@example.org or https://example.org"))
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let (key, public_key) = self.key()?;
        let endpoints = Endpoints::new(common, self.reach()?)?;
        Ok(Arc::new(WebPush { endpoints, key, public_key, subject: self.subject.clone() }))
    }

    fn contact_reach(&self) -> Option<Reach> {
        self.reach().ok()
    }

    fn push_key(&self) -> Option<String> {
        Some(self.vapid_public_key.clone())
    }
}

#[derive(Debug)]
struct WebPush {
    endpoints: Endpoints,
    key: SigningKey,
    public_key: String,
    subject: String,
}

#[async_trait]
impl Provider for WebPush {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Device { kind: DeviceKind::Webpush, token: endpoint, keys } = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let Some(subscription) = keys.as_ref().and_then(Subscription::read) else {
            return Report::new(Outcome::BadAddress, "keys".to_owned());
        };
        // A point that is on no curve is found here.
        let Some(body) = subscription.encrypt(payload(message).as_bytes()) else {
            return Report::new(Outcome::BadAddress, "keys".to_owned());
        };
        let Some(authorization) = self.authorization(endpoint, message.now) else {
            return Report::new(Outcome::BadAddress, "url_scheme".to_owned());
        };
        let answer = self.endpoints.post(endpoint.expose(), message, |request| {
            let request = request
                .header("authorization", authorization)
                .header("content-encoding", "aes128gcm")
                .header("content-type", "application/octet-stream")
                .header("ttl", ttl_s(message))
                .header("urgency", if message.urgent || message.critical { "high" } else { "normal" });
            match &message.thread {
                Some(thread) => {
                    // A digest even where the name would do: the push service is not to read what it is about.
                    request.header("topic", thread::digest(thread)).body(body)
                }
                None => request.body(body),
            }
        });
        match answer.await {
            Ok(answer) => classify(&answer, message.now),
            Err(report) => report,
        }
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Device { kind: DeviceKind::Webpush, .. })
    }

    fn is_one_service(&self) -> bool {
        false
    }
}

impl WebPush {
    /// RFC 8292: a token for this push service, and the key that checks it.
    fn authorization(&self, endpoint: &Secret, now: Timestamp) -> Option<String> {
        let origin = Url::parse(endpoint.expose()).ok().filter(Url::has_host)?.origin().ascii_serialization();
        let expires_at = now.as_millis().div_euclid(1000) + SIGNATURE_S;
        let claims = json!({"aud": origin, "exp": expires_at, "sub": self.subject});
        let token = self.key.token(None, &claims)?;
        Some(format!("vapid t={token}, k={}", self.public_key))
    }
}

/// What the page's service worker shows. A text that would make it too large is cut.
fn payload(message: &Outgoing) -> String {
    let payload = |text: &str| with_text(message, text).to_string();
    payload(&message.content.short.fit(|text| payload(text).len() <= LARGEST_PLAINTEXT))
}

fn with_text(message: &Outgoing, text: &str) -> Value {
    json!({
        "title": cut(&message.content.subject, 200),
        "body": text,
        "lang": message.content.locale,
        // An address is of use whole, or not at all.
        "url": message.content.url.as_ref().filter(|url| url.len() <= 1_000),
        "tag": message.thread.as_deref().map(thread::digest),
        "urgent": message.urgent,
        "critical": message.critical,
        "deliveryId": message.delivery_id.as_str(),
        // Where it is answered, and by which actions of the notification: the service worker hands both to `showNotification`.
        "answerUrl": message.answer.as_ref().and_then(|offer| offer.url.as_ref()),
        "actions": message.answer.as_ref().map(actions).unwrap_or_default(),
    })
}

/// As `showNotification` takes them; browsers show two or three, or none.
fn actions(offer: &AnswerOffer) -> Vec<Value> {
    let action = |action: Action, label: &str| json!({"action": action.as_str(), "title": cut(label, LONGEST_LABEL)});
    vec![action(Action::Accept, &offer.accept), action(Action::Resolve, &offer.resolve), action(Action::Decline, &offer.decline)]
}

/// What an action is called, in characters.
const LONGEST_LABEL: usize = 40;

/// Seconds that the message is of use, from now.
fn ttl_s(message: &Outgoing) -> i64 {
    let until = message.expires_at.unwrap_or(Timestamp::MAX);
    (until.ms_since(message.now) / 1000).clamp(0, LONGEST_TTL_S)
}

/// Only 404 and 410 say that a subscription has ended. A wrong signature (401, 403) may be one of a subscription that was made
/// with another key, so it fails the message, and says nothing about others'.
fn classify(answer: &Answer, now: Timestamp) -> Report {
    match answer.status {
        404 => Report::new(Outcome::BadAddress, "http_404".to_owned()),
        _ => endpoint::by_status(answer, now),
    }
}
