//! Signed webhooks, by the Standard Webhooks specification 1.0: a contact is a URL of one's own.
//!
//! The delivery's id is the message's id, the same on every try, so a receiver can drop what it has seen. A message is signed
//! with the receiver's own secret, where `contact_key` makes one, and with the one that all receivers know, where that is given;
//! while either is changed, the previous one signs as well.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::Deserialize;
use serde_json::{Value, json};
use watchbell_core::contact_key::{ContactKey, signing_key};
use watchbell_core::network::Reach;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret};

use crate::endpoint::{self, Endpoints};
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{CommonSettings, DEFAULT_TIMEOUT, SettingError};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `whsec_` and 24 to 64 random bytes in base64, which all receivers know.
    #[serde(default)]
    pub secret: Secret,
    /// Signs as well, while receivers change over to the new one.
    #[serde(default)]
    pub previous_secret: Secret,
    /// What receivers' own secrets are made from, written as they are; nobody else knows it.
    #[serde(default)]
    pub contact_key: Secret,
    #[serde(default)]
    pub previous_contact_key: Secret,
    /// Whether contacts may be at private addresses.
    #[serde(default)]
    pub allow_private: bool,
    /// Networks in which contacts may be, beside the public internet.
    #[serde(default)]
    pub allow_networks: Vec<String>,
}

impl Settings {
    /// Where contacts may be.
    fn reach(&self) -> Result<Reach, SettingError> {
        endpoint::reach(self.allow_private, &self.allow_networks)
    }

    fn keys(&self) -> Result<Keys, SettingError> {
        if self.secret.is_empty() && self.contact_key.is_empty() {
            return Err(SettingError::new("secret", None, "or contact_key must be given, as nothing could be signed"));
        }
        let shared = [("secret", &self.secret), ("previous_secret", &self.previous_secret)];
        let own = [("contact_key", &self.contact_key), ("previous_contact_key", &self.previous_contact_key)];
        Ok(Keys { own: read(own, ContactKey::parse)?, shared: read(shared, signing_key)? })
    }
}

/// Those that are given.
fn read<K>(secrets: [(&str, &Secret); 2], read: fn(&Secret) -> Option<K>) -> Result<Vec<K>, SettingError> {
    let right = "must be whsec_ and 24 to 64 bytes in base64, as `echo whsec_$(openssl rand -base64 32)` makes one";
    let given = secrets.into_iter().filter(|(_, secret)| !secret.is_empty());
    given.map(|(name, secret)| read(secret).ok_or_else(|| SettingError::new(name, None, right))).collect()
}

/// What signs: each current, and previous if there is one.
struct Keys {
    own: Vec<ContactKey>,
    shared: Vec<hmac::Key>,
}

impl Keys {
    /// `v1,…` of each, with spaces between them.
    fn signature(&self, url: &str, id: &str, timestamp: i64, body: &str) -> String {
        let content = format!("{id}.{timestamp}.{body}");
        let own = self.own.iter().map(|key| hmac::sign(&key.signing_key_of(url), content.as_bytes()));
        let shared = self.shared.iter().map(|key| hmac::sign(key, content.as_bytes()));
        own.chain(shared).map(|tag| format!("v1,{}", STANDARD.encode(tag))).collect::<Vec<_>>().join(" ")
    }
}

impl ProviderKind for Settings {
    const NAME: &'static str = "webhook";
    const CHANNELS: &'static [Channel] = &[Channel::Webhook];

    /// A guard for Watchbell's own sake: the receivers are many.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 1_000.0, burst: 1_000, in_flight: 256, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        self.keys()?;
        self.reach().map(|_| ())
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(Webhook { endpoints: Endpoints::new(common, self.reach()?)?, keys: self.keys()? }))
    }

    fn contact_reach(&self) -> Option<Reach> {
        self.reach().ok()
    }

    fn contact_key(&self) -> Option<ContactKey> {
        ContactKey::parse(&self.contact_key)
    }
}

struct Webhook {
    endpoints: Endpoints,
    keys: Keys,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for Webhook {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Other(url) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let (id, timestamp) = (message.delivery_id.as_str(), message.now.as_millis().div_euclid(1000));
        let body = body(message).to_string();
        let signature = self.keys.signature(url.expose(), id, timestamp, &body);
        let answer = self.endpoints.post(url.expose(), message, |request| {
            let request = request.header("webhook-id", id).header("webhook-timestamp", timestamp).header("webhook-signature", signature);
            let request = match message.trace {
                Some(trace) => request.header("traceparent", trace),
                None => request,
            };
            request.header("content-type", "application/json").body(body)
        });
        match answer.await {
            Ok(answer) => endpoint::by_status(&answer, message.now),
            Err(report) => report,
        }
    }

    fn is_one_service(&self) -> bool {
        false
    }
}

fn body(message: &Outgoing) -> Value {
    let mut data = json!(message.about);
    data["deliveryId"] = json!(message.delivery_id);
    data["attempt"] = json!(message.attempt);
    data["user"] = json!(message.told);
    data["thread"] = json!(message.thread);
    data["subject"] = json!(message.content.subject);
    data["text"] = json!(&*message.content.text);
    data["url"] = json!(message.content.url);
    data["answerUrl"] = json!(message.answer.as_ref().and_then(|answer| answer.url.as_deref()));
    data["urgent"] = json!(message.urgent);
    data["messages"] = json!(message.members);
    json!({ "type": "watchbell.message", "timestamp": message.now.to_string(), "data": data })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use watchbell_core::ManualClock;
    use watchbell_core::outcome::LimitScope;

    use super::*;
    use crate::kinds::stand_in::{Act, StandIn, at, outgoing};

    /// The specification's own example.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn settings(secret: &str, previous: &str) -> Settings {
        let (secret, previous_secret) = (Secret::new(secret), Secret::new(previous));
        let none = Secret::default();
        Settings {
            secret,
            previous_secret,
            contact_key: none.clone(),
            previous_contact_key: none,
            allow_private: true,
            allow_networks: vec![],
        }
    }

    async fn send(service: &StandIn, settings: Settings) -> Report {
        let message = outgoing(Channel::Webhook, Address::Other(Secret::new(format!("{}/hook?k=v", service.url))));
        let provider = settings.build("webhook", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
        let shown = format!("{provider:?} {settings:?}");
        assert!(!shown.contains("MfKQ"), "{shown}");
        provider.send(&message).await
    }

    #[test]
    fn the_signature_is_the_specification_s() {
        let keys = settings(SECRET, "").keys().unwrap();
        let signature = keys.signature("https://example.org/", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[tokio::test]
    async fn a_message_is_signed_with_every_secret() {
        let service = StandIn::start([Act::Answer(204, "", String::new())]).await;
        assert_eq!(send(&service, settings(SECRET, OTHER)).await, Report::accepted(None));
        let seen = service.only();
        assert_eq!(seen.line, "POST /hook?k=v HTTP/1.1");
        assert_eq!(
            seen.json(),
            json!({
                "type": "watchbell.message",
                "timestamp": "2026-11-20T08:00:00.000Z",
                "data": {
                    "kind": "alert",
                    "eventId": "01KAFX8M00EVENT",
                    "alertId": "A-7",
                    "round": 1,
                    "dutyId": null,
                    "status": null,
                    "priority": "HIGH",
                    "category": null,
                    "labels": {"host": "db-1"},
                    "user": {"id": 7, "name": "Anna"},
                    "attempt": 2,
                    "messages": [],
                    "deliveryId": "01KAFX8M00ABCDEFGHJKMNPQRS",
                    "thread": "alert:A-7",
                    "subject": "[HIGH] Disk full on db-1",
                    "text": "Disk full on db-1\n\nhttps://alerts.example.org/7",
                    "url": "https://alerts.example.org/7",
                    "answerUrl": null,
                    "urgent": true,
                },
            })
        );
        let header = |name: &str| {
            let line = seen.headers.lines().find_map(|line| line.split_once(": ").filter(|(found, _)| *found == name));
            line.unwrap().1.to_owned()
        };
        assert_eq!(header("content-type"), "application/json");
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        assert_eq!((id.as_str(), timestamp.as_str()), ("01KAFX8M00ABCDEFGHJKMNPQRS", "1795161600"));
        // As a receiver checks it, with either secret.
        let signatures: Vec<String> = header("webhook-signature").split(' ').map(str::to_owned).collect();
        for (secret, signature) in [SECRET, OTHER].iter().zip(&signatures) {
            let bytes = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
            let tag = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
            let content = format!("{id}.{timestamp}.{}", seen.body);
            hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), content.as_bytes(), &tag).unwrap();
        }
        assert_eq!(signatures.len(), 2);
    }

    #[test]
    fn a_receiver_s_own_secret_signs_for_nobody_else() {
        let own = |secret: &str| Settings { contact_key: Secret::new(OTHER), ..settings(secret, "") };
        let sign = |settings: Settings, url: &str| settings.keys().unwrap().signature(url, "1", 2, "{}");
        let mine = hmac::Key::new(hmac::HMAC_SHA256, &{
            let secret = own("").contact_key().unwrap().secret_of("https://a.example.org/");
            STANDARD.decode(secret.expose().trim_start_matches("whsec_")).unwrap()
        });
        let expected = format!("v1,{}", STANDARD.encode(hmac::sign(&mine, b"1.2.{}")));
        assert_eq!(sign(own(""), "https://a.example.org/"), expected);
        assert_ne!(sign(own(""), "https://b.example.org/"), expected);
        // Receivers that still check with the secret that all know go on working.
        let both = sign(own(SECRET), "https://a.example.org/");
        assert_eq!(both, format!("{expected} {}", sign(settings(SECRET, ""), "https://a.example.org/")));
        let rotated = Settings { contact_key: Secret::new(SECRET), previous_contact_key: Secret::new(OTHER), ..settings("", "") };
        assert!(sign(rotated, "https://a.example.org/").ends_with(&format!(" {expected}")));
    }

    #[tokio::test]
    async fn answers_are_classified_and_private_addresses_refused() {
        let retry = |after| Outcome::Retry { after, scope: LimitScope::Recipient };
        let table = [
            (410, "", Outcome::BadAddress),
            (401, "", Outcome::BadMessage),
            (404, "", Outcome::BadMessage),
            (422, "", Outcome::BadMessage),
            (302, "Location: http://127.0.0.1/\r\n", Outcome::BadMessage),
            (429, "Retry-After: 7\r\n", retry(Some(at("2026-11-20T08:00:07Z")))),
            (503, "", retry(None)),
        ];
        for (status, headers, outcome) in table {
            let service = StandIn::start([Act::Answer(status, headers, String::new())]).await;
            assert_eq!(send(&service, settings(SECRET, "")).await, Report::new(outcome, format!("http_{status}")));
        }
        let service = StandIn::start([Act::Silent]).await;
        assert_eq!(send(&service, settings(SECRET, "")).await, Report::new(Outcome::Unknown, "timeout".to_owned()));
        let closed = Settings { allow_private: false, ..settings(SECRET, "") };
        assert_eq!(send(&service, closed).await, Report::new(Outcome::BadAddress, "private_address".to_owned()));
    }

    #[test]
    fn settings_are_checked() {
        let check = |settings: Settings| settings.check(&CommonSettings::default()).map_err(|error| (error.key, error.value));
        assert_eq!(check(settings(SECRET, OTHER)), Ok(()));
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_!"] {
            assert_eq!(check(settings(bad, "")), Err(("secret".to_owned(), None)), "{bad}");
        }
        let own = Settings { contact_key: Secret::new("short"), ..settings("", "") };
        assert_eq!(check(own.clone()), Err(("contact_key".to_owned(), None)));
        assert_eq!(check(Settings { contact_key: Secret::new(OTHER), ..own }), Ok(()));
        assert_eq!(check(settings(SECRET, "old")), Err(("previous_secret".to_owned(), None)));
        let networks = Settings { allow_networks: vec!["10.0.0.0/40".to_owned()], ..settings(SECRET, "") };
        assert_eq!(check(networks), Err(("allow_networks".to_owned(), Some("10.0.0.0/40".to_owned()))));
    }
}
