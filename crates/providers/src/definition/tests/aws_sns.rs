//! Amazon SNS to a phone number: answers as its reference has them. It says nothing later.

use super::*;

const TOML: &str = include_str!("../../../definitions/aws-sns.toml");

fn table() -> Value {
    json!({"kind": "aws-sns", "region": "eu-central-1", "access_key_id": "AKIDEXAMPLE00000", "secret_access_key": "s3cret"})
}

fn error(code: &str, message: &str) -> String {
    format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
}

const TAKEN: &str = "<PublishResponse><PublishResult><MessageId>94f20ce6-13c5</MessageId></PublishResult></PublishResponse>";

#[tokio::test]
async fn a_message() {
    let (report, seen) = send(&table(), &sms(), Act::Answer(200, "", TAKEN.to_owned())).await;
    assert_eq!(report, accepted("94f20ce6-13c5"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST / HTTP/1.1");
    assert!(seen.headers.contains("/eu-central-1/sns/aws4_request, SignedHeaders=content-type;host;x-amz-date, "), "{}", seen.headers);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        field("Action", "Publish"),
        field("Message", "HIGH: Disk full on db-1"),
        field("MessageAttributes.entry.1.Name", "AWS.SNS.SMS.SMSType"),
        field("MessageAttributes.entry.1.Value.DataType", "String"),
        field("MessageAttributes.entry.1.Value.StringValue", "Transactional"),
        field("PhoneNumber", PHONE),
        field("Version", "2010-03-31"),
    ];
    assert_eq!(seen.form(), expected);
    let mut named = table();
    named["sender_id"] = json!("Watchbell");
    let (_, seen) = send(&named, &sms(), Act::Answer(500, "", String::new())).await;
    assert!(seen.unwrap().form().contains(&field("MessageAttributes.entry.2.Value.StringValue", "Watchbell")));
    assert!(settings(&table()).inbound("sms-a").unwrap().is_none(), "nothing is said later");
}

#[test]
fn answers_mean_what_the_reference_says() {
    let table = [
        (200, TAKEN.to_owned(), accepted("94f20ce6-13c5")),
        (200, "<html>".to_owned(), refused(Outcome::Unknown, "broken_answer")),
        (400, error("Throttling", "Rate exceeded"), refused(retry(None, LimitScope::Message), "Throttling")),
        (
            400,
            error("InvalidParameter", "Invalid parameter: PhoneNumber Reason: x is not valid to publish to"),
            refused(Outcome::BadAddress, "InvalidParameter"),
        ),
        (400, error("InvalidParameter", "Invalid parameter: Message too long"), refused(Outcome::BadMessage, "InvalidParameter")),
        (403, error("AuthorizationError", "not authorized"), refused(Outcome::ProviderDown, "AuthorizationError")),
        (403, error("InvalidSecurity", ""), refused(Outcome::ProviderDown, "InvalidSecurity")),
        (
            403,
            error("SignatureDoesNotMatch", "Signature expired: 20261120T080000Z is now earlier"),
            refused(Outcome::ProviderDown, "clock_skew"),
        ),
        (403, error("InvalidClientTokenId", ""), refused(Outcome::ProviderDown, "InvalidClientTokenId")),
        (404, "<html>".to_owned(), refused(Outcome::ProviderDown, "http_404")),
        (500, error("InternalError", ""), refused(retry(None, LimitScope::Message), "InternalError")),
        (503, error("AuthorizationError", ""), refused(retry(None, LimitScope::Message), "AuthorizationError")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
}
