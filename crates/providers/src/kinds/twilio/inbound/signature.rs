//! `X-Twilio-Signature`: base64 HMAC-SHA1 of the URL as Twilio called it and the sorted form (Twilio's security page).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use url::Url;
use watchbell_core::Secret;

/// Where it stands.
pub const HEADER: &str = "x-twilio-signature";

/// Whether one of the tokens made the signature, of the URL with or without its port. All are tried, each in constant time.
pub fn is_right(tokens: &[Secret], url: &str, form: &[(String, String)], given: &str) -> bool {
    let Ok(given) = STANDARD.decode(given) else { return false };
    let mut sorted: Vec<&(String, String)> = form.iter().collect();
    sorted.sort();
    // Twilio's libraries sign a parameter that repeats with each of its values once.
    sorted.dedup();
    let mut is_right = false;
    for url in spellings(url) {
        let signed = signed(&url, &sorted);
        for token in tokens {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose().as_bytes());
            is_right |= hmac::verify(&key, &signed, &given).is_ok();
        }
    }
    is_right
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
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The example of Twilio's documentation, whose signature is printed there.
    #[test]
    fn the_documented_example_verifies() {
        let tokens = [Secret::new("another"), Secret::new("12345")];
        let fields = form(&[
            ("To", "+18005551212"),
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
        ]);
        let (url, signature) = ("https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assert!(is_right(&tokens, url, &fields, signature));
        assert!(is_right(&tokens, "https://mycompany.com:443/myapp.php?foo=1&bar=2", &fields, signature));
        assert!(!is_right(&tokens[..1], url, &fields, signature));
        assert!(!is_right(&tokens, "https://mycompany.com/myapp.php?foo=1", &fields, signature));
        assert!(!is_right(&tokens, "https://mycompany.com:8443/myapp.php?foo=1&bar=2&", &fields, signature));
        assert!(!is_right(&tokens, url, &fields[1..], signature));
        for bad in ["", "%%%", "AAAA"] {
            assert!(!is_right(&tokens, url, &fields, bad), "{bad}");
        }
    }
}
