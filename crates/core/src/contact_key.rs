//! Signing secrets by the Standard Webhooks specification, and those that webhook contacts have of their own.
//!
//! A contact's own secret is made from one key and the contact's URL, so it is kept nowhere, changes with the URL, and says nothing
//! about another contact's. Whoever has it cannot sign what others receive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::Secret;

/// What the specification asks of a secret, in bytes.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

const PREFIX: &str = "whsec_";

/// What a message is signed with, of `whsec_` and 24 to 64 bytes in base64; None for another text.
pub fn signing_key(secret: &Secret) -> Option<hmac::Key> {
    let bytes = STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok().filter(|bytes| BYTES.contains(&bytes.len()))?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// What contacts' own secrets are made from.
#[derive(Clone)]
pub struct ContactKey(hmac::Key);

impl ContactKey {
    /// Reads one, written as a secret is.
    pub fn parse(text: &Secret) -> Option<Self> {
        signing_key(text).map(Self)
    }

    /// The secret of the contact with that URL.
    pub fn secret_of(&self, url: &str) -> Secret {
        Secret::new(format!("{PREFIX}{}", STANDARD.encode(self.tag(url))))
    }

    /// The same, as messages are signed with it.
    pub fn signing_key_of(&self, url: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.tag(url).as_ref())
    }

    fn tag(&self, url: &str) -> hmac::Tag {
        hmac::sign(&self.0, url.as_bytes())
    }
}

impl std::fmt::Debug for ContactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContactKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn each_url_has_a_secret_of_its_own_that_signs() {
        let Some(key) = ContactKey::parse(&Secret::new(KEY)) else { panic!("a key") };
        let (one, other) = (key.secret_of("https://a.example.org/"), key.secret_of("https://b.example.org/"));
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose(), key.secret_of("https://a.example.org/").expose());
        let Some(read) = signing_key(&one) else { panic!("a secret") };
        let tag = hmac::sign(&key.signing_key_of("https://a.example.org/"), b"message");
        assert!(hmac::verify(&read, b"message", tag.as_ref()).is_ok());
        assert_eq!(format!("{key:?}"), "ContactKey(…)");
    }

    #[test]
    fn what_is_no_secret_is_none() {
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_!"] {
            assert!(signing_key(&Secret::new(bad)).is_none(), "{bad}");
        }
    }
}
