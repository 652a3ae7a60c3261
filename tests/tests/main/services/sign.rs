//! How services sign what they call with, by a few lines each that owe nothing to the code which verifies it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{digest, hmac};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::row::{Call, Holes};

/// What SNS calls itself with: Amazon's certificate is this one here.
pub const CERTIFICATE: &str = include_str!("../../../../crates/providers/src/signature/sns_x509/test_certificate.pem");
const CERTIFICATE_KEY: &[u8] = include_bytes!("../../../../crates/providers/src/signature/sns_x509/test_key.pem");
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:watchbell";

/// Whose way it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    VonageSms,
    Vonage,
    Bird,
    Plivo,
    Telnyx,
    Meta,
    Mailgun,
    Postmark,
    Sendgrid,
    Sns,
    /// The operator's own gateway of `own.toml`.
    Own,
}

/// A service's secret; the row's settings name it `{secret}` or `{public_key}`.
pub struct Signer {
    scheme: Scheme,
    is_service: bool,
    secret: &'static str,
    ed25519: Ed25519KeyPair,
    ecdsa: EcdsaKeyPair,
}

impl Signer {
    /// The service's, or somebody else's.
    pub fn new(scheme: Scheme, is_service: bool) -> Self {
        let random = SystemRandom::new();
        let ecdsa = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        Self {
            scheme,
            is_service,
            secret: if is_service { "e2e:secret" } else { "e2e:another" },
            ed25519: Ed25519KeyPair::from_seed_unchecked(&[u8::from(is_service); 32]).unwrap(),
            ecdsa: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, ecdsa.as_ref(), &random).unwrap(),
        }
    }

    pub fn fill(&self, holes: &mut Holes) {
        holes.set("secret", self.secret);
        holes.set("topic", TOPIC);
        let public = if self.scheme == Scheme::Sendgrid {
            // What stands before the point in the key as SendGrid shows it.
            let spki = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=").unwrap();
            [&spki, self.ecdsa.public_key().as_ref()].concat()
        } else {
            self.ed25519.public_key().as_ref().to_vec()
        };
        holes.set("public_key", STANDARD.encode(public));
    }

    /// The call as the service signs it, at a time in seconds since 1970; `server` is where its certificate is.
    pub fn sign(&self, mut call: Call, at: i64, server: &str) -> Call {
        let body = call.body();
        match self.scheme {
            Scheme::VonageSms => {
                call.form.insert("timestamp".to_owned(), at.to_string());
                let fields =
                    call.form.iter().flat_map(|(name, value)| ["&", name, "=", &value.replace(['&', '='], "_")].map(str::to_owned));
                let fields: String = fields.collect();
                call.form.insert("sig".to_owned(), hex::encode(self.hmac(&fields)));
            }
            Scheme::Vonage => {
                let claims = json!({ "iss": "Vonage", "iat": at, "jti": "j", "payload_hash": sha256(&body) });
                call.set_header("authorization", format!("Bearer {}", self.token(&claims)));
            }
            Scheme::Bird => {
                let url_hash = sha256(&call.url());
                let mut claims = json!({ "iss": "MessageBird", "nbf": at - 1, "exp": at + 60, "jti": "j", "url_hash": url_hash });
                if !body.is_empty() {
                    claims["payload_hash"] = json!(sha256(&body));
                }
                call.set_header("messagebird-signature-jwt", self.token(&claims));
            }
            Scheme::Plivo => {
                let url = call.url();
                let (place, query) = url.split_once('?').unwrap_or((&url, ""));
                let fields: String = call.form.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
                let dot = if query.is_empty() { "" } else { "." };
                call.set_header("x-plivo-signature-v3", STANDARD.encode(self.hmac(&format!("{place}?{query}{dot}{fields}.5"))));
                call.set_header("x-plivo-signature-v3-nonce", "5");
            }
            Scheme::Telnyx => {
                let tag = self.ed25519.sign(format!("{at}|{body}").as_bytes());
                call.set_header("telnyx-signature-ed25519", STANDARD.encode(tag));
                call.set_header("telnyx-timestamp", at.to_string());
            }
            Scheme::Meta => call.set_header("x-hub-signature-256", format!("sha256={}", hex::encode(self.hmac(&body)))),
            Scheme::Mailgun => {
                let mut event: Value = serde_json::from_str(&body).unwrap();
                let signature = hex::encode(self.hmac(&format!("{at}one-time")));
                event["signature"] = json!({ "timestamp": at.to_string(), "token": "one-time", "signature": signature });
                call.text = event.to_string();
            }
            Scheme::Postmark => call.set_header("authorization", format!("Basic {}", STANDARD.encode(self.secret))),
            Scheme::Sendgrid => {
                let tag = self.ecdsa.sign(&SystemRandom::new(), format!("{at}{body}").as_bytes()).unwrap();
                call.set_header("x-twilio-email-event-webhook-signature", STANDARD.encode(tag));
                call.set_header("x-twilio-email-event-webhook-timestamp", at.to_string());
            }
            Scheme::Sns => call = self.sns(call, server),
            Scheme::Own => {
                call.set_header("x-gateway-time", at.to_string());
                call.set_header("x-gateway-signature", format!("v1={}", hex::encode(self.hmac(&format!("{at}.{body}")))));
            }
        }
        call
    }

    fn hmac(&self, text: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes()), text.as_bytes())
    }

    fn token(&self, claims: &Value) -> String {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let tag = self.hmac(&text);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Puts the text into an envelope, by version 2. Who is not Amazon has no key to its certificate: theirs is of another text.
    fn sns(&self, mut call: Call, server: &str) -> Call {
        let kind = call.headers.get("x-amz-sns-message-type").cloned().unwrap_or_else(|| "Notification".to_owned());
        let mut fields = vec![
            ("Message", call.text.clone()),
            ("MessageId", sha256(&call.text)),
            ("Timestamp", "2026-03-02T08:00:00.000Z".to_owned()),
            ("TopicArn", TOPIC.to_owned()),
            ("Type", kind.clone()),
        ];
        if kind == "SubscriptionConfirmation" {
            fields.push(("SubscribeURL", format!("{server}/?Action=ConfirmSubscription")));
            fields.push(("Token", "t0k3n".to_owned()));
        }
        fields.sort();
        let mut signed: String = fields.iter().flat_map(|(name, value)| [*name, "\n", value.as_str(), "\n"]).collect();
        if !self.is_service {
            signed.push_str("forged");
        }
        let key = PrivatePkcs8KeyDer::from_pem_slice(CERTIFICATE_KEY).unwrap();
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        let mut envelope: serde_json::Map<_, _> = fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        envelope.insert("SignatureVersion".to_owned(), json!("2"));
        envelope.insert("Signature".to_owned(), json!(STANDARD.encode(signature)));
        envelope.insert("SigningCertURL".to_owned(), json!(format!("{server}/SimpleNotificationService-1.pem")));
        call.text = Value::Object(envelope).to_string();
        call.set_header("x-amz-sns-message-type", kind);
        call.set_header("content-type", "text/plain; charset=UTF-8");
        call
    }
}

fn sha256(text: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
}
