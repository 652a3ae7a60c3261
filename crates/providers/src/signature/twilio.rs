//! `X-Twilio-Signature`: base64 HMAC of the URL as Twilio called it and the sorted form (Twilio's security page).
//!
//! The key is the account's token and the hash SHA-1, unless a webhook rule says otherwise: then
//! `X-Twilio-Webhooks-Signature-Settings` names the shared key that signed, and the algorithm. Of a body that is no form, Twilio
//! puts the hash into the URL's query, and signs the URL alone. No time is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use schemars::JsonSchema;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use url::Url;
use watchbell_core::Secret;

use super::reading::{Reading, field, once};

/// Where it stands.
pub const HEADER: &str = "x-twilio-signature";
/// `key=…,algorithm=HMAC_SHA256`.
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";
/// The parameter with the body's hash, in hexadecimal digits.
const BODY_HASH: &str = "bodySHA256";

/// It has no settings of its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Twilio {}

pub fn verify(reading: &Reading<'_, '_>, keys: &[Secret]) -> Option<bool> {
    let given = STANDARD.decode(reading.header(HEADER)?).ok()?;
    let algorithm = algorithm(reading)?;
    let mut sorted: Vec<&(String, String)> = Vec::new();
    if once(reading.request.query.iter().filter(|(name, _)| name == BODY_HASH)).is_some() {
        let hash = hex::decode(field(reading.request.query, BODY_HASH)?).ok()?;
        if !bool::from(digest::digest(&digest::SHA256, reading.request.body).as_ref().ct_eq(&hash)) {
            return None;
        }
    } else {
        sorted.extend(reading.form());
        // Whatever is no form has no signature without its hash.
        if sorted.is_empty() && !reading.request.body.is_empty() {
            return None;
        }
    }
    sorted.sort();
    // Twilio's libraries sign a parameter that repeats with each of its values once.
    sorted.dedup();
    let mut is_right = false;
    for url in spellings(reading.request.url) {
        let signed = signed(&url, &sorted);
        for key in keys {
            is_right |= hmac::verify(&hmac::Key::new(algorithm, key.expose().as_bytes()), &signed, &given).is_ok();
        }
    }
    Some(is_right)
}

/// None where it is one that nobody knows.
fn algorithm(reading: &Reading<'_, '_>) -> Option<hmac::Algorithm> {
    if !reading.request.headers.contains_key(SETTINGS) {
        return Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY);
    }
    let mut settings = reading.header(SETTINGS)?.split(',').filter_map(|setting| setting.split_once('='));
    match settings.find(|(name, _)| name.trim() == "algorithm")?.1.trim() {
        "HMAC_SHA1" => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        "HMAC_SHA256" => Some(hmac::HMAC_SHA256),
        _ => None,
    }
}

/// What is signed: the URL, and then each field's name and value.
fn signed(url: &str, sorted: &[&(String, String)]) -> Vec<u8> {
    let fields = sorted.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    std::iter::once(url).chain(fields).collect::<String>().into_bytes()
}

/// The URL as it is, and with its port left out or written out: proxies differ.
fn spellings(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Ok(parsed) = Url::parse(url) else { return all };
    let (Some(host), Some(port)) = (parsed.host_str(), parsed.port_or_known_default()) else { return all };
    let Some(rest) = url.splitn(4, '/').nth(3) else { return all };
    for authority in [host.to_owned(), format!("{host}:{port}")] {
        let other = format!("{}://{authority}/{rest}", parsed.scheme());
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::super::stand_in::{Sent, scheme};
    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    /// The example of Twilio's documentation, whose signature is printed there, made with `12345`.
    const FORM: &str = "To=%2B18005551212&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    #[tokio::test]
    async fn the_documented_example_verifies() {
        let twilio = scheme(r#"scheme = "twilio""#).unwrap();
        let sent = |url: &str, form: &str, signature: &str| Sent::post(form).form().url(url).header(HEADER, signature);
        let keys = ["another", "12345"];
        assert!(sent(URL, FORM, SIGNATURE).is_right(&twilio, &keys).await);
        assert!(sent("https://mycompany.com:443/myapp.php?foo=1&bar=2", FORM, SIGNATURE).is_right(&twilio, &keys).await);
        // A parameter that repeats with the same value is signed once.
        assert!(sent(URL, &format!("{FORM}&Digits=1234"), SIGNATURE).is_right(&twilio, &keys).await);
        assert!(!sent(URL, &format!("{FORM}&Digits=1235"), SIGNATURE).is_right(&twilio, &keys).await);
        assert!(!sent(URL, FORM, SIGNATURE).is_right(&twilio, &keys[..1]).await);
        assert!(!sent("https://mycompany.com/myapp.php?foo=1", FORM, SIGNATURE).is_right(&twilio, &keys).await);
        assert!(!sent("https://mycompany.com:8443/myapp.php?foo=1&bar=2&", FORM, SIGNATURE).is_right(&twilio, &keys).await);
        assert!(!sent(URL, "Digits=1234", SIGNATURE).is_right(&twilio, &keys).await);
        for bad in ["", "%%%", "AAAA"] {
            assert!(!sent(URL, FORM, bad).is_right(&twilio, &keys).await, "{bad}");
        }
    }

    /// Computed with Python's hmac.
    #[tokio::test]
    async fn a_rule_names_its_own_hash() {
        let twilio = scheme(r#"scheme = "twilio""#).unwrap();
        let sent = |settings: &str| {
            Sent::post(FORM).form().url(URL).header(HEADER, "KsDM1TaUaD3zgC1znRg16Ev1YKZza+BBNZfOn7e5P/E=").header(SETTINGS, settings)
        };
        assert!(sent("key=webhooks_key_1,algorithm=HMAC_SHA256").is_right(&twilio, &["token", "shared"]).await);
        assert!(!sent("key=webhooks_key_1,algorithm=HMAC_SHA1").is_right(&twilio, &["token", "shared"]).await);
        assert!(!sent("key=webhooks_key_1,algorithm=NONE").is_right(&twilio, &["token", "shared"]).await);
        assert!(!sent("").is_right(&twilio, &["token", "shared"]).await);
    }

    /// Computed with Python's hmac and hashlib.
    #[tokio::test]
    async fn of_json_the_hash_stands_in_the_url() {
        let twilio = scheme(r#"scheme = "twilio""#).unwrap();
        let sent = |body: &str| {
            let hash = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
            let url = format!("https://bell.example.org/callbacks/twilio?bodySHA256={hash}");
            Sent::post(body)
                .url(&url)
                .query("bodySHA256", hash)
                .header("content-type", "application/json")
                .header(HEADER, "J6U73ojanvRkbX2H2MwHryvHHtM=")
        };
        assert!(sent(r#"{"a":1}"#).is_right(&twilio, &["12345"]).await);
        assert!(!sent(r#"{"a":2}"#).is_right(&twilio, &["12345"]).await);
        assert!(!sent(r#"{"a":1}"#).query("bodySHA256", "").is_right(&twilio, &["12345"]).await);
        // Without the hash in the URL, the signature of a bodiless request does not serve for one with a body.
        let bare = Sent::post("").url(URL).header(HEADER, "zYQTYrRWXE7LtzbG4PfP7/bkkGo=");
        assert!(bare.clone().is_right(&twilio, &["12345"]).await);
        assert!(!bare.body("{}").header("content-type", "application/json").is_right(&twilio, &["12345"]).await);
    }
}
