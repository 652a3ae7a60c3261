//! JSON Web Tokens (RFC 7519) by which Watchbell shows who it is: to Google, to Apple, to Vonage, and to the push services of
//! browsers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use watchbell_core::Timestamp;

/// A private key, and what it signs with. `ring` keeps it, and `Debug` does not show it.
pub enum SigningKey {
    /// ECDSA on P-256 with SHA-256: `ES256`.
    Es256(EcdsaKeyPair),
    /// RSA with PKCS #1 padding and SHA-256: `RS256`.
    Rs256(RsaKeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// For `ES256`, from PKCS #8 in PEM, as Apple's `.p8` files are.
    pub fn es256_from_pem(pem: &str) -> Option<Self> {
        let der = pkcs8(pem)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &SystemRandom::new()).ok().map(Self::Es256)
    }

    /// For `ES256`, from the bare numbers: a scalar of 32 bytes and the uncompressed point that belongs to it.
    pub fn es256_from_pair(private: &[u8], public: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, private, public, &random).ok().map(Self::Es256)
    }

    /// For `RS256`, from PKCS #8 in PEM, as Google's service accounts have it; of 2048 bits or more.
    pub fn rs256_from_pem(pem: &str) -> Option<Self> {
        RsaKeyPair::from_pkcs8(pkcs8(pem)?.secret_pkcs8_der()).ok().map(Self::Rs256)
    }

    /// `header.claims.signature`, with the key's id where whoever checks it knows several; None only if the system has no random
    /// numbers.
    pub fn token(&self, key_id: Option<&str>, claims: &Value) -> Option<String> {
        let mut header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        if let Some(id) = key_id {
            header["kid"] = json!(id);
        }
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.sign(signed.as_bytes())?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// A token by which an application of Vonage's shows who calls, for one request: `application_id`, `iat`, `jti`, `exp`.
    pub fn application_token(&self, application_id: &str, now: Timestamp) -> Option<String> {
        const LIFETIME_S: i64 = 15 * 60;
        let mut jti = [0; 16];
        SystemRandom::new().fill(&mut jti).ok()?;
        let iat = now.as_millis().div_euclid(1000);
        let claims = json!({ "application_id": application_id, "iat": iat, "exp": iat + LIFETIME_S, "jti": hex::encode(jti) });
        self.token(None, &claims)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => Some(key.sign(&random, bytes).ok()?.as_ref().to_vec()),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

fn pkcs8(pem: &str) -> Option<PrivatePkcs8KeyDer<'static>> {
    PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()
}

/// Checks a token as the services do, and answers its header and claims.
#[cfg(test)]
pub(crate) fn verify(token: &str, algorithm: &'static dyn ring::signature::VerificationAlgorithm, public: &[u8]) -> Option<(Value, Value)> {
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    ring::signature::UnparsedPublicKey::new(algorithm, public).verify(signed.as_bytes(), &signature).ok()?;
    let (header, claims) = signed.split_once('.')?;
    let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    Some((read(header)?, read(claims)?))
}
