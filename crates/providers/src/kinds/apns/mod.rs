//! Apple's push service: HTTP/2, one request a message, told apart by the `:path`'s device token.
//!
//! Watchbell signs itself in with a token of its own making, which Apple wants to see change not more often than every 20 minutes
//! and not less often than every hour.

mod classify;
mod message;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use url::Url;
use watchbell_core::device::DeviceKind;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret, Timestamp};

use crate::http::{self, Answer, Http};
use crate::jwt::SigningKey;
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};
pub(super) use message::ALERT_CATEGORY;

/// How long a token is used. Apple takes it for an hour.
const TOKEN_LIFE: Duration = Duration::from_mins(50);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// The content of the `.p8` file that Apple gave for the key.
    pub signing_key: Secret,
    /// The key's id: 10 letters and digits.
    pub key_id: String,
    /// The developer team's id: 10 letters and digits.
    pub team_id: String,
    /// The app's bundle id.
    pub topic: String,
}

fn default_base_url() -> String {
    "https://api.push.apple.com".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "apns";
    const CHANNELS: &'static [Channel] = &[Channel::Push];

    /// Apple names no figure; one connection carries 1,000 requests at a time.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 5_000.0, burst: 1_000, in_flight: 500, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        key(&self.signing_key)?;
        for (name, id) in [("key_id", &self.key_id), ("team_id", &self.team_id)] {
            if id.len() != 10 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(SettingError::new(name, id.clone(), "must be 10 letters and digits, as Apple's developer site shows it"));
            }
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if self.topic.is_empty() || !self.topic.bytes().all(is_name) {
            return Err(SettingError::new("topic", self.topic.clone(), "must be the app's bundle id such as org.example.pager"));
        }
        Ok(())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(Apns {
            http: Http::http2(common)?,
            base: settings::base_url("base_url", &self.base_url)?,
            key: key(&self.signing_key)?,
            key_id: self.key_id.clone(),
            team_id: self.team_id.clone(),
            topic: self.topic.clone(),
            token: Mutex::default(),
        }))
    }
}

fn key(pem: &Secret) -> Result<SigningKey, SettingError> {
    let right = "must be the content of the .p8 file from Apple's developer site: a P-256 key in PEM";
    SigningKey::es256_from_pem(pem.expose()).ok_or_else(|| SettingError::new("signing_key", None, right))
}

#[derive(Debug)]
struct Apns {
    http: Http,
    base: Url,
    key: SigningKey,
    key_id: String,
    team_id: String,
    topic: String,
    /// With the time at which it was made.
    token: Mutex<Option<(Secret, Timestamp)>>,
}

#[async_trait]
impl Provider for Apns {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Device { kind: DeviceKind::Apns, token: device, .. } = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        match self.call(device, message).await {
            Ok(answer) => classify::classify(&answer, message.now),
            Err(report) => report,
        }
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Device { kind: DeviceKind::Apns, .. })
    }
}

impl Apns {
    /// Sends it with the token at hand, and once more with a fresh one if that has expired.
    async fn call(&self, device: &Secret, message: &Outgoing) -> Result<Answer, Report> {
        let body = message::payload(message).to_string();
        let request = |token: &Secret| {
            let url = http::join(&self.base, &["3", "device", device.expose()]);
            let request = self.http.post(&url).bearer_auth(token.expose()).header("apns-topic", &self.topic);
            message::headers(message).into_iter().fold(request, |request, (name, value)| request.header(name, value)).body(body.clone())
        };
        let token = self.token(message.now, None)?;
        let answer = self.http.hand_over(message, request(&token)).await?;
        if !classify::is_expired_token(&answer) {
            return Ok(answer);
        }
        let token = self.token(message.now, Some(&token))?;
        self.http.hand_over(message, request(&token)).await
    }

    /// The current token, or a new one where there is none, it is too old, or it is the one that was refused.
    fn token(&self, now: Timestamp, refused: Option<&Secret>) -> Result<Secret, Report> {
        let mut held = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, made_at)) = &*held
            && now < *made_at + TOKEN_LIFE
            && Some(token) != refused
        {
            return Ok(token.clone());
        }
        let claims = json!({"iss": self.team_id, "iat": now.as_millis().div_euclid(1000)});
        let token = self.key.token(Some(&self.key_id), &claims).map(Secret::new);
        let token = token.ok_or_else(|| Report::new(Outcome::ProviderDown, "signing_key".to_owned()))?;
        *held = Some((token.clone(), now));
        Ok(token)
    }
}
