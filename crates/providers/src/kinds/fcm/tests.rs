#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use serde_json::json;
use watchbell_core::ManualClock;
use watchbell_core::outcome::LimitScope;

use super::*;
use crate::jwt;
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};

/// Made for these tests (`openssl genpkey -algorithm RSA`); it opens nothing.
const TEST_KEY: &str = include_str!("test_key.pem");
const TEST_KEY_PUBLIC: &[u8] = include_bytes!("test_key.pub.der");

const TAKEN: &str = r#"{"name":"projects/bell-1/messages/0:17"}"#;

fn account() -> String {
    json!({
        "type": "service_account", "project_id": "bell-1", "client_email": "bell@bell-1.example.org", "private_key": TEST_KEY,
        "private_key_id": "k1", "token_uri": "https://oauth2.example.org/token",
    })
    .to_string()
}

fn provider(service: &StandIn) -> Arc<dyn Provider> {
    let settings = Settings {
        base_url: service.url.clone(),
        token_url: Some(format!("{}/token", service.url)),
        service_account: Secret::new(account()),
    };
    let provider = settings.build("fcm", &service.common(), Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z")))).unwrap();
    assert!(!format!("{provider:?}").contains("PRIVATE KEY"));
    provider
}

fn to_device() -> Outgoing {
    outgoing(Channel::Push, Address::Device { kind: DeviceKind::Fcm, token: Secret::new("device-1"), keys: None })
}

fn granted(token: &str) -> Act {
    Act::Answer(200, "", json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).to_string())
}

fn taken() -> Act {
    Act::Answer(200, "", TAKEN.to_owned())
}

#[tokio::test]
async fn one_message_with_a_token_that_was_signed_for() {
    let service = StandIn::start([granted("t-1"), taken()]).await;
    let report = provider(&service).send(&to_device()).await;
    assert_eq!(report, Report::accepted("projects/bell-1/messages/0:17".to_owned()));
    let seen = service.seen();
    assert_eq!(seen[0].line, "POST /token HTTP/1.1");
    let form = seen[0].form();
    assert_eq!(form[0], ("grant_type".to_owned(), "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()));
    let (header, claims) = jwt::verify(&form[1].1, &RSA_PKCS1_2048_8192_SHA256, TEST_KEY_PUBLIC).unwrap();
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    let issued_at = at("2026-11-20T08:00:00Z").as_millis() / 1000;
    assert_eq!(
        claims,
        json!({
            "iss": "bell@bell-1.example.org", "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": "https://oauth2.example.org/token", "iat": issued_at, "exp": issued_at + 3600,
        })
    );

    assert_eq!(seen[1].line, "POST /v1/projects/bell-1/messages:send HTTP/1.1");
    assert!(seen[1].headers.contains("authorization: Bearer t-1"));
    assert_eq!(
        seen[1].json(),
        json!({"message": {
            "token": "device-1",
            "notification": {"title": "[HIGH] Disk full on db-1", "body": "HIGH: Disk full on db-1"},
            "data": {
                "deliveryId": "01KAFX8M00ABCDEFGHJKMNPQRS", "urgent": "true", "critical": "false", "thread": "alert:A-7",
                "url": "https://alerts.example.org/7",
            },
            "android": {
                "priority": "HIGH", "ttl": "3600s",
                "notification": {
                    "default_sound": true, "notification_priority": "PRIORITY_MAX", "channel_id": "urgent", "tag": "alert:A-7",
                },
            },
            "apns": {
                "headers": {
                    "apns-priority": "10", "apns-expiration": (issued_at + 3600).to_string(), "apns-collapse-id": "alert:A-7",
                },
                "payload": {"aps": {"sound": "default", "interruption-level": "time-sensitive", "thread-id": "alert:A-7"}},
            },
        }})
    );
}

#[test]
fn a_critical_message_breaks_through_and_a_plain_one_does_not() {
    let mut message = to_device();
    message.critical = true;
    let body = message::body("d", &message);
    assert_eq!(body["message"]["apns"]["payload"]["aps"]["sound"], json!({"critical": 1, "name": "default", "volume": 1.0}));
    assert_eq!(body["message"]["android"]["notification"]["channel_id"], "critical");
    (message.critical, message.urgent, message.thread, message.expires_at) = (false, false, None, None);
    let body = message::body("d", &message);
    assert_eq!(body["message"]["android"]["priority"], "NORMAL");
    assert_eq!(body["message"]["android"]["ttl"], "2419200s");
    assert_eq!(body["message"]["apns"]["headers"]["apns-priority"], "5");
}

#[test]
fn a_message_about_an_alert_says_how_it_is_answered() {
    let message = Outgoing { answer: Some(offer()), ..to_device() };
    let body = message::body("t", &message);
    let data = &body["message"]["data"];
    assert_eq!((&data["accept"], &data["resolve"], &data["decline"]), (&json!("I have it"), &json!("Resolved"), &json!("Not me")));
    assert_eq!(data["answerUrl"], json!(offer().url));
    assert_eq!(body["message"]["apns"]["payload"]["aps"]["category"], "WATCHBELL_ALERT");
    assert!(message::body("t", &to_device())["message"]["data"].get("answerUrl").is_none());
}

#[test]
fn a_payload_stays_within_its_limit() {
    for letter in ["x", "ä", "😀", "\"", "\u{1}"] {
        let mut message = to_device();
        message.answer = Some(offer());
        message.content.short = letter.repeat(5_000).into();
        message.content.subject = letter.repeat(5_000);
        message.thread = Some(letter.repeat(5_000));
        message.content.url = Some(format!("https://example.org/{}", "u".repeat(5_000)));
        let size = message::body(&"t".repeat(300), &message).to_string().len();
        assert!(size <= 4096, "{letter:?}: {size}");
    }
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_its_end() {
    let service = StandIn::start([granted("t-1"), taken(), taken(), granted("t-2"), taken()]).await;
    let provider = provider(&service);
    let mut message = to_device();
    for now in ["2026-11-20T08:00:00Z", "2026-11-20T08:54:59Z", "2026-11-20T08:55:00Z"] {
        message.now = at(now);
        assert!(matches!(provider.send(&message).await.outcome, Outcome::Accepted { .. }), "{now}");
    }
    let paths: Vec<_> = service.seen().iter().map(|seen| seen.line.contains("token")).collect();
    assert_eq!(paths, [true, false, false, true, false]);
}

#[tokio::test]
async fn many_callers_fetch_one_token() {
    let service = StandIn::start([granted("t-1")].into_iter().chain((0..20).map(|_| taken()))).await;
    let provider = provider(&service);
    let reports = futures::future::join_all((0..20).map(|_| async { provider.send(&to_device()).await })).await;
    assert!(reports.iter().all(|report| matches!(report.outcome, Outcome::Accepted { .. })));
    assert_eq!(service.seen().iter().filter(|seen| seen.line.contains("token")).count(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let refused = || Act::Answer(401, "", r#"{"error":{"status":"UNAUTHENTICATED"}}"#.to_owned());
    let service = StandIn::start([granted("t-1"), refused(), granted("t-2"), taken()]).await;
    let report = provider(&service).send(&to_device()).await;
    assert!(matches!(report.outcome, Outcome::Accepted { .. }));
    assert!(service.seen()[3].headers.contains("Bearer t-2"));

    let service = StandIn::start([granted("t-1"), refused(), granted("t-2"), refused()]).await;
    let report = provider(&service).send(&to_device()).await;
    assert_eq!(report, Report::new(Outcome::ProviderDown, "UNAUTHENTICATED".to_owned()));
    assert_eq!(service.seen().len(), 4);
}

#[tokio::test]
async fn without_a_token_nothing_was_sent() {
    let table = [
        (Act::Silent, Report::retry("token_timeout".to_owned())),
        (Act::Answer(503, "", String::new()), Report::retry("token_http_503".to_owned())),
        (Act::Answer(200, "", "<html>".to_owned()), Report::retry("token_broken_answer".to_owned())),
        (Act::Answer(400, "", r#"{"error":"invalid_grant"}"#.to_owned()), Report::new(Outcome::ProviderDown, "token_http_400".to_owned())),
    ];
    for (act, expected) in table {
        let service = StandIn::start([act]).await;
        let provider = provider(&service);
        assert_eq!(provider.send(&to_device()).await, expected);
        // The next one does not ask again at once.
        assert_eq!(provider.send(&to_device()).await, expected);
        assert_eq!(service.seen().len(), 1);
    }
}

#[tokio::test]
async fn devices_of_other_services_are_left_to_them() {
    let service = StandIn::start([]).await;
    let provider = provider(&service);
    let apns = Address::Device { kind: DeviceKind::Apns, token: Secret::new("a"), keys: None };
    assert!(!provider.takes(&apns) && provider.takes(&to_device().to));
    assert_eq!(provider.send(&outgoing(Channel::Push, apns)).await.outcome, Outcome::BadMessage);
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let fcm = |code: &str, status: &str| {
        json!({"error": {"code": 1, "message": "m", "status": status, "details": [
            {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]}})
        .to_string()
    };
    let bare = |status: &str, message: &str| json!({"error": {"status": status, "message": message}}).to_string();
    let field = |field: &str| {
        json!({"error": {"status": "INVALID_ARGUMENT", "message": "Invalid value", "details": [
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field, "description": "d"}]}]}})
        .to_string()
    };
    let message = Outcome::Retry { after: None, scope: LimitScope::Message };
    let provider = Outcome::Retry { after: None, scope: LimitScope::Provider };
    let table = [
        (200, TAKEN.to_owned(), Outcome::Accepted { message_id: Some("projects/bell-1/messages/0:17".to_owned()) }, None),
        (200, "{}".to_owned(), Outcome::Unknown, Some("broken_answer")),
        (200, "<html>".to_owned(), Outcome::Unknown, Some("broken_answer")),
        (404, fcm("UNREGISTERED", "NOT_FOUND"), Outcome::BadAddress, Some("UNREGISTERED")),
        (403, fcm("SENDER_ID_MISMATCH", "PERMISSION_DENIED"), Outcome::BadAddress, Some("SENDER_ID_MISMATCH")),
        (
            400,
            bare("INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"),
            Outcome::BadAddress,
            Some("INVALID_ARGUMENT"),
        ),
        (400, field("message.token"), Outcome::BadAddress, Some("INVALID_ARGUMENT")),
        (400, field("message.android.ttl"), Outcome::BadMessage, Some("INVALID_ARGUMENT")),
        (400, fcm("INVALID_ARGUMENT", "INVALID_ARGUMENT"), Outcome::BadMessage, Some("INVALID_ARGUMENT")),
        (401, fcm("THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED"), Outcome::ProviderDown, Some("THIRD_PARTY_AUTH_ERROR")),
        (401, bare("UNAUTHENTICATED", ""), Outcome::ProviderDown, Some("UNAUTHENTICATED")),
        (403, bare("PERMISSION_DENIED", ""), Outcome::ProviderDown, Some("PERMISSION_DENIED")),
        (404, bare("NOT_FOUND", "project"), Outcome::ProviderDown, Some("NOT_FOUND")),
        (404, "<html>".to_owned(), Outcome::ProviderDown, Some("http_404")),
        (429, fcm("QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED"), provider.clone(), Some("QUOTA_EXCEEDED")),
        (429, "<html>".to_owned(), provider, Some("http_429")),
        (500, fcm("INTERNAL", "INTERNAL"), message.clone(), Some("INTERNAL")),
        (503, fcm("UNAVAILABLE", "UNAVAILABLE"), message.clone(), Some("UNAVAILABLE")),
        (502, "<html>".to_owned(), message.clone(), Some("http_502")),
        // What passes is never made permanent by a code.
        (503, fcm("UNREGISTERED", "NOT_FOUND"), message, Some("UNREGISTERED")),
    ];
    for (status, body, outcome, code) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        assert_eq!(classify::classify(&answer, now), Report::new(outcome, code.map(str::to_owned)), "{status} {body}");
    }
    let apple = Answer { status: 401, body: fcm("THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED").into_bytes(), ..Answer::default() };
    assert!(!classify::is_stale_token(&apple));
}

#[test]
fn a_service_account_is_read_from_text_or_file_and_its_key_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    std::fs::write(&file, account()).unwrap();
    let check = |text: &str| {
        let settings = Settings { base_url: default_base_url(), token_url: None, service_account: Secret::new(text) };
        settings.check(&CommonSettings::default()).map_err(|error| error.to_string())
    };
    assert_eq!(check(&account()), Ok(()));
    assert_eq!(check(file.to_str().unwrap()), Ok(()));
    let error = check("/no/such/file.json").unwrap_err();
    assert!(error.starts_with("`service_account` = `/no/such/file.json`: must be a Google service account's JSON"), "{error}");
    assert!(check(r#"{"project_id":"p"}"#).unwrap_err().ends_with("client_email is missing or no text"));
    assert!(check("{").unwrap_err().ends_with("it is not JSON"));
    let broken = account().replace("BEGIN PRIVATE", "BEGIN OTHER");
    assert!(check(&broken).unwrap_err().ends_with("private_key is no RSA key of 2048 bits or more, as PKCS #8 in PEM"));
    assert!(!check(&broken).unwrap_err().contains("MII"));
}
