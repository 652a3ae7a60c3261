//! A signature of a text that is put together from the request: how most services sign.
//!
//! | Who | `algorithm` | `signature` | `text` |
//! | --- | --- | --- | --- |
//! | Meta | `hmac-sha256`, hex, prefix `sha256=` | `header.x-hub-signature-256` | `{body}` |
//! | Slack | `hmac-sha256`, hex, prefix `v0=` | `header.x-slack-signature` | `v0:{timestamp}:{body}` |
//! | Mailgun | `hmac-sha256`, hex | `json./signature/signature` | `{timestamp}{json./signature/token}` |
//! | Bird | `hmac-sha256` | `header.messagebird-signature` | `{timestamp}\n{url}\n{body.sha256}` |
//! | Standard Webhooks | `hmac-sha256`, prefix `v1,`, separator a space | `header.webhook-signature` | `{header.webhook-id}.{timestamp}.{body}` |
//! | Telnyx | `ed25519` | `header.telnyx-signature-ed25519` | `{timestamp}\|{body}` |
//! | Discord | `ed25519`, hex, key hex | `header.x-signature-ed25519` | `{timestamp}{body}` |
//! | SendGrid | `ecdsa-p256` | `header.x-twilio-email-event-webhook-signature` | `{timestamp}{body}` |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;
use watchbell_core::Secret;

use super::keys::{Algorithm, Key, KeyCoding};
use super::reading::Reading;
use super::source::Source;
use super::template::Template;
use super::{check_age, is_fresh};
use crate::settings::SettingError;

/// No service gives more signatures of one request.
const MOST_SIGNATURES: usize = 8;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    pub algorithm: Algorithm,
    /// How keys are written in the settings: text for HMAC, base64 for public keys, unless it is said.
    #[serde(default)]
    pub key: Option<KeyCoding>,
    /// Where the signature stands.
    pub signature: Source,
    #[serde(default)]
    pub coding: Coding,
    /// What comes before the signature.
    #[serde(default)]
    pub prefix: String,
    /// What parts several signatures, of which one has to be right; what has not the prefix is passed over.
    #[serde(default)]
    pub separator: Option<String>,
    /// What is signed.
    pub text: Template,
    /// Where the time of the signature stands, in seconds since 1970. It has to be part of the text.
    #[serde(default)]
    pub timestamp: Option<Source>,
    /// How far that may be from now, in seconds; 300 unless it is said.
    #[serde(default)]
    pub max_age_s: Option<u32>,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Coding {
    #[default]
    Base64,
    Hex,
}

impl Coding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex => hex::decode(text).ok(),
        }
    }
}

impl Signed {
    pub(super) fn check(&self) -> Result<(), SettingError> {
        let wrong = |key: &str, right: &str| Err(SettingError::new(key, None, right));
        check_age(self.max_age_s)?;
        match (&self.timestamp, self.text.has_timestamp()) {
            (Some(_), false) => wrong("text", "must hold {timestamp}, as a time that is not signed is whatever somebody writes"),
            (None, true) => wrong("timestamp", "is missing, and text needs it"),
            (None, _) if self.max_age_s.is_some() => wrong("max_age_s", "needs timestamp, as there is no age without it"),
            (None, _) if !self.text.has_body() => wrong("text", "must hold {body}, {body.sha256} or {timestamp}, or it proves nothing"),
            _ if self.separator.as_deref() == Some("") => wrong("separator", "must not be empty"),
            _ if self.algorithm.is_public() && matches!(self.key, Some(KeyCoding::Text | KeyCoding::Whsec)) => {
                wrong("key", "must be base64 or hex for a public key")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn key(&self, text: &Secret) -> Result<Key, &'static str> {
        let coding = self.key.unwrap_or(if self.algorithm.is_public() { KeyCoding::Base64 } else { KeyCoding::Text });
        self.algorithm.key(coding, text)
    }

    pub(super) fn verify(&self, reading: &Reading<'_, '_>, keys: &[Key]) -> Option<bool> {
        let given = self.signature.read(reading)?;
        let timestamp = match &self.timestamp {
            Some(source) => Some(source.read(reading)?),
            None => None,
        };
        if let Some(text) = &timestamp
            && !is_fresh(text.parse().ok()?, reading.request.now, self.max_age_s)
        {
            return None;
        }
        let text = self.text.fill(reading, timestamp.as_deref())?;
        let several = self.separator.as_deref().map(|separator| given.split(separator).take(MOST_SIGNATURES).collect());
        let signatures = several.unwrap_or_else(|| vec![given.as_ref()]).into_iter();
        let signatures = signatures.filter_map(|given| self.coding.decode(given.trim().strip_prefix(self.prefix.as_str())?));
        let mut is_right = false;
        for signature in signatures {
            for key in keys {
                is_right |= key.has_signed(&text, &signature);
            }
        }
        Some(is_right)
    }
}

#[cfg(test)]
mod tests;
