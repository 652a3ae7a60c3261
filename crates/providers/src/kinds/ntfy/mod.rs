//! ntfy: a device is a topic of an ntfy server. Whoever knows a topic reads it, so a reserved one is for one person.
//!
//! A message has actions by which the phone itself answers: it calls this server, or, where nobody can, it publishes the answer in
//! a topic of Watchbell's own (`answer_topic`), to which we listen.

mod classify;
mod inbound;
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

use crate::http::Http;
use crate::inbound::Inbound;
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};
use message::AnswerPlace;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// An access token (`tk_…`); without it topics have to be open.
    #[serde(default)]
    pub token: Secret,
    /// A topic into which phones publish answers, where there is no `http.public_url` that they could call. Phones publish without a
    /// token, so it has to be open for writing; what is written there counts only with a message's own token.
    #[serde(default)]
    pub answer_topic: String,
}

fn default_base_url() -> String {
    "https://ntfy.sh".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "ntfy";
    const CHANNELS: &'static [Channel] = &[Channel::Push];

    /// A visitor has 60 requests, and one back each 5 s, unless the server's owner says otherwise.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 5.0, burst: 60, in_flight: 16, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        let is_topic = |text: &str| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !is_topic(&self.answer_topic) {
            return Err(SettingError::new("answer_topic", self.answer_topic.clone(), "must be 1 to 64 letters, digits, - and _"));
        }
        if self.token.is_empty() { Ok(()) } else { settings::token("token", self.token.expose()) }
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = settings::base_url("base_url", &self.base_url)?;
        let topic = Some(self.answer_topic.clone()).filter(|topic| !topic.is_empty());
        let answers = AnswerPlace { name: name.to_owned(), topic: topic.map(|topic| crate::http::join(&base, &[&topic])) };
        Ok(Arc::new(Ntfy { http: Http::new(common)?, base, token: self.token.clone(), answers }))
    }

    fn inbound(&self, _name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        Ok(Some(Arc::new(inbound::Actions::new(self, common)?)))
    }
}

#[derive(Debug)]
struct Ntfy {
    http: Http,
    base: Url,
    token: Secret,
    answers: AnswerPlace,
}

#[async_trait]
impl Provider for Ntfy {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Device { kind: DeviceKind::Ntfy, token: topic, .. } = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let mut request = self.http.post(&self.base).json(&message::body(topic, message, &self.answers));
        if !self.token.is_empty() {
            request = request.bearer_auth(self.token.expose());
        }
        match self.http.hand_over(message, request).await {
            Ok(answer) => classify::published(&answer, message.now),
            Err(report) => report,
        }
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Device { kind: DeviceKind::Ntfy, .. })
    }
}
