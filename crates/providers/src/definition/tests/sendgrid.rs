//! SendGrid: answers and events as its API reference has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::*;
use crate::inbound::Consent;

const TOML: &str = include_str!("../../../definitions/sendgrid.toml");
/// What comes before the point in the key as SendGrid shows it.
const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";

/// A table, and who signs for it.
fn table() -> (Value, EcdsaKeyPair) {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random).unwrap();
    let public = [hex::decode(SPKI).unwrap(), key.public_key().as_ref().to_vec()].concat();
    let table = json!({"kind": "sendgrid", "api_key": "s3cret", "from": "bell@example.org", "webhook_public_key": STANDARD.encode(public)});
    (table, key)
}

fn email() -> Outgoing {
    outgoing(Channel::Email, Address::Email("anna@example.org".to_owned()))
}

fn signed(key: &EcdsaKeyPair, events: &Value) -> Call {
    let body = events.to_string();
    let tag = key.sign(&SystemRandom::new(), format!("1795161600{body}").as_bytes()).unwrap();
    Call::json(&body)
        .header("x-twilio-email-event-webhook-signature", &STANDARD.encode(tag))
        .header("x-twilio-email-event-webhook-timestamp", "1795161600")
}

#[tokio::test]
async fn a_message() {
    let (report, seen) = send(&table().0, &email(), Act::Answer(202, "X-Message-Id: 14c5d75ce93\r\n", String::new())).await;
    assert_eq!(report, accepted("14c5d75ce93"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /v3/mail/send HTTP/1.1");
    assert!(seen.headers.contains("authorization: Bearer s3cret"), "{}", seen.headers);
    assert_eq!(
        seen.json(),
        json!({
            "personalizations": [{"to": [{"email": "anna@example.org"}], "custom_args": {"delivery": DELIVERY}}],
            "from": {"email": "bell@example.org", "name": "Watchbell"},
            "subject": "[HIGH] Disk full on db-1",
            "content": [
                {"type": "text/plain", "value": "Disk full on db-1\n\nhttps://alerts.example.org/7"},
                {"type": "text/html", "value": "<p>Disk full on db-1</p>"},
            ],
            "headers": {"Auto-Submitted": "auto-generated"},
            "tracking_settings": {"click_tracking": {"enable": false, "enable_text": false}, "open_tracking": {"enable": false}},
        })
    );
    let mut plain = email();
    plain.content.html.clear();
    let (_, seen) = send(&table().0, &plain, Act::Answer(500, "", String::new())).await;
    assert_eq!(seen.unwrap().json()["content"].as_array().unwrap().len(), 1);
}

#[test]
fn answers_mean_what_the_reference_says() {
    let error = |field: &str| format!(r#"{{"errors":[{{"message":"Does not contain a valid address.","field":"{field}"}}]}}"#);
    let table = [
        (202, String::new(), refused(Outcome::Unknown, "no_message_id")),
        (200, "<html>".to_owned(), refused(Outcome::Unknown, "broken_answer")),
        (400, error("personalizations.0.to.0.email"), refused(Outcome::BadAddress, "http_400")),
        (400, error("personalizations.0.to"), refused(Outcome::BadAddress, "http_400")),
        (400, error("from.email"), refused(Outcome::BadMessage, "http_400")),
        (400, error("content.0.value"), refused(Outcome::BadMessage, "http_400")),
        (401, error("null"), refused(Outcome::ProviderDown, "http_401")),
        (403, error("from"), refused(Outcome::ProviderDown, "http_403")),
        (404, "<html>".to_owned(), refused(Outcome::ProviderDown, "http_404")),
        (405, String::new(), refused(Outcome::ProviderDown, "http_405")),
        (413, String::new(), refused(Outcome::BadMessage, "http_413")),
        (500, error("personalizations.0.to"), refused(retry(None, LimitScope::Message), "http_500")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
    let limited = classify(TOML, 429, &[("x-ratelimit-reset", "1795161660")], "");
    assert_eq!(limited.outcome, retry(Some("2026-11-20T08:01:00Z"), LimitScope::Provider));
}

fn event(kind: &str, more: &Value) -> Value {
    let mut event = json!({
        "email": "anna@example.org", "timestamp": 1_795_161_590, "event": kind, "sg_event_id": "e1", "sg_message_id": "14c5d75ce93.filter1",
        "delivery": DELIVERY,
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

#[tokio::test]
async fn events_say_what_became_of_it_several_at_once() {
    use ReceiptOutcome::{BadAddress, Delivered, Undelivered};
    let cases = [
        (event("processed", &json!({})), None),
        (event("deferred", &json!({"response": "400 try again"})), None),
        (event("delivered", &json!({"response": "250 OK"})), Some((Delivered, None))),
        (event("bounce", &json!({"type": "bounce", "status": "5.1.1"})), Some((BadAddress, Some("5.1.1")))),
        (event("bounce", &json!({"type": "blocked", "status": "5.7.1"})), Some((Undelivered, Some("5.7.1")))),
        (event("dropped", &json!({"reason": "Bounced Address"})), Some((BadAddress, None))),
        (event("dropped", &json!({"reason": "Spam Reporting Address"})), Some((BadAddress, None))),
        (event("dropped", &json!({"reason": "Unsubscribed Address"})), Some((BadAddress, None))),
        (event("dropped", &json!({"reason": "Spam Content (if Spam Checker app is enabled)"})), Some((Undelivered, None))),
        (event("open", &json!({})), None),
        // Somebody else's, of the same account.
        (json!({"event": "delivered", "email": "bert@example.org"}), None),
    ];
    let (table, key) = table();
    let events: Vec<_> = cases.iter().map(|(event, _)| event.clone()).collect();
    let notices = signed(&key, &json!(events)).notices(&table).await;
    let said: Vec<_> = notices
        .iter()
        .map(|notice| match notice {
            Notice::Receipt(receipt) => (receipt.outcome, receipt.code.as_deref()),
            other => panic!("no receipt: {other:?}"),
        })
        .collect();
    assert_eq!(said, cases.iter().filter_map(|(_, expected)| *expected).collect::<Vec<_>>());
    let opted = signed(&key, &json!([event("spamreport", &json!({})), event("group_resubscribe", &json!({}))])).notices(&table).await;
    let consent = |is_in| Consent { channels: &[Channel::Email], address: watchbell_core::Secret::new("anna@example.org"), is_in };
    assert_eq!(opted, [Notice::Consent(consent(false)), Notice::Consent(consent(true))]);
}

#[tokio::test]
async fn what_is_signed_by_another_key_is_refused() {
    let ((table, key), (other, _)) = (table(), table());
    let call = signed(&key, &json!([event("delivered", &json!({}))]));
    assert!(call.read(&table).await.is_ok());
    assert!(matches!(call.read(&other).await, Err(Refusal::Forbidden(_))));
    let mut changed = call.clone();
    changed.body.push(b' ');
    assert!(matches!(changed.read(&table).await, Err(Refusal::Forbidden(_))));
    assert!(matches!(call.header("x-twilio-email-event-webhook-timestamp", "1795161601").read(&table).await, Err(Refusal::Forbidden(_))));
}
