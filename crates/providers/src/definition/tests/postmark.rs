//! Postmark: answers, webhooks and the list of messages as its documentation has them.

use super::*;
use crate::inbound::Consent;

const TOML: &str = include_str!("../../../definitions/postmark.toml");

fn table() -> Value {
    json!({"kind": "postmark", "server_token": "s3cret", "from": "bell@example.org", "webhook_password": "postmark:s3cret-2"})
}

fn email() -> Outgoing {
    outgoing(Channel::Email, Address::Email("anna@example.org".to_owned()))
}

#[tokio::test]
async fn a_message() {
    let taken = r#"{"To":"anna@example.org","SubmittedAt":"2026-11-20T08:00:00Z","MessageID":"b7bc2f4a","ErrorCode":0,"Message":"OK"}"#;
    let (report, seen) = send(&table(), &email(), Act::Answer(200, "", taken.to_owned())).await;
    assert_eq!(report, accepted("b7bc2f4a"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /email HTTP/1.1");
    assert!(
        seen.headers.contains("x-postmark-server-token: s3cret") && seen.headers.contains("accept: application/json"),
        "{}",
        seen.headers
    );
    assert_eq!(
        seen.json(),
        json!({
            "From": "bell@example.org", "To": "anna@example.org", "Subject": "[HIGH] Disk full on db-1",
            "TextBody": "Disk full on db-1\n\nhttps://alerts.example.org/7", "HtmlBody": "<p>Disk full on db-1</p>",
            "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}], "MessageStream": "outbound",
            "Metadata": {"delivery": DELIVERY}, "TrackOpens": false, "TrackLinks": "None",
        })
    );
}

#[test]
fn answers_mean_what_the_documentation_says() {
    let error = |code: u16, message: &str| json!({"ErrorCode": code, "Message": message}).to_string();
    let table = [
        (200, r#"{"MessageID":"b7","ErrorCode":0}"#.to_owned(), accepted("b7")),
        (200, r#"{"ErrorCode":0}"#.to_owned(), refused(Outcome::Unknown, "broken_answer")),
        (422, error(406, "You tried to send to recipients that have been marked as inactive."), refused(Outcome::BadAddress, "406")),
        (422, error(300, "Invalid 'To' address: 'anna'."), refused(Outcome::BadAddress, "300")),
        (422, error(300, "Invalid 'From' address: 'bell'."), refused(Outcome::BadMessage, "300")),
        (422, error(400, "The 'From' address is not a sender signature."), refused(Outcome::ProviderDown, "400")),
        (422, error(401, ""), refused(Outcome::ProviderDown, "401")),
        (422, error(405, ""), refused(Outcome::ProviderDown, "405")),
        (422, error(412, ""), refused(Outcome::ProviderDown, "412")),
        (422, error(413, ""), refused(Outcome::ProviderDown, "413")),
        (422, error(100, "Maintenance"), refused(retry(None, LimitScope::Message), "100")),
        (401, error(10, "Bad or missing API token"), refused(Outcome::ProviderDown, "10")),
        (422, "<html>".to_owned(), refused(Outcome::BadMessage, "http_422")),
        (404, "<html>".to_owned(), refused(Outcome::ProviderDown, "http_404")),
        (429, String::new(), refused(retry(None, LimitScope::Provider), "http_429")),
        (500, error(406, ""), refused(retry(None, LimitScope::Message), "406")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
}

fn webhook(event: &Value) -> Call {
    // postmark:s3cret-2
    Call::json(&event.to_string()).header("authorization", "Basic cG9zdG1hcms6czNjcmV0LTI=")
}

#[tokio::test]
async fn webhooks_say_what_became_of_it() {
    use ReceiptOutcome::{BadAddress, Delivered, Undelivered};
    let bounce = |kind: &str, inactive: bool| json!({"RecordType": "Bounce", "MessageID": "b7", "Type": kind, "Email": "anna@example.org", "Inactive": inactive, "Metadata": {"delivery": DELIVERY}});
    let delivery =
        json!({"RecordType": "Delivery", "MessageID": "b7", "Recipient": "anna@example.org", "Metadata": {"delivery": DELIVERY}});
    let table = [
        (delivery.clone(), Some(said("b7", Delivered, None))),
        (bounce("HardBounce", true), Some(said("b7", BadAddress, Some("HardBounce")))),
        (bounce("BadEmailAddress", false), Some(said("b7", BadAddress, Some("BadEmailAddress")))),
        (bounce("SpamNotification", true), Some(said("b7", BadAddress, Some("SpamNotification")))),
        (bounce("SoftBounce", false), Some(said("b7", Undelivered, Some("SoftBounce")))),
        (bounce("Blocked", false), Some(said("b7", Undelivered, Some("Blocked")))),
        (bounce("Transient", false), None),
        (bounce("AutoResponder", false), None),
        (json!({"RecordType": "Open", "MessageID": "b7", "Metadata": {"delivery": DELIVERY}}), None),
    ];
    for (event, expected) in table {
        assert_eq!(webhook(&event).receipt(&self::table()).await, expected, "{event}");
    }
    let consent =
        |is_in| [Notice::Consent(Consent { channels: &[Channel::Email], address: watchbell_core::Secret::new("anna@example.org"), is_in })];
    let change = |suppress: bool, why: &str| json!({"RecordType": "SubscriptionChange", "Recipient": "anna@example.org", "SuppressSending": suppress, "SuppressionReason": why});
    let complaint = json!({"RecordType": "SpamComplaint", "Email": "anna@example.org"});
    assert_eq!(webhook(&complaint).notices(&self::table()).await, consent(false));
    assert_eq!(webhook(&change(true, "ManualSuppression")).notices(&self::table()).await, consent(false));
    assert_eq!(webhook(&change(false, "")).notices(&self::table()).await, consent(true));
    assert_eq!(webhook(&change(true, "HardBounce")).notices(&self::table()).await, []);

    let refused = async |call: Call| matches!(call.read(&self::table()).await, Err(Refusal::Forbidden(_)));
    assert!(refused(Call::json(&delivery.to_string())).await);
    assert!(refused(webhook(&delivery).header("authorization", "Basic cG9zdG1hcms6czNjcmV0LTM=")).await);
    let unreadable = webhook(&json!(7)).read(&self::table()).await.unwrap();
    assert_eq!(unreadable.reply.give(&[], &Mute).status(), 403, "that alone is not repeated");
}

/// Nothing is said.
struct Mute;

impl crate::inbound::Words for Mute {
    fn say(&self, _: crate::phrase::Phrase, _: &str, _: Option<&crate::phrase::Since>) -> crate::phrase::Wording {
        crate::phrase::Wording::default()
    }
}

#[tokio::test]
async fn a_message_without_an_answer_is_looked_up_by_its_delivery() {
    let entry = |id: &str, delivery: &str, at: &str| json!({"MessageID": id, "Status": "Sent", "ReceivedAt": at, "Metadata": {"delivery": delivery}});
    let list = |entries: Value| Act::Answer(200, "", json!({"TotalCount": 1, "Messages": entries}).to_string());
    let (found, seen) = look_up(&table(), &email(), list(json!([entry("b7", DELIVERY, "2026-11-20T03:00:01.8782715-05:00")]))).await;
    assert_eq!(found, Some(vec![Found { message_id: "b7".to_owned(), report: accepted("b7") }]));
    let seen = seen.unwrap();
    let line = format!("GET /messages/outbound?count=10&offset=0&recipient=anna%40example.org&metadata_delivery={DELIVERY} HTTP/1.1");
    assert_eq!(seen.line, line);
    assert!(seen.headers.contains("x-postmark-server-token: s3cret"));
    let others = json!([entry("b8", "01OTHER", "2026-11-20T08:00:01Z"), entry("b6", DELIVERY, "2026-11-20T07:58:59Z")]);
    assert_eq!(look_up(&table(), &email(), list(others)).await.0, Some(Vec::new()));
    for act in [Act::Answer(500, "", String::new()), Act::Answer(200, "", "{}".to_owned()), Act::HalfClose] {
        assert_eq!(look_up(&table(), &email(), act).await.0, None);
    }
}
