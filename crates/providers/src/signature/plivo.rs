//! Plivo's signatures: base64 HMAC-SHA256 by the account's token, or by the main account's.
//!
//! V3 signs the URL without its query, the sorted query, the sorted form and a nonce, as Plivo's libraries put them together; V2,
//! which some messages still come with alone, signs URL and nonce, and nothing of what is said. No time is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use schemars::JsonSchema;
use serde::Deserialize;
use watchbell_core::Secret;

use super::reading::Reading;

const V3: &str = "x-plivo-signature-v3";
const V3_MAIN: &str = "x-plivo-signature-ma-v3";
const V3_NONCE: &str = "x-plivo-signature-v3-nonce";
const V2: &str = "x-plivo-signature-v2";
const V2_NONCE: &str = "x-plivo-signature-v2-nonce";

/// No request has more signatures.
const MOST_SIGNATURES: usize = 8;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plivo {
    /// Whether a request that has no V3 may have V2 instead.
    #[serde(default)]
    pub allow_v2: bool,
}

impl Plivo {
    pub(super) fn proof(&self) -> Option<&'static str> {
        (!self.allow_v2).then_some(V3_NONCE)
    }

    pub(super) fn verify(&self, reading: &Reading<'_, '_>, keys: &[Secret]) -> Option<bool> {
        // Of a body that is no form nothing would be signed.
        if reading.form().is_empty() && !reading.request.body.is_empty() {
            return None;
        }
        let has = |name: &str| reading.request.headers.contains_key(name);
        let (headers, text): (&[&str], _) = if has(V3) || has(V3_MAIN) {
            (&[V3, V3_MAIN], format!("{}.{}", signed(reading), reading.header(V3_NONCE)?))
        } else if self.allow_v2 {
            (&[V2], format!("{}{}", without_query(reading.request.url), reading.header(V2_NONCE)?))
        } else {
            return None;
        };
        let given = headers.iter().filter_map(|name| reading.header(name)).flat_map(|given| given.split(','));
        let given = given.take(MOST_SIGNATURES).filter_map(|given| STANDARD.decode(given.trim()).ok());
        let mut is_right = false;
        for signature in given {
            for key in keys {
                is_right |= hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes()), text.as_bytes(), &signature).is_ok();
            }
        }
        Some(is_right)
    }
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// What V3 signs, but for the nonce.
fn signed(reading: &Reading<'_, '_>) -> String {
    let query = sorted(reading.request.query).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let form: String = sorted(reading.form()).flat_map(|(name, value)| [name, value]).collect();
    let mut text = without_query(reading.request.url).to_owned();
    if !query.is_empty() || !form.is_empty() {
        text.push('?');
    }
    text.push_str(&query);
    if !query.is_empty() && !form.is_empty() {
        text.push('.');
    }
    text + &form
}

/// By name, those of one name by value.
fn sorted(fields: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    let mut sorted: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    sorted.sort_unstable();
    sorted.into_iter()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::super::stand_in::{Sent, scheme};
    use super::*;
    use crate::settings::CommonSettings;

    /// Vectors: the first two by Plivo's own library, the others by Python's hmac over the text that is named.
    #[tokio::test]
    async fn v3_signs_url_query_form_and_nonce() {
        let plivo = scheme(r#"scheme = "plivo""#).unwrap();
        let table: [(&str, &str, &str); 4] = [
            // https://h.example/p?x=1&y=2.a1b2.5
            ("https://h.example/p?y=2&x=1", "b=2&a=1", "DLh4R+/YloqQCh3/4zGT9PRyUqDyYI1Zl3hQqDUIIsw="),
            // https://h.example/p?a1b2.5
            ("https://h.example/p", "b=2&a=1", "0Jc5Zb2LC9ezYk69R5kGsAlHjCDjF/doLYfN2ZnIP78="),
            // https://h.example/p?x=1&y=2.5
            ("https://h.example/p?y=2&x=1", "", "QRRxLNxpXf0ZQFXD3UiFXdPlpE4RtiRnF8e4l24O3Ow="),
            // https://h.example/p.5
            ("https://h.example/p", "", "0wLyLRWc55XHDtjE7mFaOMHqNrtsRJDcyl221ivZIPU="),
        ];
        for (url, form, signature) in table {
            let sent = |header: &'static str, given: &str| {
                let sent = Sent::post(form).form().url(url).header(header, given).header(V3_NONCE, "5");
                if url.contains('?') { sent.query("y", "2").query("x", "1") } else { sent }
            };
            assert!(sent(V3, signature).is_right(&plivo, &["old", "secret"]).await, "{url} {form}");
            assert!(sent(V3_MAIN, &format!("AAAA,{signature}")).is_right(&plivo, &["secret"]).await, "{url} {form}");
            assert!(!sent(V3, signature).is_right(&plivo, &["other"]).await);
            assert!(!sent(V3, signature).body("b=3&a=1").is_right(&plivo, &["secret"]).await);
            assert!(!sent(V3, signature).query("x", "3").is_right(&plivo, &["secret"]).await);
            assert!(!sent(V3, "").is_right(&plivo, &["secret"]).await);
            assert!(!sent(V2, signature).is_right(&plivo, &["secret"]).await);
        }
        let json = Sent::post("{}").header("content-type", "application/json").url("https://h.example/p");
        assert!(
            !json.header(V3, "0wLyLRWc55XHDtjE7mFaOMHqNrtsRJDcyl221ivZIPU=").header(V3_NONCE, "5").is_right(&plivo, &["secret"]).await,
            "nothing of it is signed"
        );
        let no_nonce = Sent::post("b=2&a=1").form().url("https://h.example/p").header(V3, "0Jc5Zb2LC9ezYk69R5kGsAlHjCDjF/doLYfN2ZnIP78=");
        assert!(!no_nonce.is_right(&plivo, &["secret"]).await);
    }

    /// https://h.example/p5, by Python's hmac.
    #[tokio::test]
    async fn v2_counts_only_where_it_is_allowed_and_there_is_no_v3() {
        let (strict, lenient) = (scheme(r#"scheme = "plivo""#).unwrap(), scheme("scheme = \"plivo\"\nallow_v2 = true").unwrap());
        let sent = Sent::post("a=1")
            .form()
            .url("https://h.example/p?x=1")
            .query("x", "1")
            .header(V2, "IvkKKSzPsMYDNIbGb37hThvfAozhlmU5hAN1qM1CRsU=")
            .header(V2_NONCE, "5");
        assert!(sent.clone().is_right(&lenient, &["secret"]).await);
        assert!(!sent.clone().is_right(&strict, &["secret"]).await);
        assert!(!sent.clone().is_right(&lenient, &["other"]).await);
        assert!(!sent.header(V3, "AAAA").header(V3_NONCE, "5").is_right(&lenient, &["secret"]).await);
        assert_eq!(
            strict.verifier("auth_token", vec![Secret::new("t")], None, &CommonSettings::default()).unwrap().proof(),
            Some(V3_NONCE)
        );
        assert_eq!(lenient.verifier("auth_token", vec![Secret::new("t")], None, &CommonSettings::default()).unwrap().proof(), None);
    }
}
