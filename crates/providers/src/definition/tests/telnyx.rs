//! Telnyx: answers and webhooks as its reference has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::inbound::Consent;

const TOML: &str = include_str!("../../../definitions/telnyx.toml");

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn table() -> Value {
    json!({"kind": "telnyx", "api_key": "s3cret", "from": "+15005550006", "public_key": STANDARD.encode(key().public_key())})
}

fn signed(event: &Value) -> Call {
    let body = json!({"data": event, "meta": {"attempt": 1}}).to_string();
    let tag = key().sign(format!("1795161600|{body}").as_bytes());
    Call::json(&body)
        .query(&format!("delivery={DELIVERY}"))
        .header("telnyx-signature-ed25519", &STANDARD.encode(tag))
        .header("telnyx-timestamp", "1795161600")
}

#[tokio::test]
async fn a_message() {
    let (report, seen) =
        send(&table(), &sms(), Act::Answer(200, "", r#"{"data":{"id":"M1","to":[{"status":"queued"}]}}"#.to_owned())).await;
    assert_eq!(report, accepted("M1"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /v2/messages HTTP/1.1");
    assert!(seen.headers.contains("authorization: Bearer s3cret"), "{}", seen.headers);
    let callback = format!("https://bell.example.org/wb/callbacks/sms-a?delivery={DELIVERY}");
    let expected = json!({"to": PHONE, "from": "+15005550006", "text": "HIGH: Disk full on db-1", "webhook_url": callback});
    assert_eq!(seen.json(), expected);
}

#[test]
fn one_sender_has_to_be_given() {
    let error = ProviderSettings::read(json!({"kind": "telnyx", "api_key": "k"}).as_object().unwrap().clone()).unwrap_err();
    assert_eq!(error.to_string(), "`from`: or messaging_profile_id must be given");
}

#[test]
fn answers_mean_what_the_reference_says() {
    let error = |code: &str, title: &str| json!({"errors": [{"code": code, "title": title, "detail": "to +4915112345678"}]}).to_string();
    let table = [
        (400, error("40310", "Invalid 'to' address"), refused(Outcome::BadAddress, "40310")),
        (400, error("40300", "Blocked due to STOP message"), refused(Outcome::BadAddress, "40300")),
        (400, error("40300", "Blocked"), refused(Outcome::BadRoute, "40300")),
        (400, error("40322", "Blocked content"), refused(Outcome::BadRoute, "40322")),
        (400, error("40305", "Invalid 'from' address"), refused(Outcome::ProviderDown, "40305")),
        (400, error("10015", "Bad request"), refused(Outcome::BadMessage, "10015")),
        (403, error("20100", "Insufficient funds"), refused(Outcome::ProviderDown, "20100")),
        (422, error("40318", "Queue full"), refused(retry(None, LimitScope::Message), "40318")),
        (429, error("40016", "Daily limit"), refused(retry(Some("2026-11-21T00:00:00Z"), LimitScope::Provider), "40016")),
        (401, String::new(), refused(Outcome::ProviderDown, "http_401")),
        (404, "<html>".to_owned(), refused(Outcome::ProviderDown, "http_404")),
        // A status that passes is not made permanent by its code.
        (503, error("40305", "?"), refused(retry(None, LimitScope::Message), "40305")),
        (200, "{}".to_owned(), refused(Outcome::Unknown, "no_message_id")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
    let limited = classify(TOML, 429, &[("x-ratelimit-reset", "9")], &error("10011", "Too many requests"));
    assert_eq!(limited, refused(retry(Some("2026-11-20T08:00:09Z"), LimitScope::Provider), "10011"));
}

#[tokio::test]
async fn webhooks_say_what_became_of_it() {
    use ReceiptOutcome::{BadAddress, Delivered, NoRoute, TryAgain, Undelivered};
    let event = |kind: &str, status: &str, errors: &Value| json!({"event_type": kind, "id": "E1", "payload": {"id": "M1", "to": [{"phone_number": PHONE, "status": status}], "errors": errors}});
    let code = |code: &str, title: &str| json!([{"code": code, "title": title}]);
    let table = [
        (event("message.sent", "sent", &json!([])), None),
        (event("message.finalized", "delivered", &json!([])), Some(said("M1", Delivered, None))),
        (event("message.finalized", "delivery_unconfirmed", &json!([])), None),
        (event("message.finalized", "delivery_failed", &code("40001", "Not routable")), Some(said("M1", BadAddress, Some("40001")))),
        (event("message.finalized", "sending_failed", &code("40300", "STOP")), Some(said("M1", BadAddress, Some("40300")))),
        (event("message.finalized", "sending_failed", &code("40300", "Spam")), Some(said("M1", NoRoute, Some("40300")))),
        (event("message.finalized", "delivery_failed", &code("40011", "Carrier")), Some(said("M1", TryAgain, Some("40011")))),
        (event("message.finalized", "expired", &json!([])), Some(said("M1", Undelivered, None))),
        (event("message.finalized", "delivery_failed", &code("77777", "?")), Some(said("M1", Undelivered, Some("77777")))),
    ];
    for (event, expected) in table {
        assert_eq!(signed(&event).receipt(&self::table()).await, expected, "{event}");
    }
}

#[tokio::test]
async fn people_write_and_opt_out() {
    let received = |text: &str, automatic: Option<&str>| json!({"event_type": "message.received", "payload": {"id": "M2", "from": {"phone_number": PHONE}, "text": text, "autoresponse_type": automatic}});
    let notices = signed(&received("1 A7", None)).notices(&table()).await;
    assert!(
        matches!(notices.as_slice(), [Notice::Text(text)] if text.text.expose() == "1 A7" && text.from.expose() == PHONE),
        "{notices:?}"
    );
    let consent = |is_in| {
        let channels = &[Channel::Sms, Channel::Whatsapp, Channel::Voice][..];
        Notice::Consent(Consent { channels, address: watchbell_core::Secret::new(PHONE), is_in })
    };
    assert_eq!(signed(&received("Arret", Some("STOP"))).notices(&table()).await, [consent(false)]);
    assert_eq!(signed(&received("start", Some("START"))).notices(&table()).await, [consent(true)]);
    assert_eq!(signed(&received("help", Some("HELP"))).notices(&table()).await, []);
    // Known words count where Telnyx did not act on them.
    assert_eq!(signed(&received("Stop!", None)).notices(&table()).await, [consent(false)]);
}

#[tokio::test]
async fn what_telnyx_did_not_sign_changes_nothing() {
    let good = signed(&json!({"event_type": "message.finalized"}));
    let bad = [
        good.clone().header("telnyx-timestamp", "1795161000"),
        good.clone().header("telnyx-signature-ed25519", &STANDARD.encode([0; 64])),
        Call { body: b"{}".to_vec(), ..good.clone() },
        Call::json("{}"),
    ];
    for call in bad {
        assert!(matches!(call.read(&table()).await, Err(Refusal::Forbidden(_))), "{:?}", call.headers);
    }
    assert!(good.read(&table()).await.is_ok());
}
