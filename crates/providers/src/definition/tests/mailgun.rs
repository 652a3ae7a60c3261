//! Mailgun: answers and webhooks as its API reference has them.

use ring::hmac;

use super::*;
use crate::inbound::Consent;

const TOML: &str = include_str!("../../../definitions/mailgun.toml");

fn table() -> Value {
    json!({"kind": "mailgun", "api_key": "s3cret", "domain": "mg.example.org", "from": "Watchbell <bell@mg.example.org>", "webhook_signing_key": "s3cret-2"})
}

#[tokio::test]
async fn a_message() {
    let taken = r#"{"id":"<01KAFX8M00ABCDEFGHJKMNPQRS@mg.example.org>","message":"Queued. Thank you."}"#;
    let message = outgoing(Channel::Email, Address::Email("anna@example.org".to_owned()));
    let (report, seen) = send(&table(), &message, Act::Answer(200, "", taken.to_owned())).await;
    assert_eq!(report, accepted("01KAFX8M00ABCDEFGHJKMNPQRS@mg.example.org"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /v3/mg.example.org/messages HTTP/1.1");
    // api:s3cret
    assert!(seen.headers.contains("authorization: Basic YXBpOnMzY3JldA=="), "{}", seen.headers);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        seen.form(),
        [
            field("from", "Watchbell <bell@mg.example.org>"),
            field("h:Auto-Submitted", "auto-generated"),
            field("h:Message-Id", "<01KAFX8M00ABCDEFGHJKMNPQRS@mg.example.org>"),
            field("html", "<p>Disk full on db-1</p>"),
            field("o:tracking", "no"),
            field("subject", "[HIGH] Disk full on db-1"),
            field("text", "Disk full on db-1\n\nhttps://alerts.example.org/7"),
            field("to", "anna@example.org"),
            field("v:delivery", DELIVERY),
        ]
    );
}

#[test]
fn answers_mean_what_the_reference_says() {
    let says = |message: &str| json!({"message": message}).to_string();
    let table = [
        (200, r#"{"id":"<1@mg>","message":"Queued. Thank you."}"#.to_owned(), accepted("1@mg")),
        (200, "Mailgun Magnificent API".to_owned(), refused(Outcome::ProviderDown, "wrong_url")),
        (404, says("Domain not found: mg.example.org"), refused(Outcome::ProviderDown, "unknown_domain")),
        (400, says("'to' parameter is not a valid address. please check documentation"), refused(Outcome::BadAddress, "http_400")),
        (400, says("to parameter is missing"), refused(Outcome::BadAddress, "http_400")),
        (400, says("from parameter is missing"), refused(Outcome::BadMessage, "http_400")),
        (400, says("Domain mg.example.org is not allowed to send: Please contact support"), refused(Outcome::ProviderDown, "not_allowed")),
        (401, "Forbidden".to_owned(), refused(Outcome::ProviderDown, "http_401")),
        (402, String::new(), refused(Outcome::ProviderDown, "http_402")),
        (403, "Forbidden".to_owned(), refused(Outcome::ProviderDown, "http_403")),
        (413, String::new(), refused(Outcome::BadMessage, "http_413")),
        (500, says("to parameter is missing"), refused(retry(None, LimitScope::Message), "http_500")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
    let limited = classify(TOML, 429, &[("x-ratelimit-reset", "1795161660")], "");
    assert_eq!(limited.outcome, retry(Some("2026-11-20T08:01:00Z"), LimitScope::Provider));
}

fn webhook(event: &Value, key: &str, timestamp: &str) -> Call {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), format!("{timestamp}t0k3n").as_bytes());
    let signature = json!({"timestamp": timestamp, "token": "t0k3n", "signature": hex::encode(tag)});
    Call::json(&json!({"signature": signature, "event-data": event}).to_string())
}

fn event(kind: &str, severity: &str, reason: &str, code: u16) -> Value {
    json!({
        "event": kind, "severity": severity, "reason": reason, "recipient": "anna@example.org", "user-variables": {"delivery": DELIVERY},
        "delivery-status": {"code": code, "message": "to anna@example.org"}, "message": {"headers": {"message-id": "1@mg"}},
    })
}

#[tokio::test]
async fn webhooks_say_what_became_of_it() {
    use ReceiptOutcome::{BadAddress, Delivered, Undelivered};
    let table = [
        (event("accepted", "", "", 0), None),
        (event("delivered", "", "", 250), Some(said("1@mg", Delivered, Some("250")))),
        (event("failed", "permanent", "generic", 550), Some(said("1@mg", BadAddress, Some("550")))),
        (event("failed", "permanent", "bounce", 605), Some(said("1@mg", BadAddress, Some("605")))),
        (event("failed", "permanent", "suppress-bounce", 605), Some(said("1@mg", BadAddress, Some("605")))),
        (event("failed", "permanent", "old", 602), Some(said("1@mg", Undelivered, Some("602")))),
        (event("failed", "temporary", "generic", 452), None),
        (event("rejected", "", "", 0), Some(said("1@mg", Undelivered, Some("0")))),
        (event("opened", "", "", 0), None),
    ];
    for (event, expected) in table {
        assert_eq!(webhook(&event, "s3cret-2", "1795161600").receipt(&self::table()).await, expected, "{event}");
    }
    let complained = webhook(&event("complained", "", "", 0), "s3cret-2", "1795161600").notices(&self::table()).await;
    let out = Consent { channels: &[Channel::Email], address: watchbell_core::Secret::new("anna@example.org"), is_in: false };
    assert_eq!(complained, [Notice::Consent(out)]);
}

#[tokio::test]
async fn what_is_not_signed_or_old_is_refused_and_what_cannot_be_read_is_not_said_again() {
    let delivered = event("delivered", "", "", 250);
    let refused = async |call: Call| matches!(call.read(&table()).await, Err(Refusal::Forbidden(_)));
    assert!(refused(webhook(&delivered, "other", "1795161600")).await);
    assert!(refused(webhook(&delivered, "s3cret-2", "1795129199")).await, "nine hours and a second");
    assert!(refused(Call::json("{}")).await);
    assert!(refused(Call::get("a=b")).await);
    let heard = webhook(&delivered, "s3cret-2", "1795129200").read(&table()).await.unwrap();
    assert_eq!(heard.notices.len(), 1);
}
