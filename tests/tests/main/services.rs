//! Services other than Twilio, both ways: what they are sent, and that what they say later counts, if they signed it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{digest, hmac};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::stand_ins::ServiceStandIn;
use watchbell_tests::team::{Person, alert};

on_both!(
    ses_delivers_and_sns_says_what_became_of_it,
    sendgrid_delivers_and_says_what_became_of_it,
    a_key_pressed_in_a_call_of_vonage_accepts_the_alert,
);

/// Posts a callback; the answer's status and body.
async fn call_back(bed: &Bed, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let answer = bed.api().with_key("").try_call(Method::POST, path, headers, Some(body.to_owned())).await.unwrap();
    (answer.status.as_u16(), answer.body)
}

/// Now, in seconds since 1970.
fn seconds(bed: &Bed) -> i64 {
    bed.now().as_millis() / 1000
}

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:watchbell";
const CERTIFICATE: &str = include_str!("../../../crates/providers/src/signature/sns_x509/test_certificate.pem");
const CERTIFICATE_KEY: &[u8] = include_bytes!("../../../crates/providers/src/signature/sns_x509/test_key.pem");

/// A message as SNS posts it, signed by version 2.
fn sns(server: &str, kind: &str, message: &str, more: &[(&str, String)]) -> String {
    let mut fields = vec![
        ("Message", message.to_owned()),
        ("MessageId", "m-1".to_owned()),
        ("Timestamp", "2026-03-02T08:00:00.000Z".to_owned()),
        ("TopicArn", TOPIC.to_owned()),
        ("Type", kind.to_owned()),
    ];
    fields.extend(more.iter().cloned());
    fields.sort();
    let lines: Vec<&str> = fields.iter().flat_map(|(name, value)| [*name, "\n", value.as_str(), "\n"]).collect();
    let text = lines.concat();
    let key = PrivatePkcs8KeyDer::from_pem_slice(CERTIFICATE_KEY).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    let mut envelope: serde_json::Map<_, _> = fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    envelope.insert("SignatureVersion".to_owned(), json!("2"));
    envelope.insert("Signature".to_owned(), json!(STANDARD.encode(signature)));
    envelope.insert("SigningCertURL".to_owned(), json!(format!("{server}/SimpleNotificationService-1.pem")));
    Value::Object(envelope).to_string()
}

async fn ses_delivers_and_sns_says_what_became_of_it(bed: &mut Bed) {
    let amazon = ServiceStandIn::start(|request| match request.path.as_str() {
        "/v2/email/outbound-emails" => (200, "", r#"{"MessageId":"0107-1"}"#.to_owned()),
        path if path.ends_with("/SimpleNotificationService-1.pem") => (200, "", CERTIFICATE.to_owned()),
        _ => (200, "", "<ConfirmSubscriptionResponse/>".to_owned()),
    })
    .await;
    bed.settings
        .set("PROVIDERS__SES__REGION", "eu-central-1")
        .set("PROVIDERS__SES__ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .set("PROVIDERS__SES__SECRET_ACCESS_KEY", "e2e-secret")
        .set("PROVIDERS__SES__FROM", "bell@example.org")
        .set("PROVIDERS__SES__SNS_TOPIC", TOPIC)
        .set("PROVIDERS__SES__BASE_URL", &amazon.url())
        .set("PROVIDERS__SES__SNS_URL", &amazon.url())
        .set("CHANNELS__EMAIL__PROVIDERS", "ses");
    bed.start().await;
    let post = async |body: &str| {
        let headers = [("content-type", "text/plain; charset=UTF-8"), ("x-amz-sns-message-type", "Notification")];
        call_back(bed, "/callbacks/ses", &headers, body).await.0
    };
    let subscribe = [("SubscribeURL", format!("{}/?Action=ConfirmSubscription", amazon.url())), ("Token", "t0k3n".to_owned())];
    assert_eq!(post(&sns(&amazon.url(), "SubscriptionConfirmation", "You have chosen to subscribe.", &subscribe)).await, 204);
    amazon.expect(1, "GET", "/?Action=ConfirmSubscription").await;

    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "EMAIL", 0).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    let sent = amazon.expect(1, "POST", "/v2/email/outbound-emails").await;
    assert!(sent[0].headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260302/eu-central-1/ses/"));
    let mail = sent[0].json();
    assert_eq!(mail["Destination"]["ToAddresses"], json!([anna.email]));
    let tag = &mail["EmailTags"][0];
    assert_eq!(tag["Name"], "delivery");
    assert_eq!(bed.api().states("alert=A-1").await, ["sent"]);

    let event = |kind: &str, more: Value| {
        let mut event = more;
        event["eventType"] = json!(kind);
        event["mail"] = json!({ "messageId": "0107-1", "tags": { "delivery": [tag["Value"]] } });
        event.to_string()
    };
    let delivered = sns(&amazon.url(), "Notification", &event("Delivery", json!({})), &[]);
    assert_eq!(post(&delivered.replace("0107-1", "0107-2")).await, 403, "changed on the way");
    assert_eq!(bed.api().states("alert=A-1").await, ["sent"]);
    for _ in 0..2 {
        assert_eq!(post(&delivered).await, 204);
        assert_eq!(bed.api().states("alert=A-1").await, ["delivered"]);
    }

    bed.publish("alert", "2", &alert("A-2", &[&anna])).await;
    let sent = amazon.expect(2, "POST", "/v2/email/outbound-emails").await;
    let bounced = json!({ "bounceType": "Permanent", "bouncedRecipients": [{ "emailAddress": anna.email, "status": "5.1.1" }] });
    let mut bounce = json!({ "eventType": "Bounce", "bounce": bounced });
    bounce["mail"] = json!({ "messageId": "0107-1", "tags": { "delivery": [sent[1].json()["EmailTags"][0]["Value"]] } });
    assert_eq!(post(&sns(&amazon.url(), "Notification", &bounce.to_string(), &[])).await, 204);
    assert_eq!(bed.api().states("alert=A-2").await, ["undelivered"]);
    amazon.expect(1, "GET", "/SimpleNotificationService-1.pem").await;
}

async fn sendgrid_delivers_and_says_what_became_of_it(bed: &mut Bed) {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random).unwrap();
    // What stands before the point in the key as SendGrid shows it.
    let spki = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=").unwrap();
    let public = STANDARD.encode([&spki, key.public_key().as_ref()].concat());
    let sendgrid = ServiceStandIn::start(|_| (202, "X-Message-Id: 14c5d75ce93\r\n", String::new())).await;
    bed.settings
        .set("PROVIDERS__SENDGRID__API_KEY", "e2e-key")
        .set("PROVIDERS__SENDGRID__FROM", "bell@example.org")
        .set("PROVIDERS__SENDGRID__WEBHOOK_PUBLIC_KEY", &public)
        .set("PROVIDERS__SENDGRID__BASE_URL", &sendgrid.url())
        .set("CHANNELS__EMAIL__PROVIDERS", "sendgrid");
    bed.start().await;
    let (anna, ben) = (Person::without_telegram(bed.api(), 1).await, Person::without_telegram(bed.api(), 2).await);
    for person in [&anna, &ben] {
        person.high(bed.api(), "EMAIL", 0).await;
    }
    bed.publish("alert", "1", &alert("A-1", &[&anna, &ben])).await;
    let sent = sendgrid.expect(2, "POST", "/v3/mail/send").await;
    assert!(sent.iter().all(|request| request.headers["authorization"] == "Bearer e2e-key"));
    let delivery = |person: &Person| {
        let mails = sent.iter().map(|request| request.json()["personalizations"][0].clone());
        mails.into_iter().find(|mail| mail["to"][0]["email"] == person.email.as_str()).unwrap()["custom_args"]["delivery"].clone()
    };
    let events = json!([
        { "email": anna.email, "event": "delivered", "sg_message_id": "14c5d75ce93.f", "delivery": delivery(&anna) },
        { "email": ben.email, "event": "bounce", "type": "bounce", "status": "5.1.1", "delivery": delivery(&ben) },
        { "email": "somebody@example.net", "event": "delivered" },
    ])
    .to_string();
    let post = async |body: &str, signed: &str| {
        let at = seconds(bed).to_string();
        let signature = STANDARD.encode(key.sign(&random, format!("{at}{signed}").as_bytes()).unwrap());
        let headers = [
            ("content-type", "application/json"),
            ("x-twilio-email-event-webhook-signature", signature.as_str()),
            ("x-twilio-email-event-webhook-timestamp", at.as_str()),
        ];
        call_back(bed, "/callbacks/sendgrid", &headers, body).await.0
    };
    assert_eq!(post(&events, "[]").await, 403);
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "sent"]);
    assert_eq!(post(&events, &events).await, 204);
    let mut states = bed.api().states("alert=A-1").await;
    states.sort_unstable();
    assert_eq!(states, ["delivered", "undelivered"]);
}

/// A token as Vonage signs what it calls with.
fn vonage_token(bed: &Bed, body: &str, secret: &str) -> String {
    let hash = hex::encode(digest::digest(&digest::SHA256, body.as_bytes()));
    let claims = json!({ "iss": "Vonage", "iat": seconds(bed), "jti": "j", "payload_hash": hash }).to_string();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

async fn a_key_pressed_in_a_call_of_vonage_accepts_the_alert(bed: &mut Bed) {
    const SECRET: &str = "e2e-signature-secret";
    let vonage = ServiceStandIn::start(|_| (201, "", r#"{"uuid":"63f61863","status":"started"}"#.to_owned())).await;
    bed.settings
        .set("PROVIDERS__CALLS__KIND", "vonage-voice")
        .set("PROVIDERS__CALLS__APPLICATION_ID", "app-1")
        .set("PROVIDERS__CALLS__PRIVATE_KEY", include_str!("../../../crates/providers/src/kinds/fcm/test_key.pem"))
        .set("PROVIDERS__CALLS__FROM", "15005550007")
        .set("PROVIDERS__CALLS__SIGNATURE_SECRET", SECRET)
        .set("PROVIDERS__CALLS__BASE_URL", &vonage.url())
        .set("CHANNELS__VOICE__PROVIDERS", "calls");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "VOICE", 0).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    let call = vonage.expect(1, "POST", "/v1/calls").await[0].json();
    assert_eq!(call["to"][0]["number"], anna.phone.trim_start_matches('+'));
    assert!(call["ncco"][0]["text"].as_str().unwrap().contains("on fire"), "{call}");
    let path = |url: &Value| {
        let url = url::Url::parse(url[0].as_str().unwrap()).unwrap();
        format!("{}?{}", url.path(), url.query().unwrap())
    };
    let (events, keys) = (path(&call["event_url"]), path(&call["ncco"][1]["eventUrl"]));
    let post = async |path: &str, body: Value, secret: &str| {
        let body = body.to_string();
        let token = vonage_token(bed, &body, secret);
        call_back(bed, path, &[("content-type", "application/json"), ("authorization", token.as_str())], &body).await
    };
    let human = json!({ "call_uuid": "63f61863", "status": "human" });
    assert_eq!(post(&events, human.clone(), "another").await.0, 403);
    assert_eq!(bed.api().states("alert=A-1").await, ["sent"]);
    assert_eq!(post(&events, human, SECRET).await.0, 204);
    assert_eq!(bed.api().states("alert=A-1").await, ["delivered"]);

    let key = |digits: &str| json!({ "uuid": "63f61863", "dtmf": { "digits": digits, "timed_out": digits.is_empty() } });
    let (status, said) = post(&keys, key("9"), SECRET).await;
    assert_eq!(status, 200);
    assert!(said[0]["text"].as_str().unwrap().contains("on fire") && said[1]["action"] == "input", "{said}");
    let (status, said) = post(&path(&said[1]["eventUrl"]), key("1"), SECRET).await;
    assert_eq!((status, said.as_array().unwrap().len()), (200, 1), "{said}");
    // Vonage says it again if our answer was lost on the way: it is one answer.
    let (_, late) = post(&keys, key("1"), SECRET).await;
    assert!(late[0]["text"].as_str().unwrap().contains("accepted"), "{late}");
}
