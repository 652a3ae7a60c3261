//! Firebase Cloud Messaging, HTTP v1: push messages to Android, to browsers and, through APNs, to Apple devices.

mod access;
mod classify;
mod message;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use url::Url;
use watchbell_core::device::DeviceKind;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret};

use crate::http::{self, Answer, Http};
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};
use access::{Access, ServiceAccount};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where access tokens come from; the service account's own `token_uri` otherwise.
    #[serde(default)]
    pub token_url: Option<String>,
    /// A Google service account with the role "Firebase Cloud Messaging API Admin": its JSON, or the path of the file.
    pub service_account: Secret,
}

fn default_base_url() -> String {
    "https://fcm.googleapis.com".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "fcm";
    const CHANNELS: &'static [Channel] = &[Channel::Push];

    /// Firebase's default quota is 600,000 messages a minute for a project.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 10_000.0, burst: 1_000, in_flight: 256, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        let account = ServiceAccount::read(self.service_account.expose())?;
        account.token_url(self.token_url.as_deref())?;
        Ok(())
    }

    fn exposed(&self) -> Vec<SettingError> {
        let token_url = self.token_url.as_deref().and_then(|url| settings::exposed_by("token_url", url));
        settings::exposed_by("base_url", &self.base_url).into_iter().chain(token_url).collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let http = Http::new(common)?;
        let account = ServiceAccount::read(self.service_account.expose())?;
        let base = settings::base_url("base_url", &self.base_url)?;
        let url = http::join(&base, &["v1", "projects", &account.project_id, "messages:send"]);
        let token_url = account.token_url(self.token_url.as_deref())?;
        Ok(Arc::new(Fcm { url, access: Access::new(account, token_url, http.clone()), http }))
    }
}

#[derive(Debug)]
struct Fcm {
    url: Url,
    access: Access,
    http: Http,
}

#[async_trait]
impl Provider for Fcm {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Device { kind: DeviceKind::Fcm, token, .. } = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let body = message::body(token.expose(), message);
        match self.call(&body, message).await {
            Ok(answer) => classify::classify(&answer, message.now),
            Err(report) => report,
        }
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Device { kind: DeviceKind::Fcm, .. })
    }
}

impl Fcm {
    /// Sends it with the access token at hand, and once more with a fresh one if that has been refused.
    async fn call(&self, body: &serde_json::Value, message: &Outgoing) -> Result<Answer, Report> {
        let token = self.access.token(message.now).await?;
        let request = |token: &Secret| self.http.post(&self.url).bearer_auth(token.expose()).json(body);
        let answer = self.http.hand_over(message, request(&token)).await?;
        if !classify::is_stale_token(&answer) {
            return Ok(answer);
        }
        self.access.forget(&token).await;
        let token = self.access.token(message.now).await?;
        self.http.hand_over(message, request(&token)).await
    }
}
