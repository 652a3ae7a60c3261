//! Certificates that signatures name by URL: fetched once, and kept.
//!
//! Who may be asked is decided before ([`Host`](super::envelope::Host)); that it is who it says is TLS's to prove. Anybody who knows
//! a topic's name can name certificates that there are not, so that how often one is asked for is bounded, and one at a time.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use url::Url;
use watchbell_core::Timestamp;

use crate::http::Http;
use crate::inbound::Refusal;

/// So many certificates are kept. A service signs with one, and for a while with the one before it.
const MOST_KEPT: usize = 4;
/// So many are asked for within [`WINDOW_S`].
const MOST_FETCHED: usize = 10;
const WINDOW_S: i64 = 60;

#[derive(Debug)]
pub struct Certificates {
    http: Http,
    /// By their URLs, the newest last.
    kept: Mutex<Vec<(Url, Arc<Certificate>)>>,
    /// When the last ones were asked for. Whoever holds it asks.
    asked: tokio::sync::Mutex<Vec<Timestamp>>,
}

/// One that can be read.
#[derive(Debug)]
pub struct Certificate(CertificateDer<'static>);

impl Certificates {
    pub fn new(http: Http) -> Self {
        Self { http, kept: Mutex::default(), asked: tokio::sync::Mutex::default() }
    }

    /// The certificate at a URL.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]: it cannot be had now, or is none.
    pub async fn get(&self, url: &Url, now: Timestamp) -> Result<Arc<Certificate>, Refusal> {
        const NOT_NOW: Refusal = Refusal::Unavailable("the certificate of the signature cannot be fetched now");
        if let Some(certificate) = self.kept(url) {
            return Ok(certificate);
        }
        let mut asked = self.asked.lock().await;
        // Whoever held the lock may have fetched it.
        if let Some(certificate) = self.kept(url) {
            return Ok(certificate);
        }
        asked.retain(|at| now < at.plus_s(WINDOW_S) && *at <= now);
        if asked.len() >= MOST_FETCHED {
            return Err(NOT_NOW);
        }
        asked.push(now);
        let answer = self.http.call(self.http.get(url)).await.ok().filter(|answer| answer.status == 200).ok_or(NOT_NOW)?;
        let certificate = Arc::new(Certificate::read(&answer.body).ok_or(NOT_NOW)?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.remove(0);
        }
        kept.push((url.clone(), Arc::clone(&certificate)));
        Ok(certificate)
    }

    fn kept(&self, url: &Url) -> Option<Arc<Certificate>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| known == url).map(|(_, certificate)| Arc::clone(certificate))
    }
}

impl Certificate {
    fn read(pem: &[u8]) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem).ok()?;
        webpki::EndEntityCert::try_from(&der).ok()?;
        Some(Self(der))
    }

    /// Whether its key made a signature with RSA and PKCS #1 padding.
    pub fn has_signed(&self, hash: Hash, text: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn SignatureVerificationAlgorithm = match hash {
            Hash::Sha1 => &RsaSha1,
            Hash::Sha256 => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
        };
        webpki::EndEntityCert::try_from(&self.0).is_ok_and(|certificate| certificate.verify_signature(algorithm, text, signature).is_ok())
    }
}

/// What a signature was made of.
#[derive(Clone, Copy, Debug)]
pub enum Hash {
    /// What SNS signs with until a topic's `SignatureVersion` is set to 2. To forge one, somebody would have to know ids that Amazon
    /// makes up while it signs.
    Sha1,
    Sha256,
}

/// What webpki knows no name for, as no certificate may be signed so any more.
#[derive(Debug)]
struct RsaSha1;

impl SignatureVerificationAlgorithm for RsaSha1 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let algorithm = &ring::signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
        ring::signature::UnparsedPublicKey::new(algorithm, public_key).verify(message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    /// Of the certificate's key nothing else is asked.
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }
}
