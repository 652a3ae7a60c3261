#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::super::Verifier;
use super::super::stand_in::{CERTIFICATE, scheme, sign_sns};
use super::*;
use crate::kinds::stand_in::{Act, StandIn, at};

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:watchbell";
const MESSAGE: &str = r#"{"eventType":"Delivery"}"#;
/// By `openssl dgst -sha1` and `-sha256`, the second with the subject `Hi`.
const SHA1: &str = "hkZeRJa4gaGxeW/ayBxFQJAWYmdFmnxCXqsL6A/Rm4TSfvzINPMF7V2WRyUm2iGC1sV2DAvwJIa+u9EYGVt5xdSSPwNg1aSXpyUHFeLug0TYSVh/G6OhGEJjsF4b+IoTlKn0FKveDuIkZFk1KuNilQ0VA4KJR6Ko9CyQgyfgNMMowhcOuR949kCZlLcqb/ZhsRrbZr7RM+I2ydAs48/woTYdyohLQ0VkAeptB2yUeEV9VfzvZBFtBbXBwYYysw1rA3afhAmCC3Pga7B8ZElY3f+x5tUHfZ0Kyu9ChBwPKiH3OxRDmeWmc6PRJO92BxzqNytPMt4Rm+d6+c5xY6oz9A==";
const SHA256: &str = "VSpZRcSXKn57cYGQqeDzoa9rhQhp90LvelfYMy/xgWDpt6+YG+GlSUaPSXTMRsprCTOAmrNkuZyhuzGms0NMdCs1aRl+OR/tzJU7/m5Hfxmlp9ajV+be8utU9xsAu8/SqxRwI61Mv9JusYpivfDkYMuMIaeYEhgV8ybRQY8C8WqI+YOIcrXTYiiC9XtIIUICpsZ5Hi/MFLXK9MNtutjmyBl2E1Xe+cAZK0El8L2qYztcuJW2P7j/KBxiN7LyozDuN8eaWBolZA887fxO+xiB6ZFwzlkGSK799MdFKw7GGAPh9h5yl5IxC/Skqn3nMwFJOMhLSTktwPmULun+rA+ylQ==";

fn verifier(service: &StandIn) -> Verifier {
    let sns = scheme("scheme = \"sns-x509\"\nserver_setting = \"sns_url\"").unwrap();
    let topics = ["arn:aws:sns:eu-central-1:123456789012:other", TOPIC].map(Secret::new).to_vec();
    sns.verifier("sns_topic", topics, Some(&service.url), &service.common()).unwrap()
}

async fn verify(verifier: &Verifier, body: &Value, now: &str) -> Result<Option<String>, Refusal> {
    let body = body.to_string();
    let request = Request {
        method: &Method::POST,
        path: "",
        query: &[],
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
        public_url: "https://bell.example.org",
        url: "https://bell.example.org/callbacks/ses",
        now: at(now),
    };
    Ok(match verifier.verify(&request).await? {
        Verified::Body(body) => Some(String::from_utf8(body.into_owned()).unwrap()),
        Verified::Handshake => None,
    })
}

const NOW: &str = "2026-11-20T08:00:05Z";

fn notification(service: &StandIn) -> Value {
    json!({
        "Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Message": MESSAGE, "Timestamp": "2026-11-20T08:00:00.000Z",
        "SignatureVersion": "1", "Signature": SHA1, "SigningCertURL": format!("{}/SimpleNotificationService-1.pem", service.url),
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe",
    })
}

fn with(mut envelope: Value, changes: &[(&str, &str)]) -> Value {
    for (name, value) in changes {
        envelope[*name] = json!(value);
    }
    envelope
}

fn certificate() -> Act {
    Act::Answer(200, "", CERTIFICATE.to_owned())
}

#[tokio::test]
async fn a_notification_is_its_message_and_the_certificate_is_fetched_once() {
    let service = StandIn::start([certificate()]).await;
    let verifier = verifier(&service);
    assert_eq!(verifier.proof(), Some("x-amz-sns-message-type"));
    for envelope in
        [notification(&service), with(notification(&service), &[("Subject", "Hi"), ("SignatureVersion", "2"), ("Signature", SHA256)])]
    {
        assert_eq!(verify(&verifier, &envelope, NOW).await, Ok(Some(MESSAGE.to_owned())));
    }
    assert_eq!(service.only().line, "GET /SimpleNotificationService-1.pem HTTP/1.1");
    // What services say first to a new topic.
    let greeting = sign_sns(with(notification(&service), &[("Message", "Successfully validated SNS topic.")]));
    assert_eq!(verify(&verifier, &greeting, NOW).await, Ok(None));
}

#[tokio::test]
async fn what_is_not_signed_by_our_topic_is_refused() {
    let service = StandIn::start([certificate()]).await;
    let verifier = verifier(&service);
    assert!(verify(&verifier, &notification(&service), NOW).await.is_ok());
    let changes: [&[(&str, &str)]; 10] = [
        &[("Message", r#"{"eventType":"Bounce"}"#)],
        &[("MessageId", "m-2")],
        &[("Subject", "Hi")],
        &[("Timestamp", "2026-11-20T08:00:01.000Z")],
        &[("TopicArn", "arn:aws:sns:eu-central-1:123456789012:other")],
        &[("Signature", SHA256)],
        &[("Signature", "%")],
        &[("SignatureVersion", "3")],
        &[("SigningCertURL", "https://evil.example/SimpleNotificationService-1.pem")],
        &[("Type", "Other")],
    ];
    for changes in changes {
        assert_eq!(verify(&verifier, &with(notification(&service), changes), NOW).await, Err(Refusal::Forbidden(NOT_RIGHT)), "{changes:?}");
    }
    // Validly signed, by Amazon's key, for somebody else's topic.
    let stranger = sign_sns(with(notification(&service), &[("TopicArn", "arn:aws:sns:eu-central-1:999999999999:x")]));
    assert_eq!(verify(&verifier, &stranger, NOW).await, Err(Refusal::Forbidden(NOT_RIGHT)));
    assert_eq!(verify(&verifier, &json!({}), NOW).await, Err(Refusal::Forbidden(NOT_RIGHT)));
    let other_path = with(notification(&service), &[("SigningCertURL", &format!("{}/1.txt", service.url))]);
    assert_eq!(verify(&verifier, &other_path, NOW).await, Err(Refusal::Forbidden(NOT_RIGHT)));
    assert_eq!(service.seen().len(), 1, "nothing was fetched for them");
}

fn confirmation(service: &StandIn, subscribe_url: &str) -> Value {
    let asked =
        [("Type", "SubscriptionConfirmation"), ("Token", "t0k3n"), ("SubscribeURL", subscribe_url), ("Message", "You have chosen …")];
    with(notification(service), &asked)
}

#[tokio::test]
async fn a_subscription_is_confirmed_for_our_topic_alone() {
    let service = StandIn::start([certificate(), Act::Answer(503, "", String::new()), Act::Answer(200, "", "<xml/>".to_owned())]).await;
    let verifier = verifier(&service);
    let url = format!("{}/?Action=ConfirmSubscription&Token=t0k3n", service.url);
    // Signed by nobody; signed, but elsewhere.
    assert_eq!(verify(&verifier, &confirmation(&service, &url), NOW).await, Err(Refusal::Forbidden(NOT_RIGHT)));
    let elsewhere = sign_sns(confirmation(&service, "https://evil.example/?Action=ConfirmSubscription"));
    assert_eq!(verify(&verifier, &elsewhere, NOW).await, Err(Refusal::Forbidden(NOT_RIGHT)));
    let right = sign_sns(confirmation(&service, &url));
    let not_now = Refusal::Unavailable("the subscription cannot be confirmed now");
    assert_eq!(verify(&verifier, &right, NOW).await, Err(not_now));
    assert_eq!(verify(&verifier, &right, NOW).await, Ok(None));
    assert_eq!(service.seen()[2].line, "GET /?Action=ConfirmSubscription&Token=t0k3n HTTP/1.1");
    let ended = sign_sns(with(confirmation(&service, &url), &[("Type", "UnsubscribeConfirmation")]));
    assert_eq!(verify(&verifier, &ended, NOW).await, Ok(None));
    assert_eq!(service.seen().len(), 3);
}

/// Whoever knows a topic's name may name certificates that are not there.
#[tokio::test]
async fn a_certificate_that_cannot_be_had_is_asked_for_a_few_times_a_minute() {
    let rubbish = [Act::Answer(404, "", String::new()), Act::Answer(200, "", "<html>".to_owned()), Act::CloseUnread, Act::HalfClose];
    let service = StandIn::start(rubbish.into_iter().chain(std::iter::repeat_with(|| Act::Answer(500, "", String::new())).take(6))).await;
    let verifier = verifier(&service);
    let not_now = Err(Refusal::Unavailable("the certificate of the signature cannot be fetched now"));
    for at in 0..15 {
        let other = with(notification(&service), &[("SigningCertURL", &format!("{}/{at}.pem", service.url))]);
        assert_eq!(verify(&verifier, &other, NOW).await, not_now);
    }
    assert_eq!(service.seen().len(), 9, "ten were asked for, of which one connection was closed unread");
    let service = StandIn::start([certificate()]).await;
    let fetched = with(notification(&service), &[]);
    assert_eq!(verify(&verifier, &fetched, "2026-11-20T08:01:06Z").await, Err(Refusal::Forbidden(NOT_RIGHT)), "another server");
}

#[test]
fn a_topic_has_a_name() {
    let sns = scheme(r#"scheme = "sns-x509""#).unwrap();
    let error = sns.verifier("sns_topic", vec![Secret::new("watchbell")], None, &CommonSettings::default()).unwrap_err();
    assert_eq!(error.to_string(), "`sns_topic`: must be a topic's name such as arn:aws:sns:eu-central-1:123456789012:watchbell");
}
