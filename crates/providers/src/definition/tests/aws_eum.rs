//! AWS End User Messaging: answers, events and replies as its reference and guide have them.

use super::*;
use crate::inbound::Text;
use crate::signature::stand_in::{CERTIFICATE, sns};

const TOML: &str = include_str!("../../../definitions/aws-eum.toml");
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:watchbell";
const REPLIES: &str = "arn:aws:sns:eu-central-1:123456789012:replies";

fn table() -> Value {
    json!({
        "kind": "aws-eum", "region": "eu-central-1", "access_key_id": "AKIDEXAMPLE00000", "secret_access_key": "s3cret",
        "from": "+15005550006", "configuration_set": "bell", "sns_topic": TOPIC, "replies_sns_topic": REPLIES,
    })
}

#[tokio::test]
async fn a_message() {
    let (report, seen) = send(&table(), &sms(), Act::Answer(200, "", r#"{"MessageId":"862a8790"}"#.to_owned())).await;
    assert_eq!(report, accepted("862a8790"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST / HTTP/1.1");
    assert!(seen.headers.contains("content-type: application/x-amz-json-1.0"), "{}", seen.headers);
    assert!(seen.headers.contains("x-amz-target: PinpointSMSVoiceV2.SendTextMessage"));
    assert!(seen.headers.contains("/eu-central-1/sms-voice/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, "));
    assert_eq!(
        seen.json(),
        json!({
            "DestinationPhoneNumber": PHONE, "OriginationIdentity": "+15005550006", "MessageBody": "HIGH: Disk full on db-1",
            "MessageType": "TRANSACTIONAL", "ConfigurationSetName": "bell", "TimeToLive": 3600, "Context": {"delivery": DELIVERY},
        })
    );
}

#[test]
fn answers_mean_what_the_reference_says() {
    let named = |name: &str, more: Value| {
        let mut body = more;
        body["__type"] = json!(format!("com.amazonaws.pinpointsmsvoicev2#{name}"));
        body.to_string()
    };
    let reason = |reason: &str| json!({"Reason": reason, "Message": "x"});
    let table = [
        (200, r#"{"MessageId":"862a8790"}"#.to_owned(), accepted("862a8790")),
        (200, "{}".to_owned(), refused(Outcome::Unknown, "broken_answer")),
        (400, named("ThrottlingException", json!({})), refused(retry(None, LimitScope::Message), "ThrottlingException")),
        (400, named("ConflictException", reason("DESTINATION_PHONE_NUMBER_OPTED_OUT")), refused(Outcome::BadAddress, "OPTED_OUT")),
        (400, named("ConflictException", reason("NUMBER_DISASSOCIATED")), refused(Outcome::ProviderDown, "ConflictException")),
        (
            400,
            named("ServiceQuotaExceededException", reason("MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT")),
            refused(Outcome::ProviderDown, "ServiceQuotaExceededException"),
        ),
        (
            400,
            named("ValidationException", json!({"Fields": [{"Name": "DestinationPhoneNumber"}]})),
            refused(Outcome::BadAddress, "ValidationException"),
        ),
        (
            400,
            named("ValidationException", json!({"Fields": [{"Name": "MessageBody"}]})),
            refused(Outcome::BadMessage, "ValidationException"),
        ),
        (400, named("ConflictException", reason("PRICE_OVER_THRESHOLD")), refused(Outcome::BadRoute, "PRICE_OVER_THRESHOLD")),
        (400, named("ResourceNotFoundException", json!({})), refused(Outcome::ProviderDown, "ResourceNotFoundException")),
        (400, named("AccessDeniedException", json!({})), refused(Outcome::ProviderDown, "AccessDeniedException")),
        (
            400,
            named("InvalidSignatureException", json!({"message": "Signature expired: 20261120T080000Z"})),
            refused(Outcome::ProviderDown, "clock_skew"),
        ),
        (400, r#"{"__type":"UnrecognizedClientException"}"#.to_owned(), refused(Outcome::ProviderDown, "UnrecognizedClientException")),
        (404, "<html>".to_owned(), refused(Outcome::ProviderDown, "http_404")),
        (500, named("InternalServerException", json!({})), refused(retry(None, LimitScope::Message), "InternalServerException")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
}

/// What is posted for a topic.
async fn told(topic: &str, message: &Value) -> Vec<Notice> {
    let service = StandIn::start([Act::Answer(200, "", CERTIFICATE.to_owned())]).await;
    let mut table = table();
    table["sns_url"] = json!(service.url);
    Call::json(&sns(topic, &message.to_string(), &service.url)).notices(&table).await
}

#[tokio::test]
async fn events_say_what_became_of_it() {
    use ReceiptOutcome::{BadAddress, Delivered, Undelivered};
    let table = [
        ("QUEUED", false, None),
        ("PENDING", false, None),
        ("SUCCESSFUL", false, None),
        ("SUCCESSFUL", true, Some(Delivered)),
        ("DELIVERED", true, Some(Delivered)),
        ("INVALID", true, Some(BadAddress)),
        ("INVALID_MESSAGE", true, Some(Undelivered)),
        ("UNREACHABLE", true, Some(Undelivered)),
        ("CARRIER_BLOCKED", true, Some(Undelivered)),
        ("SPAM", true, Some(Undelivered)),
        ("TTL_EXPIRED", true, Some(Undelivered)),
    ];
    for (status, is_final, expected) in table {
        let event = json!({
            "eventType": format!("TEXT_{status}"), "isFinal": is_final, "destinationPhoneNumber": PHONE, "messageId": "862a8790",
            "messageStatus": status, "context": {"delivery": DELIVERY},
        });
        let notices = told(TOPIC, &event).await;
        let expected = expected.map(|outcome| (DELIVERY.to_owned(), Some("862a8790".to_owned()), outcome, Some(status.to_owned())));
        let said = notices.into_iter().map(|notice| match notice {
            Notice::Receipt(receipt) => (receipt.of.delivery.0, receipt.of.message_id, receipt.outcome, receipt.code),
            other => panic!("no receipt: {other:?}"),
        });
        assert_eq!(said.collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>(), "{status} {is_final}");
    }
}

#[tokio::test]
async fn replies_come_by_their_own_topic() {
    let reply = json!({
        "originationNumber": PHONE, "destinationNumber": "+15005550006", "messageKeyword": "KEYWORD_1", "messageBody": "1 A7",
        "inboundMessageId": "cae173d2", "previousPublishedMessageId": "862a8790",
    });
    let secret = watchbell_core::Secret::new;
    let text = Text {
        channels: &[Channel::Sms, Channel::Whatsapp, Channel::Voice],
        from: secret(PHONE),
        by: None,
        replies_to: Some("862a8790".to_owned()),
        message_id: Some("cae173d2".to_owned()),
        text: secret("1 A7"),
        locale: String::new(),
    };
    assert_eq!(told(REPLIES, &reply).await, [Notice::Text(text)]);
}
