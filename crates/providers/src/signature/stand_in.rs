//! Requests as providers would send them, and signatures as they would make them.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use watchbell_core::Secret;

use super::envelope::Envelope;
use super::{Scheme, Verified};
use crate::inbound::{Refusal, Request};
use crate::kinds::stand_in::at;
use crate::settings::CommonSettings;

#[derive(Clone)]
pub struct Sent {
    body: Vec<u8>,
    url: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    now: &'static str,
}

impl Sent {
    /// At 08:00:00 of 20 November 2026, which is 1795161600.
    pub fn post(body: &str) -> Self {
        Self {
            body: body.into(),
            url: "https://bell.example.org/callbacks/p".to_owned(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            now: "2026-11-20T08:00:00Z",
        }
    }

    pub fn form(self) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    }

    pub fn body(self, body: &str) -> Self {
        Self { body: body.into(), ..self }
    }

    pub fn url(self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self }
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
        self
    }

    pub fn at(self, now: &'static str) -> Self {
        Self { now, ..self }
    }

    pub async fn is_right(&self, scheme: &Scheme, keys: &[&str]) -> bool {
        let verifier =
            scheme.verifier("key", keys.iter().map(|key| Secret::new(*key)).collect(), None, &CommonSettings::default()).unwrap();
        let request = Request {
            method: &Method::POST,
            path: "",
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
            public_url: "https://bell.example.org",
            url: &self.url,
            now: at(self.now),
        };
        match verifier.verify(&request).await {
            Ok(Verified::Body(body)) => {
                assert_eq!(body.as_ref(), self.body);
                true
            }
            Ok(Verified::Handshake) => true,
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Forbidden(super::NOT_RIGHT));
                false
            }
        }
    }
}

/// A scheme as a definition writes it.
pub fn scheme(definition: &str) -> Result<Scheme, String> {
    let scheme: Scheme = toml::from_str(definition).map_err(|error| error.to_string())?;
    scheme.check().map_err(|error| error.to_string())?;
    Ok(scheme)
}

/// What SNS signs with in tests, instead of Amazon's.
pub const CERTIFICATE: &str = include_str!("sns_x509/test_certificate.pem");

/// A message as SNS posts it, signed with the key of [`CERTIFICATE`], which `server` is said to have.
pub fn sns(topic: &str, message: &str, server: &str) -> String {
    sign_sns(json!({
        "Type": "Notification", "MessageId": "m-1", "TopicArn": topic, "Message": message, "Timestamp": "2026-11-20T08:00:00.000Z",
        "SigningCertURL": format!("{server}/SimpleNotificationService-1.pem"),
    }))
    .to_string()
}

/// Signs an envelope by version 2, as Amazon would.
pub fn sign_sns(mut envelope: Value) -> Value {
    let key = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("sns_x509/test_key.pem")).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    envelope["SignatureVersion"] = json!("2");
    envelope["Signature"] = json!("");
    let text = serde_json::from_value::<Envelope>(envelope.clone()).unwrap().text();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    envelope["Signature"] = json!(STANDARD.encode(signature));
    envelope
}
