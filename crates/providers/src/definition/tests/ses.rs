//! Amazon SES: answers and events as its API reference and its guide have them.

use super::*;
use crate::inbound::Consent;
use crate::signature::stand_in::{CERTIFICATE, sns};

const TOML: &str = include_str!("../../../definitions/ses.toml");
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:watchbell";

fn table() -> Value {
    json!({
        "kind": "ses", "region": "eu-central-1", "access_key_id": "AKIDEXAMPLE00000", "secret_access_key": "s3cret",
        "from": "Watchbell <bell@example.org>", "configuration_set": "bell", "sns_topic": TOPIC,
    })
}

fn email() -> Outgoing {
    outgoing(Channel::Email, Address::Email("anna@example.org".to_owned()))
}

#[tokio::test]
async fn a_message() {
    let taken = Act::Answer(200, "", r#"{"MessageId":"0107-1"}"#.to_owned());
    let (report, seen) = send(&table(), &email(), taken).await;
    assert_eq!(report, accepted("0107-1"));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /v2/email/outbound-emails HTTP/1.1");
    let scope = "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE00000/20261120/eu-central-1/ses/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature=";
    assert!(seen.headers.contains(scope) && seen.headers.contains("x-amz-date: 20261120T080000Z"), "{}", seen.headers);
    let utf8 = |text: &str| json!({"Data": text, "Charset": "UTF-8"});
    assert_eq!(
        seen.json(),
        json!({
            "FromEmailAddress": "Watchbell <bell@example.org>",
            "Destination": {"ToAddresses": ["anna@example.org"]},
            "ConfigurationSetName": "bell",
            "EmailTags": [{"Name": "delivery", "Value": DELIVERY}],
            "Content": {"Simple": {
                "Subject": utf8("[HIGH] Disk full on db-1"),
                "Body": {"Text": utf8("Disk full on db-1\n\nhttps://alerts.example.org/7"), "Html": utf8("<p>Disk full on db-1</p>")},
                "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
            }},
        })
    );
}

#[tokio::test]
async fn temporary_credentials_and_no_configuration_set() {
    let mut table = table();
    table["session_token"] = json!("s3cret-session");
    table.as_object_mut().unwrap().remove("configuration_set");
    let (_, seen) = send(&table, &email(), Act::Answer(500, "", String::new())).await;
    let seen = seen.unwrap();
    assert!(seen.headers.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"), "{}", seen.headers);
    assert!(seen.headers.contains("x-amz-security-token: s3cret-session"));
    assert!(seen.json().get("ConfigurationSetName").is_none());

    let mut of_category = email();
    of_category.unsubscribe_url = Some("https://bell.example.org/u/t".to_owned());
    let (_, seen) = send(&table, &of_category, Act::Answer(500, "", String::new())).await;
    let headers = json!([
        {"Name": "Auto-Submitted", "Value": "auto-generated"},
        {"Name": "List-Unsubscribe", "Value": "<https://bell.example.org/u/t>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]);
    assert_eq!(seen.unwrap().json()["Content"]["Simple"]["Headers"], headers);
}

#[test]
fn answers_mean_what_the_reference_says() {
    let provider = || LimitScope::Provider;
    let named = |name: &str, message: &str| format!(r#"{{"__type":"com.amazonaws.sesv2#{name}","message":"{message}"}}"#);
    let table = [
        (200, r#"{"MessageId":"0107-1"}"#.to_owned(), accepted("0107-1")),
        (200, "{}".to_owned(), refused(Outcome::Unknown, "broken_answer")),
        (200, "<html>".to_owned(), refused(Outcome::Unknown, "broken_answer")),
        (429, named("TooManyRequestsException", "Too many"), refused(retry(None, provider()), "TooManyRequestsException")),
        (
            400,
            named("LimitExceededException", "Maximum sending rate exceeded."),
            refused(retry(Some("2026-11-20T08:00:01Z"), provider()), "sending_rate"),
        ),
        (
            454,
            named("Throttling", "Daily message quota exceeded."),
            refused(retry(Some("2026-11-20T09:00:00Z"), provider()), "daily_quota"),
        ),
        (400, named("MessageRejected", "Email address is not verified: anna@example.org"), refused(Outcome::BadMessage, "MessageRejected")),
        (400, named("BadRequestException", ""), refused(Outcome::BadMessage, "BadRequestException")),
        (400, named("AccountSuspendedException", ""), refused(Outcome::ProviderDown, "AccountSuspendedException")),
        (400, named("SendingPausedException", ""), refused(Outcome::ProviderDown, "SendingPausedException")),
        (400, named("MailFromDomainNotVerifiedException", ""), refused(Outcome::ProviderDown, "MailFromDomainNotVerifiedException")),
        (404, named("NotFoundException", "Configuration set"), refused(Outcome::ProviderDown, "NotFoundException")),
        (
            403,
            named("InvalidSignatureException", "Signature expired: 20261120T080000Z is now earlier than"),
            refused(Outcome::ProviderDown, "clock_skew"),
        ),
        (403, named("InvalidSignatureException", "Signature not yet current: 2026"), refused(Outcome::ProviderDown, "clock_skew")),
        (
            403,
            r#"{"message":"The security token included in the request is invalid."}"#.to_owned(),
            refused(Outcome::ProviderDown, "http_403"),
        ),
        (404, "<html>".to_owned(), refused(Outcome::ProviderDown, "http_404")),
        (500, named("MessageRejected", ""), refused(retry(None, LimitScope::Message), "MessageRejected")),
        (503, String::new(), refused(retry(None, LimitScope::Message), "http_503")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
    let by_header = classify(TOML, 400, &[("x-amzn-errortype", "AccountSuspendedException")], r#"{"message":"x"}"#);
    assert_eq!(by_header, refused(Outcome::ProviderDown, "AccountSuspendedException"));
}

/// An event of a configuration set, as SNS posts it.
async fn told(event: &Value) -> Vec<Notice> {
    let service = StandIn::start([Act::Answer(200, "", CERTIFICATE.to_owned())]).await;
    let mut table = table();
    table["sns_url"] = json!(service.url);
    let body = sns(TOPIC, &event.to_string(), &service.url);
    Call::json(&body).header("content-type", "text/plain; charset=UTF-8").notices(&table).await
}

fn event(kind: &str, more: &Value) -> Value {
    let mut event = json!({
        "eventType": kind,
        "mail": {"messageId": "0107-1", "destination": ["anna@example.org"], "tags": {"ses:operation": ["SendEmail"], "delivery": [DELIVERY]}},
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

#[tokio::test]
async fn events_say_what_became_of_it() {
    use ReceiptOutcome::{BadAddress, Delivered, Undelivered};
    let bounce = |kind: &str, status: &str| json!({"bounce": {"bounceType": kind, "bouncedRecipients": [{"emailAddress": "anna@example.org", "status": status}]}});
    let table = [
        ("Send", json!({}), None),
        ("Delivery", json!({"delivery": {"smtpResponse": "250 ok"}}), Some((Delivered, None))),
        ("DeliveryDelay", json!({"deliveryDelay": {"delayType": "MailboxFull"}}), None),
        ("Bounce", bounce("Permanent", "5.1.1"), Some((BadAddress, Some("5.1.1")))),
        ("Bounce", bounce("Transient", "4.2.2"), Some((Undelivered, Some("4.2.2")))),
        ("Bounce", bounce("Undetermined", ""), Some((Undelivered, None))),
        ("Reject", json!({"reject": {"reason": "Bad content"}}), Some((Undelivered, None))),
        ("Open", json!({}), None),
    ];
    for (kind, more, expected) in table {
        let notices = told(&event(kind, &more)).await;
        let said = notices.iter().map(|notice| match notice {
            Notice::Receipt(receipt) => {
                assert_eq!((receipt.of.delivery.0.as_str(), receipt.of.message_id.as_deref()), (DELIVERY, Some("0107-1")));
                (receipt.outcome, receipt.code.as_deref())
            }
            other => panic!("no receipt: {other:?}"),
        });
        assert_eq!(said.collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>(), "{kind} {more}");
    }
}

#[tokio::test]
async fn a_complaint_is_an_opt_out() {
    let complaint = json!({"complaint": {"complainedRecipients": [{"emailAddress": "anna@example.org"}]}});
    let out = Consent { channels: &[Channel::Email], address: watchbell_core::Secret::new("anna@example.org"), is_in: false };
    assert_eq!(told(&event("Complaint", &complaint)).await, [Notice::Consent(out)]);
}

#[tokio::test]
async fn only_our_topic_is_believed() {
    let service = StandIn::start([]).await;
    let mut table = table();
    table["sns_url"] = json!(service.url);
    let body = sns("arn:aws:sns:eu-central-1:999999999999:x", &event("Delivery", &json!({})).to_string(), &service.url);
    assert!(matches!(Call::json(&body).read(&table).await, Err(Refusal::Forbidden(_))));
    assert!(matches!(Call::json("{}").read(&table).await, Err(Refusal::Forbidden(_))));
    assert!(matches!(Call::get("").read(&table).await, Err(Refusal::Forbidden(_))));
    table.as_object_mut().unwrap().remove("sns_topic");
    assert!(settings(&table).inbound("sms-a").unwrap().is_none());
}
