//! Vonage's Messages API: answers and webhooks as its reference has them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};

use super::*;

const TOML: &str = include_str!("../../../definitions/vonage-messages.toml");

/// A key that openssl makes for this run alone.
fn private_key() -> String {
    let made = std::process::Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output();
    String::from_utf8(made.unwrap().stdout).unwrap()
}

fn table() -> Value {
    json!({
        "kind": "vonage-messages", "application_id": "app-1", "private_key": private_key(), "sms_from": "15005550006",
        "whatsapp_from": "15005550007", "signature_secret": "s3cret",
    })
}

fn signed(event: &Value) -> Call {
    let body = event.to_string();
    let hash = hex::encode(digest::digest(&digest::SHA256, body.as_bytes()));
    let claims = json!({"iss": "Vonage", "iat": 1_795_161_600, "jti": "1", "api_key": "k", "payload_hash": hash});
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s3cret"), text.as_bytes());
    Call::json(&body).header("authorization", &format!("Bearer {text}.{}", URL_SAFE_NO_PAD.encode(tag)))
}

#[tokio::test]
async fn a_message_by_sms_and_by_whatsapp() {
    let table = table();
    let (report, seen) = send(&table, &sms(), Act::Answer(202, "", r#"{"message_uuid":"aaaa"}"#.to_owned())).await;
    assert_eq!(report, accepted("aaaa"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /v1/messages HTTP/1.1");
    let token = seen.headers.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!((&claims["application_id"], &claims["iat"]), (&json!("app-1"), &json!(1_795_161_600)));
    let callback = format!("https://bell.example.org/wb/callbacks/sms-a?delivery={DELIVERY}");
    let expected = json!({
        "message_type": "text", "channel": "sms", "from": "15005550006", "to": "4915112345678", "text": "HIGH: Disk full on db-1",
        "client_ref": DELIVERY, "webhook_url": callback, "webhook_version": "v1", "ttl": 3600,
    });
    assert_eq!(seen.json(), expected);
    let whatsapp = outgoing(Channel::Whatsapp, Address::Phone(PHONE.to_owned()));
    let (_, seen) = send(&table, &whatsapp, Act::Answer(500, "", String::new())).await;
    let body = seen.unwrap().json();
    assert_eq!((&body["channel"], &body["from"], body.get("ttl")), (&json!("whatsapp"), &json!("15005550007"), None));
}

#[test]
fn answers_mean_what_the_reference_says() {
    let error = |code: &str| {
        json!({"type": format!("https://developer.vonage.com/api-errors/messages#{code}"), "title": "x", "detail": "y", "instance": "z"})
            .to_string()
    };
    let table = [
        (429, error("1000"), refused(retry(Some("2026-11-20T08:00:01Z"), LimitScope::Provider), "1000")),
        (422, error("1170"), refused(Outcome::BadAddress, "1170")),
        (422, error("1360"), refused(Outcome::BadMessage, "1360")),
        (403, error("1070"), refused(Outcome::ProviderDown, "1070")),
        (422, error("1320"), refused(Outcome::Unknown, "1320")),
        (422, error("1150"), refused(Outcome::BadMessage, "http_422")),
        (401, json!({"type": "https://x/#unauthorized", "title": "Unauthorized"}).to_string(), refused(Outcome::ProviderDown, "http_401")),
        (402, String::new(), refused(Outcome::ProviderDown, "http_402")),
        (500, String::new(), refused(retry(None, LimitScope::Message), "http_500")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn webhooks_say_what_became_of_it_and_what_people_write() {
    use ReceiptOutcome::{BadAddress, Delivered, Read, TryAgain, Undelivered};
    let table = self::table();
    let status = |status: &str, title: Option<&str>| json!({"message_uuid": "aaaa", "status": status, "client_ref": DELIVERY, "error": title.map(|title| json!({ "title": title }))});
    let rows = [
        (status("submitted", None), None),
        (status("delivered", None), Some(said("aaaa", Delivered, None))),
        (status("read", None), Some(said("aaaa", Read, None))),
        (status("rejected", Some("1170")), Some(said("aaaa", BadAddress, Some("1170")))),
        (status("undeliverable", Some("1331")), Some(said("aaaa", TryAgain, Some("1331")))),
        (status("rejected", None), Some(said("aaaa", Undelivered, None))),
    ];
    for (event, expected) in rows {
        assert_eq!(signed(&event).receipt(&table).await, expected, "{event}");
    }
    let text = |channel: &str| json!({"channel": channel, "from": "4915112345678", "to": "1", "message_uuid": "bbbb", "message_type": "text", "text": "3"});
    for (channel, first) in [("sms", Channel::Sms), ("whatsapp", Channel::Whatsapp)] {
        let notices = signed(&text(channel)).notices(&table).await;
        assert!(
            matches!(notices.as_slice(), [Notice::Text(text)] if text.channels[0] == first && text.from.expose() == PHONE),
            "{notices:?}"
        );
    }
    let forged = Call { body: b"{}".to_vec(), ..signed(&text("sms")) };
    assert!(matches!(forged.read(&table).await, Err(Refusal::Forbidden(_))));
    let stale = signed(&text("sms"));
    assert!(stale.read(&json!({"signature_secret": "another", "kind": "vonage-messages", "application_id": "a", "private_key": table["private_key"]})).await.is_err());
}
