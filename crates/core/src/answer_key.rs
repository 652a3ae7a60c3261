//! Tokens for links and buttons, each of which stands for one delivery.
//!
//! A token is made from the delivery's id and a key that all processes share, so that none is kept anywhere. It is opaque: the id is
//! masked by its own tag (as in AES-SIV, RFC 5297, with HMAC-SHA256 for both halves), so that a token tells nobody when a message
//! was planned, and one that was cut or changed is none. What it may do, and until when, whoever reads it finds out from the
//! delivery.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use ring::hmac;

use crate::Secret;
use crate::ids::DeliveryId;

/// Of a tag, and of a delivery's id without its alphabet.
const BYTES: usize = 16;

/// A token's length, in characters of base64url. It fits with what else stands there into the 64 bytes that Telegram takes.
pub const TOKEN_CHARS: usize = 43;

/// The shortest key that is taken, in characters: random letters and digits of that length have more than 128 bits.
pub const LEAST_KEY: usize = 24;

/// What a token is for. One that is for another purpose is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To answer the alert that the delivery told of.
    Answer,
    /// To turn off what the delivery told of.
    Unsubscribe,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Answer => b"answer",
            Self::Unsubscribe => b"unsubscribe",
        }
    }
}

/// What tokens are made with.
#[derive(Clone)]
pub struct AnswerKey(hmac::Key);

impl AnswerKey {
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// A fresh secret to make one of, of 256 bits.
    pub fn fresh() -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>()))
    }

    /// The token of a delivery; None for an id that is not of the form that all have.
    pub fn token(&self, purpose: Purpose, delivery: &DeliveryId) -> Option<Secret> {
        let mut id = delivery.to_bytes()?;
        let tag = self.tag(purpose, &id);
        self.mask(purpose, &tag, &mut id);
        Some(Secret::new(URL_SAFE_NO_PAD.encode([tag, id].concat())))
    }

    /// The delivery of a token that was made with this key for that purpose.
    pub fn read(&self, purpose: Purpose, token: &str) -> Option<DeliveryId> {
        if token.len() != TOKEN_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (tag, id) = bytes.split_first_chunk::<BYTES>()?;
        let mut id: [u8; BYTES] = id.try_into().ok()?;
        self.mask(purpose, tag, &mut id);
        // The comparison takes the same time wherever the two differ.
        let is_ours = subtle::ConstantTimeEq::ct_eq(&self.tag(purpose, &id)[..], &tag[..]);
        bool::from(is_ours).then(|| DeliveryId::from_bytes(id))
    }

    fn tag(&self, purpose: Purpose, id: &[u8; BYTES]) -> [u8; BYTES] {
        self.hmac(b"tag:", purpose, id)
    }

    fn mask(&self, purpose: Purpose, tag: &[u8; BYTES], id: &mut [u8; BYTES]) {
        let mask = self.hmac(b"mask:", purpose, tag);
        id.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }

    fn hmac(&self, half: &[u8], purpose: Purpose, bytes: &[u8; BYTES]) -> [u8; BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [half, purpose.label(), b":", bytes] {
            context.update(part);
        }
        let mut first = [0; BYTES];
        first.copy_from_slice(&context.sign().as_ref()[..BYTES]);
        first
    }
}

impl std::fmt::Debug for AnswerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswerKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Timestamp;

    fn key(secret: &str) -> AnswerKey {
        AnswerKey::new(&Secret::new(secret))
    }

    fn delivery() -> DeliveryId {
        DeliveryId::derive(Timestamp::from_millis(1_795_000_000_000), &["alert:1:A-7", "7"])
    }

    #[test]
    fn a_token_is_read_by_its_key_for_its_purpose_alone() {
        let key = key("0123456789abcdef01234567");
        let token = key.token(Purpose::Answer, &delivery()).map(|token| token.expose().to_owned()).unwrap_or_default();
        assert_eq!(token.len(), TOKEN_CHARS);
        assert_eq!(key.read(Purpose::Answer, &token), Some(delivery()));
        assert_eq!(key.read(Purpose::Unsubscribe, &token), None);
        assert_eq!(super::tests::key("another").read(Purpose::Answer, &token), None);
        assert_eq!(key.token(Purpose::Answer, &DeliveryId("short".to_owned())).map(|_| ()), None);
        assert_ne!(AnswerKey::fresh().expose(), AnswerKey::fresh().expose());
        assert_eq!(format!("{key:?}"), "AnswerKey(…)");
    }

    #[test]
    fn a_token_that_was_cut_or_changed_is_none() {
        let key = key("0123456789abcdef01234567");
        let token = key.token(Purpose::Answer, &delivery()).map(|token| token.expose().to_owned()).unwrap_or_default();
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'A' { 'B' } else { 'A' };
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert_eq!(key.read(Purpose::Answer, &changed), None, "{at}");
        }
        for bad in ["", &token[1..], &token[..42], &format!("{token}A"), &format!("{token}="), &"é".repeat(21)] {
            assert_eq!(key.read(Purpose::Answer, bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_delivery_has_a_token_of_its_own(ms in 0_i64..1 << 47, name in ".*") {
            let delivery = DeliveryId::derive(Timestamp::from_millis(ms), &[&name]);
            let key = key("0123456789abcdef01234567");
            let token = key.token(Purpose::Answer, &delivery);
            prop_assert_eq!(token.and_then(|token| key.read(Purpose::Answer, token.expose())), Some(delivery));
        }

        #[test]
        fn rubbish_is_no_token(text in ".{0,60}") {
            prop_assert_eq!(key("0123456789abcdef01234567").read(Purpose::Answer, &text), None);
        }
    }
}
