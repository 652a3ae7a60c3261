#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod tls;

use std::collections::VecDeque;

use ring::signature::ECDSA_P256_SHA256_FIXED;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use watchbell_core::ManualClock;
use watchbell_core::outcome::LimitScope;

use super::*;
use crate::jwt;
use crate::kinds::stand_in::{at, common, offer, outgoing};

// Made for these tests alone.
const KEY: &str = include_str!("test_key.p8");
const PUBLIC_HEX: &str = include_str!("test_key.pub");
const DEVICE: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";

fn public() -> Vec<u8> {
    let hex = PUBLIC_HEX.trim();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        signing_key: Secret::new(KEY),
        key_id: "ABC123DEFG".to_owned(),
        team_id: "DEF123GHIJ".to_owned(),
        topic: "org.example.pager".to_owned(),
    }
}

struct Seen {
    path: String,
    headers: ::http::HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Apple, over HTTP/2.
struct Apple {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
    /// The protocol of each connection, where it came over TLS.
    agreed: Arc<Mutex<Vec<Option<Vec<u8>>>>>,
}

/// Answers with these statuses and reasons, in order; in clear text.
async fn apple(answers: &[(u16, &str)]) -> Apple {
    apple_behind(answers, None).await
}

async fn apple_behind(answers: &[(u16, &str)], tls: Option<tokio_rustls::TlsAcceptor>) -> Apple {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
    let answers: Answers = Arc::new(Mutex::new(answers.iter().map(|(status, reason)| (*status, (*reason).to_owned())).collect()));
    let apple = Apple { url, seen: Arc::default(), connections: Arc::default(), agreed: Arc::default() };
    let (seen, connections, agreed) = (Arc::clone(&apple.seen), Arc::clone(&apple.connections), Arc::clone(&apple.agreed));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            *connections.lock().unwrap() += 1;
            let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
            let Some(tls) = &tls else {
                tokio::spawn(speak(stream, answers, seen));
                continue;
            };
            let Ok(stream) = tls.accept(stream).await else { continue };
            agreed.lock().unwrap().push(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec));
            tokio::spawn(speak(stream, answers, seen));
        }
    });
    apple
}

type Answers = Arc<Mutex<VecDeque<(u16, String)>>>;

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, answers: Answers, seen: Arc<Mutex<Vec<Seen>>>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        let answer = answers.lock().unwrap().pop_front().unwrap();
        tokio::spawn(serve(request, respond, answer, Arc::clone(&seen)));
    }
}

async fn serve(
    request: ::http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<bytes::Bytes>,
    (status, reason): (u16, String),
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.unwrap();
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        body.extend_from_slice(&chunk);
    }
    assert_eq!(head.method, "POST");
    let id = head.headers.get("apns-id").cloned().unwrap();
    seen.lock().unwrap().push(Seen {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap(),
    });
    let response = ::http::Response::builder().status(status).header("apns-id", id).body(()).unwrap();
    let mut stream = respond.send_response(response, reason.is_empty()).unwrap();
    if !reason.is_empty() {
        stream.send_data(json!({"reason": reason}).to_string().into(), true).unwrap();
    }
}

fn build(apple: &Apple, now: Timestamp) -> Arc<dyn Provider> {
    let provider = settings(&apple.url).build("apns", &common(false), Arc::new(ManualClock::new(now))).unwrap();
    assert!(!format!("{provider:?}").contains("BEGIN"));
    provider
}

fn to_device() -> Outgoing {
    let token = Secret::new(DEVICE);
    outgoing(Channel::Push, Address::Device { kind: DeviceKind::Apns, token, keys: None })
}

#[tokio::test]
async fn one_message_with_headers_and_payload() {
    let apple = apple(&[(200, ""), (200, "")]).await;
    let message = to_device();
    let provider = build(&apple, message.now);
    let report = provider.send(&message).await;
    let mut quiet = to_device();
    (quiet.urgent, quiet.thread, quiet.content.url) = (false, None, None);
    provider.send(&quiet).await;
    assert_eq!(*apple.connections.lock().unwrap(), 1, "one connection carries them all");
    let seen = apple.seen.lock().unwrap();
    let first = &seen[0];
    assert_eq!(report, Report::accepted(first.header("apns-id").to_owned()));
    assert_eq!(first.path, format!("/3/device/{DEVICE}"));
    let expected = [
        ("apns-topic", "org.example.pager"),
        ("apns-push-type", "alert"),
        ("apns-priority", "10"),
        ("apns-expiration", "1795165200"),
        ("apns-collapse-id", "alert:A-7"),
    ];
    for (name, value) in expected {
        assert_eq!(first.header(name), value, "{name}");
    }
    assert_eq!(first.header("apns-id").len(), 36);
    let token = first.header("authorization").strip_prefix("Bearer ").unwrap();
    let (header, claims) = jwt::verify(token, &ECDSA_P256_SHA256_FIXED, &public()).unwrap();
    assert_eq!(
        (header, claims),
        (json!({"alg": "ES256", "typ": "JWT", "kid": "ABC123DEFG"}), json!({"iss": "DEF123GHIJ", "iat": 1_795_161_600}))
    );
    assert_eq!(
        first.body,
        json!({
            "aps": {
                "alert": {"title": "[HIGH] Disk full on db-1", "body": "HIGH: Disk full on db-1"},
                "sound": "default",
                "interruption-level": "time-sensitive",
                "thread-id": "alert:A-7",
            },
            "deliveryId": "01KAFX8M00ABCDEFGHJKMNPQRS",
            "url": "https://alerts.example.org/7",
        })
    );
    let second = &seen[1];
    assert_eq!((second.header("apns-priority"), second.header("apns-collapse-id")), ("5", ""));
    assert_eq!(second.body["aps"]["interruption-level"], "active");
    assert_eq!(second.header("authorization"), first.header("authorization"));
    assert_eq!(second.header("apns-id"), first.header("apns-id"), "the delivery's, whatever the try");
}

#[test]
fn a_message_about_an_alert_says_how_it_is_answered() {
    let payload = message::payload(&Outgoing { answer: Some(offer()), ..to_device() });
    assert_eq!((&payload["aps"]["category"], &payload["answerUrl"]), (&json!("WATCHBELL_ALERT"), &json!(offer().url)));
    assert!(message::payload(&to_device())["aps"].get("category").is_none());
}

#[test]
fn a_critical_message_breaks_through_and_every_message_fits() {
    let mut message = to_device();
    message.critical = true;
    message.content.short = "字".repeat(9_000).into();
    message.thread = Some("ä".repeat(40));
    let payload = message::payload(&message);
    assert_eq!(payload["aps"]["sound"], json!({"critical": 1, "name": "default", "volume": 1.0}));
    assert_eq!(payload["aps"]["interruption-level"], "critical");
    assert!(payload.to_string().len() <= 4096);
    let headers = message::headers(&message);
    let collapse_id = &headers.iter().find(|(name, _)| *name == "apns-collapse-id").unwrap().1;
    assert!(collapse_id.len() <= 64 && collapse_id.is_ascii(), "{collapse_id}");
}

#[tokio::test]
async fn a_token_is_used_for_fifty_minutes() {
    let apple = apple(&[(200, ""), (200, ""), (200, "")]).await;
    let mut message = to_device();
    let provider = build(&apple, message.now);
    for time in ["08:00:00", "08:49:59", "08:50:00"] {
        message.now = at(&format!("2026-11-20T{time}Z"));
        provider.send(&message).await;
    }
    let seen = apple.seen.lock().unwrap();
    let tokens: Vec<_> = seen.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[1], tokens[2]);
}

#[tokio::test]
async fn an_expired_token_is_made_anew_once() {
    let served = apple(&[(403, "ExpiredProviderToken"), (200, "")]).await;
    let message = to_device();
    assert!(matches!(build(&served, message.now).send(&message).await.outcome, Outcome::Accepted { .. }));
    let refused = apple(&[(403, "ExpiredProviderToken"), (403, "ExpiredProviderToken")]).await;
    let report = build(&refused, message.now).send(&message).await;
    assert_eq!(report, Report::new(Outcome::ProviderDown, "ExpiredProviderToken".to_owned()));
}

#[tokio::test]
async fn it_takes_apple_s_devices_only_and_a_closed_port_was_not_reached() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let provider = settings(&format!("http://{unused}"))
        .build("apns", &common(false), Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z"))))
        .unwrap();
    let fcm = Address::Device { kind: DeviceKind::Fcm, token: Secret::new("x"), keys: None };
    assert!(provider.takes(&to_device().to) && !provider.takes(&fcm));
    assert_eq!(provider.send(&outgoing(Channel::Push, fcm)).await.outcome, Outcome::BadMessage);
    assert_eq!(provider.send(&to_device()).await, Report::retry("connect".to_owned()));
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let table = [
        (400, "BadDeviceToken", Outcome::BadAddress),
        (400, "DeviceTokenNotForTopic", Outcome::BadAddress),
        (410, "Unregistered", Outcome::BadAddress),
        (410, "ExpiredToken", Outcome::BadAddress),
        (410, "", Outcome::BadAddress),
        (400, "BadCollapseId", Outcome::BadMessage),
        (400, "BadExpirationDate", Outcome::BadMessage),
        (400, "BadMessageId", Outcome::BadMessage),
        (400, "BadPriority", Outcome::BadMessage),
        (400, "DuplicateHeaders", Outcome::BadMessage),
        (400, "InvalidPushType", Outcome::BadMessage),
        (400, "MissingDeviceToken", Outcome::BadMessage),
        (400, "PayloadEmpty", Outcome::BadMessage),
        (413, "PayloadTooLarge", Outcome::BadMessage),
        (400, "BadTopic", Outcome::ProviderDown),
        (400, "MissingTopic", Outcome::ProviderDown),
        (400, "TopicDisallowed", Outcome::ProviderDown),
        (403, "BadCertificate", Outcome::ProviderDown),
        (403, "BadCertificateEnvironment", Outcome::ProviderDown),
        (403, "ExpiredProviderToken", Outcome::ProviderDown),
        (403, "Forbidden", Outcome::ProviderDown),
        (403, "InvalidProviderToken", Outcome::ProviderDown),
        (403, "MissingProviderToken", Outcome::ProviderDown),
        (404, "BadPath", Outcome::ProviderDown),
        (405, "MethodNotAllowed", Outcome::ProviderDown),
        (400, "IdleTimeout", retry(LimitScope::Message)),
        (429, "TooManyProviderTokenUpdates", retry(LimitScope::Provider)),
        (429, "TooManyRequests", retry(LimitScope::Recipient)),
        (500, "InternalServerError", retry(LimitScope::Message)),
        (503, "ServiceUnavailable", retry(LimitScope::Message)),
        (503, "Shutdown", retry(LimitScope::Message)),
        // A passing fault stays one, whatever the text says.
        (503, "BadDeviceToken", retry(LimitScope::Message)),
    ];
    for (status, reason, outcome) in table {
        let body = if reason.is_empty() { Vec::new() } else { json!({"reason": reason}).to_string().into_bytes() };
        let report = classify::classify(&Answer { status, body, ..Answer::default() }, now);
        let code = if reason.is_empty() { format!("http_{status}") } else { reason.to_owned() };
        assert_eq!(report, Report::new(outcome, code));
    }
}

#[test]
fn settings_are_checked() {
    let check = |settings: Settings| settings.check(&CommonSettings::default()).map_err(|error| (error.key, error.value.is_some()));
    let url = default_base_url();
    assert_eq!(check(settings(&url)), Ok(()));
    assert_eq!(check(settings("apple")), Err(("base_url".to_owned(), true)));
    assert_eq!(check(Settings { signing_key: Secret::new("x"), ..settings(&url) }), Err(("signing_key".to_owned(), false)));
    assert_eq!(check(Settings { key_id: "short".to_owned(), ..settings(&url) }), Err(("key_id".to_owned(), true)));
    assert_eq!(check(Settings { team_id: "long 1234567".to_owned(), ..settings(&url) }), Err(("team_id".to_owned(), true)));
    assert_eq!(check(Settings { topic: "my app".to_owned(), ..settings(&url) }), Err(("topic".to_owned(), true)));
}
