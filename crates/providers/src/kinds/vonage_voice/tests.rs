//! Calls, events and keys as Vonage's reference of the Voice API has them.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use ::http::{HeaderMap, HeaderValue, Method, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::outcome::LimitScope;
use watchbell_core::{DeliveryId, ManualClock};

use super::*;
use crate::inbound::{Action, Answer as Answered, AnswerTo, Change, Effect, Heard, Notice, Receipt, Refusal, Subject, Words};
use crate::jwt;
use crate::kinds::stand_in::{Act, Seen, StandIn, at, outgoing};
use crate::phrase::{Phrase, Since, Wording};

const TO: &str = "+4915112345678";
const DELIVERY: &str = "01KAFX8M00ABCDEFGHJKMNPQRS";
const PUBLIC: &[u8] = include_bytes!("../fcm/test_key.pub.der");

fn settings(base_url: &str) -> Settings {
    let text = json!({
        "base_url": base_url, "application_id": "app-1", "private_key": include_str!("../fcm/test_key.pem"), "from": "15005550006",
        "signature_secret": "s3cret", "previous_signature_secret": "s3cret-before",
    });
    serde_json::from_value(text).unwrap()
}

async fn send(change: impl FnOnce(&mut Settings, &mut Outgoing), answer: Act) -> (Report, Option<Seen>) {
    let service = StandIn::start([answer]).await;
    let mut settings = settings(&service.url);
    let mut message = outgoing(Channel::Voice, Address::Phone(TO.to_owned()));
    change(&mut settings, &mut message);
    let provider = settings.build("calls", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    assert!(!format!("{provider:?}").contains("s3cret"));
    (provider.send(&message).await, service.seen().pop())
}

fn taken() -> Act {
    Act::Answer(201, "", r#"{"uuid":"63f61863","status":"started","direction":"outbound","conversation_uuid":"CON-1"}"#.to_owned())
}

#[tokio::test]
async fn a_call_that_waits_for_a_key() {
    let (report, seen) = send(|_, _| {}, taken()).await;
    assert_eq!(report, Report::accepted("63f61863".to_owned()));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /v1/calls HTTP/1.1");
    let token = seen.headers.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
    let (header, claims) = jwt::verify(token, &ring::signature::RSA_PKCS1_2048_8192_SHA256, PUBLIC).unwrap();
    assert_eq!(header["alg"], "RS256");
    assert_eq!(
        (&claims["application_id"], &claims["iat"], &claims["exp"]),
        (&json!("app-1"), &json!(1_795_161_600), &json!(1_795_162_500))
    );
    assert_eq!(claims["jti"].as_str().unwrap().len(), 32);
    let callback = |path: &str| format!("https://bell.example.org/wb/callbacks/calls{path}?delivery={DELIVERY}");
    assert_eq!(
        seen.json(),
        json!({
            "to": [{"type": "phone", "number": "4915112345678"}],
            "from": {"type": "phone", "number": "15005550006"},
            "ncco": [
                {
                    "action": "talk", "text": "High priority alert. Disk full on  db  & co. Press 1 to accept the alert.",
                    "language": "en-US", "loop": 2, "bargeIn": true,
                },
                {
                    "action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1, "timeOut": 10}, "eventUrl": [callback("/key")],
                    "eventMethod": "POST",
                },
            ],
            "event_url": [callback("")],
            "machine_detection": "continue",
            "ringing_timer": 30,
        })
    );
}

/// Where there is nothing to choose, or nobody who would hear of it, no key is announced and none is waited for.
#[tokio::test]
async fn a_call_announces_what_works() {
    let said_alone = |seen: Option<Seen>| {
        let body = seen.unwrap().json();
        let actions = body["ncco"].as_array().unwrap().clone();
        assert_eq!(actions.len(), 1, "{body}");
        assert!(!actions[0]["text"].as_str().unwrap().contains("Press"), "{body}");
        body
    };
    said_alone(send(|_, message| message.content.menu.clear(), taken()).await.1);
    let body = said_alone(send(|_, message| message.callback_base = None, taken()).await.1);
    assert!(body.get("event_url").is_none() && body.get("machine_detection").is_none());
    let body = said_alone(send(|settings, _| settings.signature_secret = None, taken()).await.1);
    assert!(body.get("event_url").is_none());
    let long = |_: &mut Settings, message: &mut Outgoing| {
        message.content.speech = "Disk & ".repeat(1_000).into();
        message.content.locale = "zh-Hant-HK".to_owned();
    };
    let body = send(long, taken()).await.1.unwrap().json();
    let text = body["ncco"][0]["text"].as_str().unwrap();
    assert!((1_400..=1_500).contains(&text.chars().count()) && text.ends_with("… Press 1 to accept the alert."), "{text}");
    assert_eq!(body["ncco"][0]["language"], "yue-CN");
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let invalid = |name: &str| json!({"title": "Bad Request", "invalid_parameters": [{"name": name, "reason": "x"}]}).to_string();
    let table = [
        (201, r#"{"uuid":"63f61863"}"#.to_owned(), Outcome::Accepted { message_id: Some("63f61863".to_owned()) }, None),
        (201, "{}".to_owned(), Outcome::Unknown, Some("broken_answer")),
        (200, "<html>".to_owned(), Outcome::Unknown, Some("broken_answer")),
        (400, invalid("to"), Outcome::BadAddress, Some("http_400")),
        (400, invalid("to[0].number"), Outcome::BadAddress, Some("http_400")),
        (400, invalid("from"), Outcome::BadMessage, Some("http_400")),
        (400, "<html>".to_owned(), Outcome::BadMessage, Some("http_400")),
        (401, String::new(), Outcome::ProviderDown, Some("http_401")),
        (403, String::new(), Outcome::ProviderDown, Some("http_403")),
        (404, String::new(), Outcome::ProviderDown, Some("http_404")),
        (429, String::new(), retry(LimitScope::Provider), Some("http_429")),
        (500, invalid("to"), retry(LimitScope::Message), Some("http_500")),
        (503, String::new(), retry(LimitScope::Message), Some("http_503")),
    ];
    for (status, body, outcome, code) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        assert_eq!(by_answer(&answer, now), Report::new(outcome, code.map(str::to_owned)), "{status} {body}");
    }
}

#[tokio::test]
async fn silence_and_a_closed_connection_are_unknown() {
    for act in [Act::Silent, Act::HalfClose, Act::Answer(201, "", "x".repeat(200_000))] {
        assert_eq!(send(|_, _| {}, act).await.0.outcome, Outcome::Unknown);
    }
}

/// What is read of what Vonage posts, signed as it signs.
async fn read(path: &str, query: &[(&str, &str)], body: &str, secret: &str) -> Result<Heard, Refusal> {
    let hash = hex::encode(digest::digest(&digest::SHA256, body.as_bytes()));
    let claims = json!({"iss": "Vonage", "iat": 1_795_161_590, "jti": "j", "api_key": "k", "payload_hash": hash});
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    let mut headers = HeaderMap::new();
    let token = format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    headers.insert("authorization", HeaderValue::try_from(token).unwrap());
    let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let callbacks = settings("https://api.nexmo.com").inbound("calls", &CommonSettings::default()).unwrap().unwrap();
    let request = crate::inbound::Request {
        method: &Method::POST,
        path,
        query: &query,
        headers: &headers,
        body: body.as_bytes(),
        public_url: "https://bell.example.org",
        url: "https://bell.example.org/callbacks/calls",
        now: at("2026-11-20T08:00:00Z"),
    };
    assert_eq!(callbacks.proof(path), Ok(Some("authorization")));
    callbacks.read(&request).await
}

const OF: (&str, &str) = ("delivery", "01K");

fn of(id: Option<&str>) -> Subject {
    Subject { delivery: DeliveryId("01K".to_owned()), channels: &[Channel::Voice], message_id: id.map(str::to_owned) }
}

#[tokio::test]
async fn events_say_what_became_of_a_call() {
    use ReceiptOutcome::{BadAddress, Delivered, NotAnswered, Undelivered};
    let table = [
        (json!({"status": "started"}), None),
        (json!({"status": "ringing"}), None),
        // By whom is not known yet, or not any more.
        (json!({"status": "answered"}), None),
        (json!({"status": "completed", "duration": "12"}), None),
        (json!({"status": "human"}), Some((Delivered, None))),
        (json!({"status": "machine"}), Some((NotAnswered, Some("machine")))),
        (json!({"status": "busy"}), Some((NotAnswered, Some("busy")))),
        (json!({"status": "timeout"}), Some((NotAnswered, Some("timeout")))),
        (json!({"status": "unanswered"}), Some((NotAnswered, Some("unanswered")))),
        (json!({"status": "rejected", "detail": "declined"}), Some((NotAnswered, Some("declined")))),
        (json!({"status": "rejected", "detail": "restricted"}), Some((Undelivered, Some("restricted")))),
        (json!({"status": "failed", "detail": "cannot_route"}), Some((Undelivered, Some("cannot_route")))),
        (json!({"status": "failed", "detail": "invalid_number"}), Some((BadAddress, Some("invalid_number")))),
        (json!({"status": "failed", "detail": "number_out_of_service"}), Some((BadAddress, Some("number_out_of_service")))),
        (json!({"status": "failed", "detail": "to +4915112345678"}), Some((Undelivered, Some("failed")))),
        (json!({"status": 7}), None),
    ];
    for (mut event, expected) in table {
        let receipt = |of, (outcome, code): (_, Option<&str>)| Notice::Receipt(Receipt { of, outcome, code: code.map(str::to_owned) });
        for name in ["uuid", "call_uuid"] {
            event[name] = json!("63f61863");
            let heard = read("", &[OF], &event.to_string(), "s3cret").await.unwrap();
            assert_eq!(heard.notices, expected.map(|said| receipt(of(Some("63f61863")), said)).into_iter().collect::<Vec<_>>(), "{event}");
            event.as_object_mut().unwrap().remove(name);
        }
    }
}

#[tokio::test]
async fn who_is_not_vonage_is_refused() {
    let event = r#"{"status":"human"}"#;
    assert!(read("", &[OF], event, "s3cret-before").await.is_ok());
    for path in ["", "key"] {
        assert!(matches!(read(path, &[OF], event, "other").await, Err(Refusal::Forbidden(_))));
        assert!(matches!(read(path, &[], event, "s3cret").await, Err(Refusal::Malformed(_))));
        assert!(matches!(read(path, &[OF], "<html>", "s3cret").await, Err(Refusal::Malformed(_))));
    }
    let callbacks = settings("https://api.nexmo.com").inbound("calls", &CommonSettings::default()).unwrap().unwrap();
    assert!(matches!(callbacks.proof("other"), Err(Refusal::NotFound(_))));
    let mut silent = settings("https://api.nexmo.com");
    silent.signature_secret = None;
    assert!(silent.inbound("calls", &CommonSettings::default()).unwrap().is_none(), "nobody could be believed");
}

/// Says each phrase by its name, in the language that is asked for.
struct Names;

impl Words for Names {
    fn say(&self, phrase: Phrase, locale: &str, since: Option<&Since>) -> Wording {
        let since = since.map(|since| format!(" {}", since.state)).unwrap_or_default();
        Wording { text: format!("{phrase:?}{since}"), language: locale.to_owned() }
    }
}

fn key(digits: &str) -> String {
    json!({"uuid": "63f61863", "dtmf": {"digits": digits, "timed_out": digits.is_empty()}}).to_string()
}

#[tokio::test]
async fn a_key_is_an_answer() {
    for (digits, action) in
        [("1", Some(Action::Accept)), ("2", Some(Action::Resolve)), ("3", Some(Action::Decline)), ("9", None), ("5", None), ("", None)]
    {
        let heard = read("key", &[OF], &key(digits), "s3cret").await.unwrap();
        assert_eq!(heard.notices, [Notice::Answer(Answered { of: AnswerTo::Delivery(of(Some("63f61863"))), action, by: None })]);
    }
}

#[tokio::test]
async fn what_is_said_back_is_what_came_of_it() {
    let since = Since { state: "resolved", at: at("2026-11-20T07:57:00Z"), by: String::new() };
    let quiet = |change| Effect { locale: "de".to_owned(), ..Effect::quiet(change) };
    let again = Effect { said: "Disk full".to_owned(), ..quiet(Change::Nothing) };
    let table = [
        ("1", None, quiet(Change::Done), "CallAccepted", None),
        ("2", None, quiet(Change::Done), "CallResolved", None),
        ("3", None, quiet(Change::Done), "CallDeclined", None),
        ("1", None, quiet(Change::Over(Some(since))), "CallOver resolved", None),
        ("1", None, quiet(Change::Unknown), "CallUnknown", None),
        ("9", None, again, "Disk full CallMenu", Some(2)),
        ("5", None, quiet(Change::Nothing), "CallWrongKey CallMenu", Some(2)),
        ("", Some("3"), quiet(Change::Nothing), "CallNoKey CallMenu", Some(4)),
        ("5", Some("4"), quiet(Change::Nothing), "CallEnded", None),
    ];
    for (digits, asked, effect, said, next) in table {
        let query: Vec<_> = std::iter::once(OF).chain(asked.map(|asked| ("asked", asked))).collect();
        let heard = read("key", &query, &key(digits), "s3cret").await.unwrap();
        let reply: Response<String> = heard.reply.give(&[effect], &Names);
        assert_eq!(reply.headers()["content-type"], "application/json");
        let actions: Value = serde_json::from_str(reply.body()).unwrap();
        assert_eq!(
            (&actions[0]["text"], &actions[0]["language"], &actions[0]["loop"]),
            (&json!(said), &json!("de-DE"), &json!(1)),
            "{digits}"
        );
        let url = next.map(|next| json!([format!("https://bell.example.org/callbacks/calls/key?delivery=01K&asked={next}")]));
        assert_eq!(actions[1].get("eventUrl"), url.as_ref(), "{digits}");
    }
}

fn listed(calls: &Value, count: usize) -> Act {
    Act::Answer(200, "", json!({"count": count, "page_size": 100, "_embedded": {"calls": calls}}).to_string())
}

async fn look_up(answer: Act) -> (Option<Vec<Found>>, Vec<Seen>) {
    let service = StandIn::start([answer]).await;
    let message = outgoing(Channel::Voice, Address::Phone(TO.to_owned()));
    let provider = settings(&service.url).build("calls", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    (provider.look_up(&message, message.now).await, service.seen())
}

#[tokio::test]
async fn a_call_without_an_answer_is_known_by_its_numbers_and_time() {
    let call = |uuid: &str, status: &str, to: &str, from: &str| json!({"uuid": uuid, "status": status, "to": {"type": "phone", "number": to}, "from": {"type": "phone", "number": from}});
    let ours = |status| call("u1", status, "4915112345678", "15005550006");
    for (status, reached) in [
        ("started", true),
        ("answered", true),
        ("completed", true),
        ("machine", true),
        ("busy", false),
        ("failed", false),
        ("unanswered", false),
    ] {
        let (found, seen) = look_up(listed(&json!([ours(status)]), 1)).await;
        let report = if reached { Report::accepted("u1".to_owned()) } else { Report::retry(status.to_owned()) };
        assert_eq!(found, Some(vec![Found { message_id: "u1".to_owned(), report }]));
        assert_eq!(seen[0].line, "GET /v1/calls?date_start=2026-11-20T07%3A59%3A00.000Z&order=desc&page_size=100 HTTP/1.1");
        assert!(seen[0].headers.contains("authorization: Bearer ey"));
    }
    let others = json!([call("u2", "started", "4915112345679", "15005550006"), call("u3", "started", "4915112345678", "15005550009")]);
    assert_eq!(look_up(listed(&others, 2)).await.0, Some(Vec::new()));
    assert_eq!(look_up(listed(&others, 300)).await.0, None, "it may be among those that were not listed");
    for act in
        [Act::Answer(500, "", String::new()), Act::Answer(200, "", "{}".to_owned()), Act::Answer(401, "", String::new()), Act::Silent]
    {
        assert_eq!(look_up(act).await.0, None);
    }
}

#[test]
fn settings_are_checked() {
    let check = |change: fn(&mut Settings)| {
        let mut settings = settings("https://api.nexmo.com");
        change(&mut settings);
        settings.check(&CommonSettings::default()).map_err(|error| error.to_string())
    };
    assert_eq!(check(|_| {}), Ok(()));
    assert_eq!(
        check(|s| s.private_key = Secret::new("s3cret")).unwrap_err(),
        "`private_key`: must be the application's private key: an RSA key in PEM that begins with -----BEGIN PRIVATE KEY-----"
    );
    assert_eq!(
        check(|s| s.from = "+15005550006".to_owned()).unwrap_err(),
        "`from` = `+15005550006`: must be a number with its country code and without +, such as 15005550006"
    );
    assert!(check(|s| s.application_id.clear()).is_err());
}
