//! The keys of the `signed` scheme: what they are, and how settings write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{hmac, signature};
use schemars::JsonSchema;
use serde::Deserialize;
use watchbell_core::Secret;

/// What a signature is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    /// The key is the public one, of 32 bytes (Telnyx, Discord).
    Ed25519,
    /// ECDSA on P-256 with SHA-256, the signature in DER. The key is the public one as a `SubjectPublicKeyInfo` (SendGrid).
    EcdsaP256,
}

/// How settings write a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyCoding {
    /// The text's own bytes.
    Text,
    Base64,
    Hex,
    /// Base64 behind `whsec_`, as Standard Webhooks writes it.
    Whsec,
}

/// A key that can be used.
#[derive(Debug)]
pub enum Key {
    Hmac(hmac::Key),
    /// ring's name of the algorithm, and the public key.
    Public(&'static dyn signature::VerificationAlgorithm, Vec<u8>),
}

/// What comes before the point in the `SubjectPublicKeyInfo` of every P-256 key (RFC 5480): the algorithm and the curve.
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point of P-256, and a key of Ed25519, in bytes.
const P256_POINT: usize = 65;
const ED25519_KEY: usize = 32;

impl Algorithm {
    pub(super) fn is_public(self) -> bool {
        matches!(self, Self::Ed25519 | Self::EcdsaP256)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// What would be right.
    pub(super) fn key(self, coding: KeyCoding, text: &Secret) -> Result<Key, &'static str> {
        let bytes = coding.decode(text)?;
        let hmac = |algorithm| Key::Hmac(hmac::Key::new(algorithm, &bytes));
        Ok(match self {
            Self::HmacSha1 => hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::HmacSha256 => hmac(hmac::HMAC_SHA256),
            Self::HmacSha384 => hmac(hmac::HMAC_SHA384),
            Self::HmacSha512 => hmac(hmac::HMAC_SHA512),
            Self::Ed25519 if bytes.len() == ED25519_KEY => Key::Public(&signature::ED25519, bytes),
            Self::Ed25519 => return Err("must be an Ed25519 public key, which has 32 bytes"),
            Self::EcdsaP256 => {
                let point = bytes.strip_prefix(&P256_SPKI).filter(|point| point.len() == P256_POINT);
                let point = point.ok_or("must be a P-256 public key as the service shows it: base64 that begins with MFkwEwYHKoZIzj0C")?;
                Key::Public(&signature::ECDSA_P256_SHA256_ASN1, point.to_vec())
            }
        })
    }
}

impl KeyCoding {
    fn decode(self, text: &Secret) -> Result<Vec<u8>, &'static str> {
        let text = text.expose();
        match self {
            Self::Text => Ok(text.as_bytes().to_vec()),
            Self::Base64 => STANDARD.decode(text.trim()).map_err(|_| "must be base64"),
            Self::Hex => hex::decode(text.trim()).map_err(|_| "must be hexadecimal digits"),
            Self::Whsec => {
                let key = text.trim().strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
                key.ok_or("must be whsec_ and base64 after it")
            }
        }
    }
}

impl Key {
    /// Whether it made the signature; takes as long either way.
    pub fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, text, signature).is_ok(),
            Self::Public(algorithm, key) => signature::UnparsedPublicKey::new(*algorithm, key).verify(text, signature).is_ok(),
        }
    }
}
