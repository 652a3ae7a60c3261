//! Vonage's SMS API: answers and receipts as its API reference has them.

use ring::hmac;

use super::*;
use crate::inbound::Text;

const TOML: &str = include_str!("../../../definitions/vonage.toml");

fn table() -> Value {
    json!({"kind": "vonage", "api_key": "k", "api_secret": "s3cret", "from": "Watchbell", "signature_secret": "s3cret-2"})
}

/// As Vonage signs: all fields, sorted, with HMAC-SHA256.
fn signed(fields: &str) -> String {
    let mut pairs: Vec<(String, String)> = url::form_urlencoded::parse(fields.as_bytes()).into_owned().collect();
    pairs.push(("timestamp".to_owned(), "1795161600".to_owned()));
    pairs.sort();
    let text: String = pairs.iter().map(|(name, value)| ["&", name, "=", &value.replace(['&', '='], "_")].concat()).collect();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s3cret-2"), text.as_bytes());
    format!("{fields}&timestamp=1795161600&sig={}", hex::encode(tag))
}

#[tokio::test]
async fn a_message() {
    let taken = r#"{"message-count":"1","messages":[{"to":"4915112345678","message-id":"0A","status":"0"}]}"#;
    let (report, seen) = send(&table(), &sms(), Act::Answer(200, "", taken.to_owned())).await;
    assert_eq!(report, accepted("0A"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /sms/json HTTP/1.1");
    // k:s3cret
    assert!(seen.headers.contains("authorization: Basic azpzM2NyZXQ="), "{}", seen.headers);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        seen.form(),
        [
            field("callback", "https://bell.example.org/wb/callbacks/sms-a"),
            field("client-ref", DELIVERY),
            field("from", "Watchbell"),
            field("text", "HIGH: Disk full on db-1"),
            field("to", "4915112345678"),
            field("ttl", "3600000"),
            field("type", "text"),
        ]
    );
}

#[tokio::test]
async fn what_is_not_there_is_left_out_and_other_scripts_are_said() {
    let mut table = table();
    table.as_object_mut().unwrap().remove("signature_secret");
    let mut message = sms();
    message.content.short = "Диск".into();
    message.expires_at = None;
    let (_, seen) = send(&table, &message, Act::Answer(500, "", String::new())).await;
    let names: Vec<_> = seen.unwrap().form().into_iter().filter(|(name, _)| name != "text").collect();
    let expected = [("client-ref", DELIVERY), ("from", "Watchbell"), ("to", "4915112345678"), ("type", "unicode")];
    assert_eq!(names, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(settings(&table).inbound("sms-a").unwrap().is_none(), "what nobody signs is not believed");
}

#[test]
fn answers_mean_what_the_reference_says() {
    let one = |status: &str| format!(r#"{{"messages":[{{"status":"{status}","error-text":"to +4915112345678"}}]}}"#);
    let two = |a: &str, b: &str| format!(r#"{{"messages":[{{"status":"{a}","message-id":"0A"}},{{"status":"{b}"}}]}}"#);
    let passing = || retry(None, LimitScope::Message);
    let table = [
        (200, two("0", "0"), accepted("0A")),
        (200, two("0", "5"), refused(Outcome::Unknown, "some_parts")),
        (200, one("1"), refused(passing(), "1")),
        (200, one("5"), refused(passing(), "5")),
        (200, one("10"), refused(passing(), "10")),
        (200, one("7"), refused(Outcome::BadAddress, "7")),
        (200, one("33"), refused(Outcome::BadAddress, "33")),
        (200, one("3"), refused(Outcome::BadMessage, "3")),
        (200, one("34"), refused(Outcome::BadRoute, "34")),
        (200, one("4"), refused(Outcome::ProviderDown, "4")),
        (200, one("9"), refused(Outcome::ProviderDown, "9")),
        (200, one("29"), refused(Outcome::ProviderDown, "29")),
        (200, one("99"), refused(Outcome::BadMessage, "99")),
        // A success that names no message, and what is no answer of Vonage's.
        (200, r#"{"messages":[{"status":"0"}]}"#.to_owned(), refused(Outcome::Unknown, "no_message_id")),
        (200, "{}".to_owned(), refused(Outcome::Unknown, "broken_answer")),
        (200, "<html>".to_owned(), refused(Outcome::Unknown, "broken_answer")),
        (401, String::new(), refused(Outcome::ProviderDown, "http_401")),
        (404, String::new(), refused(Outcome::ProviderDown, "http_404")),
        (429, String::new(), refused(retry(None, LimitScope::Provider), "http_429")),
        (503, one("4"), refused(passing(), "4")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
    let later = classify(TOML, 429, &[("retry-after", "7")], "");
    assert_eq!(later.outcome, retry(Some("2026-11-20T08:00:07Z"), LimitScope::Provider));
}

#[tokio::test]
async fn receipts_say_what_became_of_it() {
    use ReceiptOutcome::{BadAddress, Delivered, TryAgain, Undelivered};
    let table = [
        ("delivered", "0", Some(said("0A", Delivered, Some("0")))),
        ("accepted", "0", None),
        ("buffered", "0", None),
        ("unknown", "1", None),
        ("failed", "3", Some(said("0A", BadAddress, Some("3")))),
        ("failed", "9", Some(said("0A", BadAddress, Some("9")))),
        ("failed", "2", Some(said("0A", TryAgain, Some("2")))),
        ("rejected", "99", Some(said("0A", Undelivered, Some("99")))),
        ("expired", "7", Some(said("0A", TryAgain, Some("7")))),
    ];
    for (status, code, expected) in table {
        let fields = signed(&format!("msisdn=4915112345678&messageId=0A&status={status}&err-code={code}&client-ref={DELIVERY}"));
        assert_eq!(Call::get(&fields).receipt(&self::table()).await, expected, "{status} {code}");
        assert_eq!(Call::form(&fields).receipt(&self::table()).await, expected, "{status} {code}");
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(fields.as_bytes()).into_owned().collect();
        let body: serde_json::Map<_, _> = pairs.into_iter().map(|(name, value)| (name, json!(value))).collect();
        assert_eq!(Call::json(&Value::Object(body).to_string()).receipt(&self::table()).await, expected, "{status} {code}");
    }
    // Somebody else's message of the same account.
    assert_eq!(Call::form(&signed("messageId=0B&status=delivered")).receipt(&self::table()).await, None);
}

#[tokio::test]
async fn a_text_is_who_wrote_it_and_what() {
    let fields = signed("msisdn=4915112345678&to=Watchbell&messageId=0C&text=1+A7&type=text");
    let expected = Text {
        channels: &[Channel::Sms, Channel::Whatsapp, Channel::Voice],
        from: watchbell_core::Secret::new(PHONE),
        by: None,
        replies_to: None,
        message_id: Some("0C".to_owned()),
        text: watchbell_core::Secret::new("1 A7"),
        locale: String::new(),
    };
    assert_eq!(Call::form(&fields).notices(&table()).await, [Notice::Text(expected)]);
    let second = signed("msisdn=4915112345678&messageId=0D&text=rest&concat=true&concat-part=2");
    assert_eq!(Call::form(&second).notices(&table()).await, []);
}

#[tokio::test]
async fn what_vonage_did_not_sign_changes_nothing() {
    let good = signed(&format!("messageId=0A&status=delivered&client-ref={DELIVERY}"));
    let bad = [
        good.replace("delivered", "failed"),
        good.replace("timestamp=1795161600", "timestamp=1795160000"),
        good.split("&sig=").next().unwrap().to_owned(),
        String::new(),
    ];
    for fields in bad {
        assert!(matches!(Call::form(&fields).read(&table()).await, Err(Refusal::Forbidden(_))), "{fields}");
    }
    let mut rotated = table();
    rotated["signature_secret"] = json!("new");
    rotated["previous_signature_secret"] = json!("s3cret-2");
    assert_eq!(Call::form(&good).notices(&rotated).await.len(), 1);
}
