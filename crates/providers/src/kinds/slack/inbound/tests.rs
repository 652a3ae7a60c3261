#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use futures::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Method};
use ring::hmac;
use tokio::net::TcpListener;
use tokio_websockets::{Message, ServerBuilder};

use super::super::tests::settings;
use super::*;
use crate::inbound::{Change, Words};
use crate::kinds::stand_in::{Act, StandIn, at};
use crate::phrase::{Phrase, Since, Wording};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// Of 2026-11-20T08:00:00Z, in seconds.
const NOW_S: i64 = 1_795_161_600;

struct Silence;

impl Words for Silence {
    fn say(&self, _: Phrase, _: &str, _: Option<&Since>) -> Wording {
        Wording::default()
    }
}

fn interactions(service: &StandIn) -> Interactions {
    let settings = Settings { signing_secret: Secret::new(SECRET), app_token: Secret::new("xapp-1"), ..settings(service, "xoxb-1") };
    Interactions::new(&settings, &service.common()).unwrap()
}

fn press(action: &str, channel: &str) -> Value {
    json!({
        "type": "block_actions",
        "user": {"id": "U0ANNA", "username": "anna", "team_id": "T1"},
        "container": {"message_ts": "1503435956.000247", "channel_id": channel},
        "channel": {"id": channel, "name": "ops"},
        "response_url": "https://hooks.slack.com/actions/T1/22/hush",
        "actions": [{"action_id": action, "block_id": "x", "value": "token-1", "action_ts": "1"}],
    })
}

fn form(payload: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", payload).finish()
}

fn signed(secret: &str, at_s: i64, body: &str) -> HeaderMap {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), format!("v0:{at_s}:{body}").as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert(signature::HEADER, HeaderValue::try_from(format!("v0={}", hex::encode(tag))).unwrap());
    headers.insert("x-slack-request-timestamp", HeaderValue::from(at_s));
    headers
}

async fn read(interactions: &Interactions, headers: &HeaderMap, body: &str) -> Result<Heard, Refusal> {
    let (public_url, url) = ("https://bell.example.org", "https://bell.example.org/callbacks/slack");
    let now = at("2026-11-20T08:00:00Z");
    let request = Request { method: &Method::POST, path: "", query: &[], headers, body: body.as_bytes(), public_url, url, now };
    interactions.read(&request).await
}

fn answer(by: Option<&str>, action: Action) -> Notice {
    let by = by.map(|id| Presser { service: ContactKind::Slack, account: Secret::new(id) });
    Notice::Answer(Answer { of: AnswerTo::Token(Secret::new("token-1")), action: Some(action), by })
}

fn effect(said: &str) -> Effect {
    Effect { said: said.to_owned(), ..Effect::quiet(Change::Done) }
}

#[tokio::test]
async fn a_press_is_an_answer_of_whoever_pressed_and_they_alone_are_told() {
    let service = StandIn::start([Act::Answer(200, "", "ok".to_owned())]).await;
    let interactions = interactions(&service);
    let table = [
        ("watchbell_accept", "C024BE91L", answer(Some("U0ANNA"), Action::Accept)),
        ("watchbell_resolve", "G024BE91L", answer(Some("U0ANNA"), Action::Resolve)),
        // A direct message is seen by its addressee alone.
        ("watchbell_decline", "D024BE91L", answer(None, Action::Decline)),
    ];
    for (action, channel, expected) in table {
        let body = form(&press(action, channel).to_string());
        let heard = read(&interactions, &signed(SECRET, NOW_S - 299, &body), &body).await.unwrap();
        assert_eq!(heard.notices, [expected]);
    }
    let body = form(&press("watchbell_accept", "C1").to_string());
    let heard = read(&interactions, &signed(SECRET, NOW_S, &body), &body).await.unwrap();
    let mut response = heard.reply.give(&[effect("You have <it> now")], &Silence);
    assert_eq!((response.status().as_u16(), response.body().as_str()), (200, ""));
    interactions.follow_up(response.extensions_mut().remove::<FollowUp>().unwrap()).await.unwrap();
    let seen = service.only();
    assert_eq!(seen.line, "POST /actions/T1/22/hush HTTP/1.1");
    let said = json!({"response_type": "ephemeral", "replace_original": false, "text": "You have &lt;it&gt; now", "mrkdwn": false});
    assert_eq!(seen.json(), said);
}

#[tokio::test]
async fn what_is_no_press_of_ours_says_nothing() {
    let service = StandIn::start([]).await;
    let interactions = interactions(&service);
    let mut other = press("watchbell_accept", "C1");
    other["type"] = json!("view_submission");
    let mut without_value = press("watchbell_accept", "C1");
    without_value["actions"][0]["value"].take();
    for payload in [other, without_value, press("open", "C1"), press("watchbell_explode", "C1"), json!({}), json!([1])] {
        let body = form(&payload.to_string());
        let heard = read(&interactions, &signed(SECRET, NOW_S, &body), &body).await.unwrap();
        assert_eq!(heard.notices, [], "{payload}");
    }
}

#[tokio::test]
async fn only_slack_s_own_signature_of_this_moment_counts() {
    let service = StandIn::start([]).await;
    let interactions = interactions(&service);
    let body = form(&press("watchbell_accept", "C1").to_string());
    let mut unsigned = signed(SECRET, NOW_S, &body);
    unsigned.remove(signature::HEADER);
    let mut undated = signed(SECRET, NOW_S, &body);
    undated.remove("x-slack-request-timestamp");
    let mut redated = signed(SECRET, NOW_S - 600, &body);
    redated.insert("x-slack-request-timestamp", HeaderValue::from(NOW_S));
    let other_body = signed(SECRET, NOW_S, &form("{}"));
    let refused = [
        signed("another", NOW_S, &body),
        signed(SECRET, NOW_S - 301, &body),
        signed(SECRET, NOW_S + 301, &body),
        signed(SECRET, i64::MIN, &body),
        unsigned,
        undated,
        redated,
        other_body,
    ];
    for headers in refused {
        assert!(matches!(read(&interactions, &headers, &body).await, Err(Refusal::Forbidden(_))), "{headers:?}");
    }
    for body in ["", "payload=", "payload=%7B", "x=1"] {
        assert!(matches!(read(&interactions, &signed(SECRET, NOW_S, body), body).await, Err(Refusal::Malformed(_))), "{body}");
    }
}

#[tokio::test]
async fn what_is_said_goes_to_slack_s_own_host_alone() {
    let service = StandIn::start([]).await;
    let interactions = interactions(&service);
    for url in ["http://169.254.169.254/latest", "https://hooks.slack.com.evil.example/actions/x", "https://hooks.slack.com/services/x", ""]
    {
        let follow_up = FollowUp(json!({"response_url": url, "body": {}}));
        assert!(interactions.follow_up(follow_up).await.is_err(), "{url}");
    }
    assert_eq!(service.seen().len(), 0);
}

/// The other end of a socket: sends what is to come, and gives what came.
async fn slack_s_end(listener: &TcpListener, say: &[Value]) -> Vec<String> {
    let (stream, _) = listener.accept().await.unwrap();
    let (_, mut socket) = ServerBuilder::new().accept(stream).await.unwrap();
    let mut heard = Vec::new();
    for message in say {
        socket.send(Message::text(message.to_string())).await.unwrap();
        if message.get("envelope_id").is_some() {
            heard.push(socket.next().await.unwrap().unwrap().as_text().unwrap().to_owned());
        }
    }
    heard
}

#[tokio::test]
async fn over_a_socket_each_press_is_acknowledged_and_a_closed_one_is_opened_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ticket = json!({"ok": true, "url": format!("ws://{}/link?ticket=hush", listener.local_addr().unwrap())}).to_string();
    let refused = r#"{"ok":false,"error":"invalid_auth"}"#.to_owned();
    let acts = [
        Act::Answer(200, "", refused),
        Act::Answer(200, "", ticket.clone()),
        Act::Answer(200, "", ticket),
        Act::Answer(200, "", "ok".to_owned()),
    ];
    let service = StandIn::start(acts).await;
    let interactions = interactions(&service);
    // Where Slack can call, it does.
    assert!(interactions.source(true).is_none());
    let source = interactions.source(false).unwrap();
    assert_eq!(source.open().await, Err(InboundError("no socket was given (HTTP 200)".to_owned())));
    let first = [json!({"type": "hello"}), json!({"type": "disconnect", "reason": "refresh_requested"})];
    let envelope = json!({"envelope_id": "e-1", "type": "interactive", "payload": press("watchbell_accept", "C1")});
    let second = [json!({"type": "hello"}), envelope];
    let slack = async {
        assert_eq!(slack_s_end(&listener, &first).await, Vec::<String>::new());
        slack_s_end(&listener, &second).await
    };
    let ours = async {
        source.open().await.unwrap();
        loop {
            let batch = source.next(None).await.unwrap();
            assert_eq!(batch.position, None);
            if let Some(heard) = batch.heard.into_iter().next() {
                assert_eq!(heard.notices, [answer(Some("U0ANNA"), Action::Accept)]);
                source.reply(heard.reply.give(&[effect("You have it")], &Silence)).await.unwrap();
                break;
            }
        }
        // The other end has gone.
        while source.next(None).await.is_ok() {}
    };
    let (acknowledged, ()) = tokio::join!(slack, ours);
    assert_eq!(acknowledged, [r#"{"envelope_id":"e-1"}"#]);
    let lines: Vec<String> = service.seen().iter().map(|seen| seen.line.clone()).collect();
    let open = "POST /api/apps.connections.open HTTP/1.1";
    assert_eq!(lines, [open, open, open, "POST /actions/T1/22/hush HTTP/1.1"]);
    assert!(service.seen()[1].headers.contains("authorization: Bearer xapp-1"));
}
