//! Plivo: answers and callbacks as its reference has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::*;

const TOML: &str = include_str!("../../../definitions/plivo.toml");
const ID: &str = "MAXXXXXXXXXXXXXXXXXX";

fn table() -> Value {
    json!({"kind": "plivo", "auth_id": ID, "auth_token": "s3cret", "from": "+15005550006"})
}

/// As Plivo signs, version 3.
fn signed(form: &str) -> Call {
    let mut pairs: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    pairs.sort();
    let fields: String = pairs.iter().map(|(name, value)| [name.as_str(), value.as_str()].concat()).collect();
    let text = format!("https://bell.example.org/wb/callbacks/sms-a?delivery={DELIVERY}.{fields}.5");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s3cret"), text.as_bytes());
    Call::form(form)
        .query(&format!("delivery={DELIVERY}"))
        .header("x-plivo-signature-v3", &STANDARD.encode(tag))
        .header("x-plivo-signature-v3-nonce", "5")
}

#[tokio::test]
async fn a_message() {
    let answer = r#"{"message":"message(s) queued","message_uuid":["db3ce55a"],"api_id":"x"}"#;
    let (report, seen) = send(&table(), &sms(), Act::Answer(202, "", answer.to_owned())).await;
    assert_eq!(report, accepted("db3ce55a"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, format!("POST /v1/Account/{ID}/Message/ HTTP/1.1"));
    let expected = json!({
        "src": "15005550006", "dst": "4915112345678", "text": "HIGH: Disk full on db-1", "type": "sms", "method": "POST",
        "url": format!("https://bell.example.org/wb/callbacks/sms-a?delivery={DELIVERY}"), "message_expiry": 3600,
    });
    assert_eq!(seen.json(), expected);
    let mut named = table();
    named["from"] = json!("Watch 24");
    let (_, seen) = send(&named, &sms(), Act::Answer(500, "", String::new())).await;
    assert_eq!(seen.unwrap().json()["src"], "Watch 24");
}

#[test]
fn answers_mean_what_the_reference_says() {
    let error = |text: &str| json!({"api_id": "x", "error": text}).to_string();
    let table = [
        (400, error("dst parameter is not valid"), refused(Outcome::BadAddress, "http_400")),
        (400, error("text parameter is missing"), refused(Outcome::BadMessage, "http_400")),
        (401, error("authentication failed"), refused(Outcome::ProviderDown, "http_401")),
        (402, error("insufficient credit"), refused(Outcome::ProviderDown, "http_402")),
        (404, error("not found"), refused(Outcome::ProviderDown, "http_404")),
        (429, String::new(), refused(retry(None, LimitScope::Provider), "http_429")),
        (500, String::new(), refused(retry(None, LimitScope::Message), "http_500")),
        (202, "{}".to_owned(), refused(Outcome::Unknown, "no_message_id")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn callbacks_say_what_became_of_it_and_what_people_write() {
    use ReceiptOutcome::{BadAddress, Delivered, Read, TryAgain, Undelivered};
    let table = [
        ("queued", "", None),
        ("sent", "", None),
        ("delivered", "000", Some(said("db3", Delivered, Some("000")))),
        ("read", "", Some(said("db3", Read, None))),
        ("undelivered", "50", Some(said("db3", BadAddress, Some("50")))),
        ("failed", "200", Some(said("db3", BadAddress, Some("200")))),
        ("undelivered", "20", Some(said("db3", TryAgain, Some("20")))),
        ("rejected", "40", Some(said("db3", TryAgain, Some("40")))),
        ("failed", "", Some(said("db3", Undelivered, None))),
    ];
    for (status, code, expected) in table {
        let form = format!("MessageUUID=db3&Status={status}&ErrorCode={code}&To=4915112345678");
        assert_eq!(signed(&form).receipt(&self::table()).await, expected, "{status} {code}");
    }
    let notices = signed("From=4915112345678&To=15005550006&Text=ack&MessageUUID=db4").notices(&self::table()).await;
    assert!(
        matches!(notices.as_slice(), [Notice::Text(text)] if text.from.expose() == PHONE && text.text.expose() == "ack"),
        "{notices:?}"
    );
    let forged = signed("MessageUUID=db3&Status=delivered");
    let forged = Call { body: b"MessageUUID=db3&Status=failed".to_vec(), ..forged };
    assert!(matches!(forged.read(&self::table()).await, Err(Refusal::Forbidden(_))));
}

#[tokio::test]
async fn a_message_without_an_answer_is_looked_for() {
    let entry = |to: &str, at: &str, state: &str, code: Value| json!({"message_uuid": "db3", "to_number": to, "message_time": at, "message_state": state, "error_code": code});
    let ask = async |entries: Value| look_up(&table(), &sms(), Act::Answer(200, "", json!({ "objects": entries }).to_string())).await;
    let (found, seen) = ask(json!([entry("4915112345678", "2026-11-20T08:00:01Z", "sent", Value::Null)])).await;
    assert_eq!(found, Some(vec![Found { message_id: "db3".to_owned(), report: accepted("db3") }]));
    assert_eq!(seen.unwrap().line, format!("GET /v1/Account/{ID}/Message/?to_number=4915112345678&limit=20 HTTP/1.1"));
    let (found, _) = ask(json!([entry("4915112345678", "2026-11-20T08:00:01Z", "failed", json!("50"))])).await;
    assert_eq!(found.unwrap()[0].report, refused(Outcome::BadAddress, "50"));
    for other in [
        json!([entry("4915112345679", "2026-11-20T08:00:01Z", "sent", Value::Null)]),
        json!([entry("4915112345678", "2026-11-20T07:58:00Z", "sent", Value::Null)]),
        json!([]),
    ] {
        assert_eq!(ask(other).await.0, Some(vec![]));
    }
    for rubbish in [Act::Answer(200, "", "{}".to_owned()), Act::Answer(500, "", String::new()), Act::Answer(200, "", "<".to_owned())] {
        assert_eq!(look_up(&table(), &sms(), rubbish).await.0, None);
    }
}
