#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use futures::{SinkExt, StreamExt};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_websockets::{Message, ServerBuilder};
use watchbell_core::ManualClock;
use watchbell_core::outcome::LimitScope;

use super::*;
use crate::http::Answer;
use crate::inbound::{Action, AnswerTo, Change, Effect, Heard, Notice, Refusal, Request, Words};
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};
use crate::phrase::{Phrase, Since, Wording};

const TAKEN: &str = r#"{"id":"sPs71M8A2T","time":1643935928,"event":"message","topic":"anna-7","message":"x"}"#;

fn settings(url: &str, answer_topic: &str) -> Settings {
    Settings { base_url: url.to_owned(), token: Secret::new("tk_hush"), answer_topic: answer_topic.to_owned() }
}

fn to(topic: &str) -> Outgoing {
    let address = Address::Device { kind: DeviceKind::Ntfy, token: Secret::new(topic), keys: None };
    Outgoing { answer: Some(offer()), ..outgoing(Channel::Push, address) }
}

async fn send(service: &StandIn, answer_topic: &str, message: &Outgoing) -> Report {
    let settings = settings(&service.url, answer_topic);
    settings.check(&service.common()).unwrap();
    let provider = settings.build("ntfy", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    assert!(!format!("{provider:?}").contains("hush"));
    provider.send(message).await
}

fn action(action: &str, label: &str, url: &str) -> Value {
    let body = format!("{action}:{}", offer().token.expose());
    json!({"action": "http", "label": label, "url": url, "method": "POST", "body": body, "clear": true})
}

#[tokio::test]
async fn one_message_with_actions_by_which_the_phone_answers() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    assert_eq!(send(&service, "", &to("anna-7")).await, Report::accepted("sPs71M8A2T".to_owned()));
    let seen = service.only();
    assert_eq!(seen.line, "POST / HTTP/1.1");
    assert!(seen.headers.contains("authorization: Bearer tk_hush"));
    let url = "https://bell.example.org/wb/callbacks/ntfy";
    assert_eq!(
        seen.json(),
        json!({
            "topic": "anna-7",
            "title": "[HIGH] Disk full on db-1",
            "message": "HIGH: Disk full on db-1",
            "priority": 5,
            "click": "https://alerts.example.org/7",
            "actions": [action("accept", "I have it", url), action("resolve", "Resolved", url), action("decline", "Not me", url)],
        })
    );
}

#[tokio::test]
async fn a_phone_that_cannot_call_us_answers_in_a_topic() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned()), Act::Answer(200, "", TAKEN.to_owned())]).await;
    let message = Outgoing { callback_base: None, urgent: false, ..to("anna-7") };
    send(&service, "answers", &message).await;
    let seen = service.seen().pop().unwrap().json();
    assert_eq!((&seen["priority"], &seen["actions"][0]), (&json!(3), &action("accept", "I have it", &format!("{}/answers", service.url))));
    send(&service, "", &message).await;
    assert!(service.seen().pop().unwrap().json().get("actions").is_none(), "nobody would hear it");
}

#[test]
fn a_long_text_is_cut_to_what_ntfy_takes() {
    let mut message = to("anna-7");
    message.content.short = "字".repeat(9_000).into();
    let body = message::body(&Secret::new("t"), &message, &AnswerPlace { name: "ntfy".to_owned(), topic: None });
    assert!((4_000..=4_096).contains(&body["message"].as_str().unwrap().len()));
    message.content.short = "\"".repeat(9_000).into();
    let body = message::body(&Secret::new("t"), &message, &AnswerPlace { name: "ntfy".to_owned(), topic: None });
    assert!((7_000..=8_000).contains(&body.to_string().len()));
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |after, scope| Outcome::Retry { after, scope };
    let error = |code: i64| json!({"code": code, "http": code / 100, "error": "Disk full", "link": "https://ntfy.sh/docs"}).to_string();
    let table = [
        (200, TAKEN.to_owned(), Outcome::Accepted { message_id: Some("sPs71M8A2T".to_owned()) }),
        (200, "<html>".to_owned(), Outcome::Unknown),
        (400, error(40_009), Outcome::BadAddress),
        (400, error(40_010), Outcome::BadAddress),
        (403, error(40_301), Outcome::BadAddress),
        (507, error(50_701), Outcome::BadAddress),
        (400, error(40_018), Outcome::BadMessage),
        (413, error(41_301), Outcome::BadMessage),
        (401, error(40_101), Outcome::ProviderDown),
        (429, error(42_901), retry(None, LimitScope::Provider)),
        (429, error(42_908), retry(Some(at("2026-11-20T09:00:00Z")), LimitScope::Provider)),
        (429, error(42_909), Outcome::ProviderDown),
        (500, error(50_001), retry(None, LimitScope::Message)),
        (404, "<html>".to_owned(), Outcome::ProviderDown),
        (502, "<html>".to_owned(), retry(None, LimitScope::Message)),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        let report = classify::published(&answer, now);
        assert_eq!(report.outcome, outcome, "{status} {body}");
        assert!(!report.code.unwrap_or_default().contains("Disk"));
    }
}

struct Silence;

impl Words for Silence {
    fn say(&self, _: Phrase, _: &str, _: Option<&Since>) -> Wording {
        Wording::default()
    }
}

async fn read(body: &[u8]) -> Result<Heard, Refusal> {
    let actions = settings("http://127.0.0.1:1", "").inbound("ntfy", &CommonSettings::default()).unwrap().unwrap();
    assert!(actions.source(false).is_none(), "without a topic there is nothing to ask");
    let (public_url, url) = ("https://bell.example.org", "https://bell.example.org/callbacks/ntfy");
    let (headers, now) = (HeaderMap::new(), at("2026-11-20T08:00:00Z"));
    actions.read(&Request { method: &Method::POST, path: "", query: &[], headers: &headers, body, public_url, url, now }).await
}

fn answer(action: Action) -> Notice {
    Notice::Answer(crate::inbound::Answer { of: AnswerTo::Token(Secret::new("token-1")), action: Some(action), by: None })
}

#[tokio::test]
async fn an_action_is_an_answer() {
    for (body, action) in [("accept:token-1", Action::Accept), ("resolve:token-1\n", Action::Resolve), ("decline:token-1", Action::Decline)]
    {
        let heard = read(body.as_bytes()).await.unwrap();
        assert_eq!(heard.notices, [answer(action)]);
        let effect = Effect { said: "It is yours".to_owned(), ..Effect::quiet(Change::Done) };
        assert_eq!(heard.reply.give(&[effect], &Silence).body(), "It is yours");
    }
    let long = format!("accept:{}", "x".repeat(65));
    for body in [&b""[..], b"accept", b"accept:", b"explode:token-1", b"\xff\xff", long.as_bytes()] {
        assert!(matches!(read(body).await, Err(Refusal::Malformed(_))), "{}", body.escape_ascii());
    }
}

#[tokio::test]
async fn the_topic_of_answers_is_listened_to_from_where_it_was_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(&format!("http://{}", listener.local_addr().unwrap()), "answers");
    let actions = settings.inbound("ntfy", &CommonSettings::default()).unwrap().unwrap();
    assert!(actions.source(true).is_none());
    let source = actions.source(false).unwrap();
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        let (request, mut socket) = ServerBuilder::new().accept(stream).await.unwrap();
        let open = json!({"id": "a", "event": "open", "topic": "answers"});
        let junk = json!({"id": "b", "event": "message", "message": "hello"});
        let press = json!({"id": "c", "event": "message", "message": "accept:token-1"});
        for message in [open, junk, press] {
            socket.send(Message::text(message.to_string())).await.unwrap();
        }
        socket.close().await.unwrap();
        while socket.next().await.is_some() {}
        (request.uri().to_string(), request.headers()["authorization"].clone())
    };
    let ours = async {
        source.open().await.unwrap();
        let mut all = Vec::new();
        while let Ok(batch) = source.next(Some("xyz")).await {
            all.push((batch.position, batch.heard.into_iter().flat_map(|heard| heard.notices).collect::<Vec<_>>()));
        }
        // As after every failure: the broken socket goes.
        source.open().await.unwrap();
        all
    };
    let ((uri, authorization), all) = tokio::join!(server, ours);
    assert_eq!((uri.as_str(), authorization.to_str().unwrap()), ("/answers/ws?since=xyz", "Bearer tk_hush"));
    assert_eq!(all, [(None, vec![]), (Some("b".to_owned()), vec![]), (Some("c".to_owned()), vec![answer(Action::Accept)])]);
}

#[test]
fn settings_are_checked() {
    let check = |base: &str, topic: &str| settings(base, topic).check(&CommonSettings::default()).map_err(|error| error.key);
    assert_eq!(check("https://ntfy.example.org", "watchbell-answers_1"), Ok(()));
    assert_eq!(check("ntfy.example.org", ""), Err("base_url".to_owned()));
    assert_eq!(check("https://ntfy.example.org", "two words"), Err("answer_topic".to_owned()));
}
