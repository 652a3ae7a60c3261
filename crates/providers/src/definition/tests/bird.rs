//! Bird's classic API (MessageBird): answers and reports as its reference has them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};

use super::*;

const TOML: &str = include_str!("../../../definitions/bird.toml");

fn table() -> Value {
    json!({"kind": "bird", "access_key": "s3cret", "from": "+15005550006", "signing_key": "s3cret-2"})
}

fn signed(call: Call) -> Call {
    let hash = |bytes: &[u8]| hex::encode(digest::digest(&digest::SHA256, bytes));
    let mut claims =
        json!({"iss": "MessageBird", "nbf": 1_795_161_595, "exp": 1_795_161_660, "jti": "1", "url_hash": hash(call.url().as_bytes())});
    if !call.body.is_empty() {
        claims["payload_hash"] = json!(hash(&call.body));
    }
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s3cret-2"), text.as_bytes());
    call.header("messagebird-signature-jwt", &format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag)))
}

#[tokio::test]
async fn a_message() {
    let (report, seen) = send(&table(), &sms(), Act::Answer(201, "", r#"{"id":"e8077d80"}"#.to_owned())).await;
    assert_eq!(report, accepted("e8077d80"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /messages HTTP/1.1");
    assert!(seen.headers.contains("authorization: AccessKey s3cret"), "{}", seen.headers);
    let expected = json!({
        "originator": "15005550006", "recipients": ["4915112345678"], "body": "HIGH: Disk full on db-1", "reference": DELIVERY,
        "reportUrl": format!("https://bell.example.org/wb/callbacks/sms-a?delivery={DELIVERY}"), "datacoding": "auto", "validity": 3600,
    });
    assert_eq!(seen.json(), expected);
}

#[test]
fn answers_mean_what_the_reference_says() {
    let error = |code: u8, parameter: &str| json!({"errors": [{"code": code, "description": "x", "parameter": parameter}]}).to_string();
    let table = [
        (422, error(9, "recipients"), refused(Outcome::BadAddress, "9")),
        (422, error(10, "recipients"), refused(Outcome::BadAddress, "10")),
        (422, error(9, "body"), refused(Outcome::BadMessage, "9")),
        (401, error(2, "access_key"), refused(Outcome::ProviderDown, "2")),
        (422, error(25, ""), refused(Outcome::ProviderDown, "25")),
        (500, error(99, ""), refused(retry(None, LimitScope::Message), "99")),
        (422, error(77, ""), refused(Outcome::BadMessage, "http_422")),
        (404, String::new(), refused(Outcome::ProviderDown, "http_404")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn reports_say_what_became_of_it() {
    use ReceiptOutcome::{BadAddress, Delivered, Undelivered};
    let table = [
        ("sent", "", None),
        ("buffered", "", None),
        ("delivered", "", Some(said("e8", Delivered, None))),
        ("delivery_failed", "unknown%20subscriber", Some(said("e8", BadAddress, Some("1")))),
        ("delivery_failed", "opted%20out", Some(said("e8", BadAddress, Some("1")))),
        ("delivery_failed", "", Some(said("e8", Undelivered, Some("1")))),
        ("expired", "", Some(said("e8", Undelivered, Some("1")))),
    ];
    for (status, reason, expected) in table {
        let code = if status == "delivered" { "" } else { "1" };
        let query = format!(
            "delivery={DELIVERY}&id=e8&reference={DELIVERY}&recipient=4915112345678&status={status}&statusErrorCode={code}&statusReason={reason}"
        );
        assert_eq!(signed(Call::get(&query)).receipt(&self::table()).await, expected, "{status} {reason}");
    }
}

#[tokio::test]
async fn people_write_and_forgers_change_nothing() {
    let call = signed(Call::json(r#"{"id":"e9","originator":"4915112345678","recipient":"15005550006","body":"2"}"#));
    let notices = call.notices(&table()).await;
    assert!(matches!(notices.as_slice(), [Notice::Text(text)] if text.from.expose() == PHONE && text.text.expose() == "2"), "{notices:?}");
    let moved = call.clone().query("delivery=another");
    let forged = Call { body: br#"{"id":"e9","originator":"4915112345678","body":"1"}"#.to_vec(), ..call };
    for call in [moved, forged, Call::get("status=delivered")] {
        assert!(matches!(call.read(&table()).await, Err(Refusal::Forbidden(_))));
    }
}

#[tokio::test]
async fn a_message_without_an_answer_is_known_by_our_reference() {
    let list = json!({"items": [{"id": "e7", "reference": "another"}, {"id": "e8", "reference": DELIVERY}]});
    let (found, seen) = look_up(&table(), &sms(), Act::Answer(200, "", list.to_string())).await;
    assert_eq!(found, Some(vec![Found { message_id: "e8".to_owned(), report: accepted("e8") }]));
    assert_eq!(seen.unwrap().line, "GET /messages?originator=15005550006&limit=50 HTTP/1.1");
}
