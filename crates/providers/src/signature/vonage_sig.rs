//! The field `sig` of what Vonage's SMS API calls with (formerly Nexmo): a hash over all other fields, sorted.
//!
//! Which hash it is, the account's settings say at Vonage, and its length shows. A plain MD5 counts only where the definition lets
//! it: it is no HMAC, and what it signs could be made to collide. `timestamp` is among the fields, in seconds since 1970.

use hmac::{KeyInit, Mac};
use schemars::JsonSchema;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use watchbell_core::Secret;

use super::reading::{Reading, field};
use super::{check_age, is_fresh};
use crate::settings::SettingError;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VonageSig {
    /// What may be signed with.
    #[serde(default = "hmacs")]
    pub hashes: Vec<VonageHash>,
    /// How far `timestamp` may be from now, in seconds; 300 unless it is said.
    #[serde(default)]
    pub max_age_s: Option<u32>,
}

/// As Vonage's dashboard names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VonageHash {
    /// MD5 of the fields and the secret behind them: what an account has until it is changed.
    Md5,
    HmacMd5,
    HmacSha1,
    HmacSha256,
    HmacSha512,
}

fn hmacs() -> Vec<VonageHash> {
    vec![VonageHash::HmacSha512, VonageHash::HmacSha256, VonageHash::HmacSha1, VonageHash::HmacMd5]
}

const SIGNATURE: &str = "sig";

impl VonageSig {
    pub(super) fn check(&self) -> Result<(), SettingError> {
        if self.hashes.is_empty() {
            return Err(SettingError::new("hashes", None, "must name at least one, such as \"hmac-sha256\""));
        }
        check_age(self.max_age_s)
    }

    pub(super) fn verify(&self, reading: &Reading<'_, '_>, keys: &[Secret]) -> Option<bool> {
        let json = json_fields(reading);
        // A receipt comes in the query, as a form or as JSON, as the account's settings say at Vonage.
        let fields = match json.as_deref() {
            Some(fields) => fields,
            None if reading.request.body.is_empty() => reading.request.query,
            None => reading.form(),
        };
        let given = hex::decode(field(fields, SIGNATURE)?).ok()?;
        if !is_fresh(field(fields, "timestamp")?.parse().ok()?, reading.request.now, self.max_age_s) {
            return None;
        }
        let text = signed(fields);
        let mut is_right = false;
        for key in keys {
            for hash in &self.hashes {
                is_right |= bool::from(hash.sign(key, &text).ct_eq(&given));
            }
        }
        Some(is_right)
    }
}

/// What a body that is JSON says, as a form would.
fn json_fields(reading: &Reading<'_, '_>) -> Option<Vec<(String, String)>> {
    let fields = reading.json().as_object()?.iter().filter_map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (!value.is_null()).then(|| (name.clone(), text))
    });
    Some(fields.collect())
}

fn signed(fields: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = fields.iter().filter(|(name, _)| name != SIGNATURE).collect();
    sorted.sort();
    let mut text = String::new();
    for (name, value) in sorted {
        text.extend(["&", name, "=", &value.replace(['&', '='], "_")]);
    }
    text
}

impl VonageHash {
    fn sign(self, key: &Secret, text: &str) -> Vec<u8> {
        let key = key.expose().as_bytes();
        let ring = |algorithm| ring::hmac::sign(&ring::hmac::Key::new(algorithm, key), text.as_bytes()).as_ref().to_vec();
        match self {
            Self::Md5 => {
                use md5::Digest as _;
                md5::Md5::new().chain_update(text).chain_update(key).finalize().to_vec()
            }
            // Keys of any length are taken.
            Self::HmacMd5 => hmac::Hmac::<md5::Md5>::new_from_slice(key)
                .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
                .unwrap_or_default(),
            Self::HmacSha1 => ring(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::HmacSha256 => ring(ring::hmac::HMAC_SHA256),
            Self::HmacSha512 => ring(ring::hmac::HMAC_SHA512),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::super::stand_in::{Sent, scheme};

    /// `&messageId=M1&msisdn=49151&status=delivered&text=a_b_c&timestamp=1795161600`, by Python's hmac and hashlib.
    const FIELDS: &str = "msisdn=49151&messageId=M1&status=delivered&text=a%26b%3Dc&timestamp=1795161600";
    const SIGNED: [(&str, &str); 5] = [
        ("md5", "a15985a0af9c3278e3b03c049c2e53c7"),
        ("hmac-md5", "406c32df84a492bef60920efbdea324c"),
        ("hmac-sha1", "cd95ba62be8b77113a38a91d59937b70f4b3816d"),
        ("hmac-sha256", "4d7e9f08b78f2757b175f808ac6cfeac7b9680f5c5dd61d38be831e2d604ee2f"),
        (
            "hmac-sha512",
            "32c1287eb251801ecd66b12683aee075d6e5d4eb8baa3d863fd085d5c5c5af7be1288b6cdb1e2d4d7b63e87b58b3ae6efa9b46b9754a1612b7e18bce1b230485",
        ),
    ];

    #[tokio::test]
    async fn every_hash_that_an_account_can_have() {
        let by_default = scheme(r#"scheme = "vonage-sig""#).unwrap();
        for (name, signature) in SIGNED {
            let alone = scheme(&format!("scheme = \"vonage-sig\"\nhashes = [\"{name}\"]")).unwrap();
            for signature in [signature.to_owned(), signature.to_uppercase()] {
                let sent = |fields: &str| Sent::post(&format!("{fields}&sig={signature}")).form();
                assert!(sent(FIELDS).is_right(&alone, &["old", "secret"]).await, "{name}");
                assert_eq!(sent(FIELDS).is_right(&by_default, &["secret"]).await, name != "md5");
                assert!(!sent(FIELDS).is_right(&alone, &["other"]).await);
                assert!(!sent(&FIELDS.replace("delivered", "failed")).is_right(&alone, &["secret"]).await);
                assert!(!sent(&format!("{FIELDS}&more=1")).is_right(&alone, &["secret"]).await);
            }
        }
    }

    #[tokio::test]
    async fn in_the_query_or_as_json_and_not_for_ever() {
        let vonage = scheme(r#"scheme = "vonage-sig""#).unwrap();
        let signature = SIGNED[3].1;
        let query = url::form_urlencoded::parse(FIELDS.as_bytes()).fold(Sent::post(""), |sent, (name, value)| sent.query(&name, &value));
        let query = query.query("sig", signature);
        assert!(query.clone().is_right(&vonage, &["secret"]).await);
        assert!(query.clone().at("2026-11-20T08:05:00Z").is_right(&vonage, &["secret"]).await);
        assert!(!query.clone().at("2026-11-20T08:05:01Z").is_right(&vonage, &["secret"]).await);
        assert!(!query.clone().at("2026-11-20T07:54:59Z").is_right(&vonage, &["secret"]).await);
        let json = format!(
            r#"{{"msisdn":"49151","messageId":"M1","status":"delivered","text":"a&b=c","timestamp":1795161600,"sig":"{signature}"}}"#
        );
        assert!(Sent::post(&json).header("content-type", "application/json").is_right(&vonage, &["secret"]).await);
        for wrong in ["{}", "[]", r#"{"sig":7}"#, "", "sig=00"] {
            assert!(!Sent::post(wrong).form().is_right(&vonage, &["secret"]).await, "{wrong}");
        }
        let error = scheme("scheme = \"vonage-sig\"\nhashes = []").unwrap_err();
        assert!(error.contains("must name at least one"), "{error}");
    }
}
