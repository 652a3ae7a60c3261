//! A JSON Web Token by a shared secret (HS256, HS384, HS512), which holds hashes of what it comes with.
//!
//! Bird's classic API (MessageBird) signs URL and body, from `nbf` to `exp`; Vonage's Messages and Voice APIs sign the body, at `iat`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use watchbell_core::Secret;

use super::reading::Reading;
use super::{check_age, is_fresh};
use crate::settings::SettingError;

/// How far apart clocks may be where a token says from when until when it counts, in seconds.
const SKEW_S: i64 = 1;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtHmac {
    /// The header that holds it, in lower case; with `Bearer ` before it where that is `authorization`.
    pub header: String,
    /// What `iss` must be.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The claim that is the SHA-256 of the URL as it was called, in hexadecimal digits.
    #[serde(default)]
    pub url_hash: Option<String>,
    /// The claim that is the SHA-256 of the body, in hexadecimal digits. Without a body it may be missing.
    pub body_hash: String,
    /// How far `iat` may be from now, in seconds, where there is no `exp`; 300 unless it is said.
    #[serde(default)]
    pub max_age_s: Option<u32>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

impl JwtHmac {
    pub(super) fn check(&self) -> Result<(), SettingError> {
        if self.header.parse::<http::HeaderName>().is_err() || self.header.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(SettingError::new("header", self.header.clone(), "must be a header's name in lower case"));
        }
        check_age(self.max_age_s)
    }

    pub(super) fn header(&self) -> &str {
        &self.header
    }

    pub(super) fn verify(&self, reading: &Reading<'_, '_>, keys: &[Secret]) -> Option<bool> {
        let given = reading.header(&self.header)?;
        let token = if self.header == "authorization" { given.strip_prefix("Bearer ")? } else { given };
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let (header, claims): (Header, Value) = (decode(header)?, decode(claims)?);
        // `none`, and what is made with a public key, are not among them.
        let algorithm = match header.alg.as_str() {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            _ => return None,
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let mut is_right = false;
        for key in keys {
            is_right |= hmac::verify(&hmac::Key::new(algorithm, key.expose().as_bytes()), signed.as_bytes(), &signature).is_ok();
        }
        Some(is_right && self.is_now(&claims, reading)? && self.is_of(&claims, reading)?)
    }

    /// Whether it counts now.
    fn is_now(&self, claims: &Value, reading: &Reading<'_, '_>) -> Option<bool> {
        let now_s = reading.request.now.as_millis() / 1000;
        let time = |name: &str| claims.get(name).map(|value| value.as_i64().ok_or(())).transpose().ok();
        let (issued, from, until) = (time("iat")?, time("nbf")?, time("exp")?);
        let is_begun = from.is_none_or(|from| now_s >= from.saturating_sub(SKEW_S));
        Some(
            is_begun
                && match (until, issued) {
                    (Some(until), _) => now_s <= until.saturating_add(SKEW_S),
                    (None, Some(issued)) => is_fresh(issued, reading.request.now, self.max_age_s),
                    (None, None) => false,
                },
        )
    }

    /// Whether it is of this request.
    fn is_of(&self, claims: &Value, reading: &Reading<'_, '_>) -> Option<bool> {
        let request = reading.request;
        let is_hash = |name: &str, bytes: &[u8]| {
            let given = hex::decode(claims.get(name)?.as_str()?).ok()?;
            Some(bool::from(digest::digest(&digest::SHA256, bytes).as_ref().ct_eq(&given)))
        };
        let is_issuer = self.issuer.as_deref().is_none_or(|issuer| claims.get("iss").and_then(Value::as_str) == Some(issuer));
        let is_url = match &self.url_hash {
            Some(name) => is_hash(name, request.url.as_bytes())?,
            None => true,
        };
        let has_no_body = request.body.is_empty() && claims.get(&self.body_hash).is_none();
        Some(is_issuer && is_url && (has_no_body || is_hash(&self.body_hash, request.body)?))
    }
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests;
