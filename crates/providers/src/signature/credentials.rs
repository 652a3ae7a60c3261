//! A password or a secret that comes with every request: nothing is signed, so only TLS keeps it from others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use schemars::JsonSchema;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use watchbell_core::Secret;

use super::reading::Reading;
use super::source::Source;
use crate::settings::SettingError;

pub const AUTHORIZATION: &str = "authorization";

/// `Authorization: Basic …` (RFC 7617), as services send it that are given a URL with user and password (Postmark).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {}

/// A secret in a header or in the query.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub source: Source,
    /// What comes before it, such as `Bearer ` with the blank.
    #[serde(default)]
    pub prefix: String,
}

pub fn check_basic(key: &Secret) -> Result<(), &'static str> {
    let is_right = key.expose().split_once(':').is_some_and(|(user, password)| !user.is_empty() && !password.is_empty());
    if is_right { Ok(()) } else { Err("must be user:password") }
}

pub fn verify_basic(reading: &Reading<'_, '_>, keys: &[Secret]) -> Option<bool> {
    let (scheme, given) = reading.header(AUTHORIZATION)?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    Some(is_one_of(keys, &STANDARD.decode(given.trim()).ok()?))
}

impl Token {
    pub(super) fn check(&self) -> Result<(), SettingError> {
        match self.source {
            Source::Header(_) | Source::Query(_) => Ok(()),
            Source::Form(_) | Source::Json(_) => {
                Err(SettingError::new("source", None, "must be header.NAME or query.NAME; a body's own secret is read after all of it"))
            }
        }
    }

    pub(super) fn verify(&self, reading: &Reading<'_, '_>, keys: &[Secret]) -> Option<bool> {
        let given = self.source.read(reading)?;
        Some(is_one_of(keys, given.strip_prefix(self.prefix.as_str())?.as_bytes()))
    }
}

/// Compares hashes, so that the time it takes tells neither how much of it is right nor how long it should be.
fn is_one_of(keys: &[Secret], given: &[u8]) -> bool {
    let hash = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
    let given = hash(given);
    keys.iter().fold(false, |is_one, key| is_one | bool::from(hash(key.expose().as_bytes()).as_ref().ct_eq(given.as_ref())))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::super::stand_in::{Sent, scheme};
    use super::*;
    use crate::settings::CommonSettings;

    #[tokio::test]
    async fn a_user_and_a_password_in_the_url() {
        let basic = scheme(r#"scheme = "basic""#).unwrap();
        let keys = ["old:one", "postmark:s3:cret"];
        let header = |value: &str| Sent::post("").header("authorization", value);
        // printf %s postmark:s3:cret | base64
        assert!(header("Basic cG9zdG1hcms6czM6Y3JldA==").is_right(&basic, &keys).await);
        assert!(header("basic b2xkOm9uZQ==").is_right(&basic, &keys).await);
        for wrong in ["Basic cG9zdG1hcms6czM6Y3JlZA==", "Bearer cG9zdG1hcms6czM6Y3JldA==", "Basic", "Basic %%", "Basic "] {
            assert!(!header(wrong).is_right(&basic, &keys).await, "{wrong}");
        }
        assert!(!Sent::post("").is_right(&basic, &keys).await);
        let twice = header("Basic b2xkOm9uZQ==").header("authorization", "Basic b2xkOm9uZQ==");
        assert!(!twice.is_right(&basic, &keys).await, "which of two counts, proxies differ about");
        let error = basic.verifier("webhook_login", vec![Secret::new("alone")], None, &CommonSettings::default()).unwrap_err();
        assert_eq!(error.to_string(), "`webhook_login`: must be user:password");
    }

    #[tokio::test]
    async fn a_secret_in_a_header_or_in_the_query() {
        let header = scheme("scheme = \"token\"\nsource = \"header.x-secret\"\nprefix = \"Bearer \"").unwrap();
        let query = scheme("scheme = \"token\"\nsource = \"query.token\"").unwrap();
        assert!(Sent::post("").header("x-secret", "Bearer hush").is_right(&header, &["hush"]).await);
        assert!(!Sent::post("").header("x-secret", "hush").is_right(&header, &["hush"]).await);
        assert!(!Sent::post("").header("x-secret", "Bearer hus").is_right(&header, &["hush"]).await);
        assert!(Sent::post("").query("token", "hush").is_right(&query, &["other", "hush"]).await);
        assert!(!Sent::post("").query("token", "").is_right(&query, &["hush"]).await);
        assert!(!Sent::post("").query("token", "hush").query("token", "hush").is_right(&query, &["hush"]).await);
        let error = header.verifier("webhook_token", vec![], None, &CommonSettings::default()).unwrap_err().to_string();
        assert_eq!(error, "`webhook_token`: is missing or empty, and nothing that comes in could be verified without it");
        let error = scheme("scheme = \"token\"\nsource = \"form.token\"").unwrap_err();
        assert!(error.contains("must be header.NAME or query.NAME"), "{error}");
    }
}
