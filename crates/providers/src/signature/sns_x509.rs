//! Amazon SNS: messages in an [`Envelope`], signed with Amazon's certificate.
//!
//! Anybody's topic signs validly, so that what counts is the topic's name: the scheme's keys are the topics that are believed, and a
//! subscription is confirmed for them alone. Of a message nothing but its own text is handed on, as if it had been posted by itself.
//! SNS repeats a message for hours as it was signed first, so no age is bounded; what is repeated has the same `MessageId`, and the
//! same events in it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;
use watchbell_core::Secret;

use super::certificates::{Certificates, Hash};
use super::envelope::{self, Envelope, Host, Kind};
use super::{NOT_RIGHT, Verified};
use crate::http::Http;
use crate::inbound::{Refusal, Request};
use crate::settings::{self, CommonSettings, SettingError};

/// SNS says in it what it sends.
pub const HEADER: &str = "x-amz-sns-message-type";

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnsX509 {
    /// The setting that names the server which stands in for SNS: certificates are fetched there, and subscriptions confirmed.
    #[serde(default)]
    pub server_setting: Option<String>,
}

/// Who verifies for some topics.
#[derive(Debug)]
pub struct Topics {
    /// Their names.
    believed: Vec<Secret>,
    host: Host,
    certificates: Certificates,
    http: Http,
}

impl Topics {
    /// `server` stands in for SNS.
    pub fn new(key: &str, topics: Vec<Secret>, server: Option<&str>, common: &CommonSettings) -> Result<Self, SettingError> {
        if topics.iter().any(|topic| !envelope::is_topic(topic.expose())) {
            let right = "must be a topic's name such as arn:aws:sns:eu-central-1:123456789012:watchbell";
            return Err(SettingError::new(key, None, right));
        }
        let host = match server {
            Some(server) => Host::Only(settings::base_url("sns_url", server)?),
            None => Host::Amazon,
        };
        let http = Http::new(common)?;
        Ok(Self { believed: topics, host, certificates: Certificates::new(http.clone()), http })
    }

    /// Verifies what SNS posts, and says yes to a subscription.
    ///
    /// # Errors
    /// It is not from a topic of ours; or what has to be asked for that cannot be had now, and SNS should say it again.
    pub async fn verify<'r>(&self, request: &Request<'r>) -> Result<Verified<'r>, Refusal> {
        const FORBIDDEN: Refusal = Refusal::Forbidden(NOT_RIGHT);
        let envelope: Envelope = serde_json::from_slice(request.body).map_err(|_| FORBIDDEN)?;
        let hash = match envelope.signature_version.as_str() {
            "1" => Hash::Sha1,
            "2" => Hash::Sha256,
            _ => return Err(FORBIDDEN),
        };
        let signature = STANDARD.decode(&envelope.signature).map_err(|_| FORBIDDEN)?;
        // The topic before anything is fetched: whoever does not know it can have nothing fetched.
        if !self.believed.iter().any(|topic| topic.expose() == envelope.topic_arn) {
            return Err(FORBIDDEN);
        }
        let url = self.host.permit(&envelope.signing_cert_url, &envelope).filter(is_pem).ok_or(FORBIDDEN)?;
        let certificate = self.certificates.get(&url, request.now).await?;
        if !certificate.has_signed(hash, envelope.text().as_bytes(), &signature) {
            return Err(FORBIDDEN);
        }
        match envelope.kind {
            Kind::SubscriptionConfirmation => self.confirm(&envelope).await.map(|()| Verified::Handshake),
            Kind::Notification if is_json(&envelope.message) => Ok(Verified::Body(Cow::Owned(envelope.message.into_bytes()))),
            // What services say first to a new topic is a sentence.
            Kind::Notification | Kind::UnsubscribeConfirmation => Ok(Verified::Handshake),
        }
    }

    /// Says yes to a subscription, as often as we are asked.
    async fn confirm(&self, envelope: &Envelope) -> Result<(), Refusal> {
        let url = envelope.subscribe_url.as_deref().and_then(|url| self.host.permit(url, envelope)).ok_or(Refusal::Forbidden(NOT_RIGHT))?;
        match self.http.call(self.http.get(&url)).await {
            Ok(answer) if answer.is_success() => Ok(()),
            _ => Err(Refusal::Unavailable("the subscription cannot be confirmed now")),
        }
    }
}

fn is_pem(url: &Url) -> bool {
    url.path().strip_suffix(".pem").is_some()
}

fn is_json(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_)))
}

#[cfg(test)]
mod tests;
