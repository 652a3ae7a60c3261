//! Updates, called with and asked for.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use http::{HeaderMap, HeaderValue, Method};

use super::*;
use watchbell_core::Channel;
use watchbell_core::contact::ContactKind;

use crate::inbound::{Action, Answer, AnswerTo, Change, Consent, Effect, Link, Notice, Presser, Text, Words};
use crate::kinds::stand_in::{Act, StandIn, at};
use crate::phrase::{Phrase, Since, Wording};

const SECRET: &str = "hook-secret";

fn updates(base_url: &str, webhook_secret: &str) -> Updates {
    let settings = Settings {
        base_url: base_url.to_owned(),
        token: Secret::new("1:abc"),
        bot_name: "bell_bot".to_owned(),
        webhook_secret: Secret::new(webhook_secret),
    };
    Updates::new(&settings, &CommonSettings::default()).unwrap()
}

async fn read(secret: &str, body: &str) -> Result<Heard, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(SECRET_HEADER, HeaderValue::try_from(secret).unwrap());
    let (public_url, url) = ("https://bell.example.org", "https://bell.example.org/callbacks/pager");
    let now = at("2026-11-20T08:00:00Z");
    let request = Request { method: &Method::POST, path: "", query: &[], headers: &headers, body: body.as_bytes(), public_url, url, now };
    updates("http://127.0.0.1:1", SECRET).read(&request).await
}

fn start(text: &str, kind: &str) -> Value {
    let from = json!({ "id": 4_242, "language_code": "de" });
    json!({ "update_id": 7, "message": { "message_id": 1, "text": text, "chat": { "id": 4_242, "type": kind }, "from": from } })
}

/// Says each phrase by its name, and in which language.
struct Names;

impl Words for Names {
    fn say(&self, phrase: Phrase, locale: &str, _: Option<&Since>) -> Wording {
        Wording { text: format!("{phrase:?} {locale}"), language: locale.to_owned() }
    }
}

fn said(heard: Heard, effects: &[Effect]) -> Value {
    serde_json::from_str(heard.reply.give(effects, &Names).body()).unwrap()
}

#[tokio::test]
async fn a_start_with_a_token_links_the_chat() {
    let token = "a".repeat(64);
    let heard = read(SECRET, &start(&format!("/start {token}"), "private").to_string()).await.unwrap();
    let link = Link { token: Secret::new(token), address: Secret::new("4242"), locale: "de".to_owned() };
    assert_eq!(heard.notices, [Notice::Link(link)]);
    let effect = Effect { locale: "fr".to_owned(), ..Effect::quiet(Change::Done) };
    assert_eq!(said(heard, &[effect]), json!({ "method": "sendMessage", "chat_id": 4_242, "text": "ChatLinked fr" }));
    for text in ["/start", "/start x", "/start@bell_bot äöü"] {
        let heard = update::heard(&start(text, "private"), Some(1));
        assert_eq!(heard.notices, [], "{text}");
        assert_eq!(said(heard, &[])["text"], "ChatLinkInvalid de");
    }
}

#[tokio::test]
async fn other_updates_say_nothing() {
    let odd = [
        json!({}),
        json!([]),
        json!({ "message": "x" }),
        json!({ "message": { "chat": { "id": "x" }, "text": "/start a" } }),
        json!({ "message": { "chat": { "id": 1 }, "text": "hello" } }),
        json!({ "message": { "chat": { "id": 1 }, "text": "" } }),
        json!({ "edited_message": { "text": "/start x" } }),
        start(&format!("/start {}", "a".repeat(64)), "group"),
    ];
    for update in odd {
        let heard = read(SECRET, &update.to_string()).await.unwrap();
        assert_eq!(heard.notices, [], "{update}");
        assert_eq!(said(heard, &[]), json!({}));
    }
}

#[tokio::test]
async fn only_who_knows_the_secret_is_read() {
    for secret in ["", "wrong", "hook-secret2"] {
        assert!(matches!(read(secret, "{}").await, Err(Refusal::Forbidden(_))), "{secret}");
    }
    for body in ["", "{", "\0"] {
        assert!(matches!(read(SECRET, body).await, Err(Refusal::Malformed(_))), "{body}");
    }
    let closed = updates("http://127.0.0.1:1", "");
    assert!(matches!(closed.proof(""), Err(Refusal::NotFound(_))));
    assert!(matches!(updates("http://127.0.0.1:1", SECRET).proof("gather"), Err(Refusal::NotFound(_))));
    assert!(closed.source(true).is_some());
    assert!(updates("http://127.0.0.1:1", SECRET).source(true).is_none());
    assert!(updates("http://127.0.0.1:1", SECRET).source(false).is_some());
}

fn result(result: &Value) -> Act {
    Act::Answer(200, "", json!({ "ok": true, "result": result }).to_string())
}

#[tokio::test]
async fn updates_are_asked_for_from_where_the_last_ones_ended() {
    let mut second = start(&format!("/start {}", "a".repeat(64)), "private");
    second["update_id"] = json!(41);
    let batch = json!([{ "update_id": 40, "message": { "text": "hello", "chat": { "id": 4_242, "type": "private" } } }, second]);
    let bot = StandIn::start([result(&json!(true)), result(&batch), result(&json!([])), result(&json!({}))]).await;
    let updates = updates(&bot.url, "");
    updates.open().await.unwrap();
    let first = updates.next(None).await.unwrap();
    assert_eq!(first.position.as_deref(), Some("42"));
    assert_eq!(first.heard.iter().map(|heard| heard.notices.len()).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(updates.next(Some("42")).await.unwrap().position, None);
    for heard in first.heard {
        let effects: Vec<Effect> =
            heard.notices.iter().map(|_| Effect { locale: "fr".to_owned(), ..Effect::quiet(Change::Done) }).collect();
        updates.reply(heard.reply.give(&effects, &Names)).await.unwrap();
    }
    let seen = bot.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    let line = |method: &str| format!("POST /bot1:abc/{method} HTTP/1.1");
    assert_eq!(lines, ["deleteWebhook", "getUpdates", "getUpdates", "sendMessage"].map(line));
    assert_eq!((&seen[1].json()["offset"], &seen[2].json()["offset"]), (&json!(0), &json!(42)));
    assert_eq!(seen[3].json()["text"], "ChatLinked fr");
}

#[tokio::test]
async fn the_webhook_is_told_where_and_with_which_secret() {
    let bot = StandIn::start([result(&json!(true)), Act::Answer(401, "", json!({ "ok": false }).to_string())]).await;
    let updates = updates(&bot.url, SECRET);
    let url = Url::parse("https://bell.example.org/callbacks/bot").unwrap();
    updates.announce(&url).await.unwrap();
    let told = bot.seen()[0].json();
    assert_eq!(told["allowed_updates"], json!(["message", "callback_query", "my_chat_member"]));
    assert_eq!((&told["url"], &told["secret_token"]), (&json!(url.as_str()), &json!(SECRET)));
    let error = updates.announce(&url).await.unwrap_err();
    assert_eq!(error.to_string(), "HTTP 401", "neither the token nor what Telegram wrote");
}

fn effect(change: Change, said: &str) -> Effect {
    Effect { said: said.to_owned(), ..Effect::quiet(change) }
}

fn press(data: &str, chat: &Value) -> Value {
    let query = json!({ "id": "q-1", "from": { "id": 4_242 }, "message": { "message_id": 7, "chat": chat }, "data": data });
    json!({ "update_id": 8, "callback_query": query })
}

#[expect(clippy::unnecessary_wraps, reason = "as answers have it")]
fn by(account: &str) -> Option<Presser> {
    Some(Presser { service: ContactKind::Telegram, account: Secret::new(account) })
}

#[tokio::test]
async fn a_press_is_an_answer_and_always_acknowledged() {
    let (alone, group) = (json!({ "id": 4_242, "type": "private" }), json!({ "id": -77, "type": "supergroup" }));
    let table = [
        ("accept:token-1", &alone, Action::Accept, None),
        ("resolve:token-1", &alone, Action::Resolve, None),
        ("decline:token-1", &group, Action::Decline, by("4242")),
    ];
    for (data, chat, action, by) in table {
        let heard = read(SECRET, &press(data, chat).to_string()).await.unwrap();
        let answer = Answer { of: AnswerTo::Token(Secret::new("token-1")), action: Some(action), by };
        assert_eq!(heard.notices, [Notice::Answer(answer)]);
    }
    let said = |update: &Value, effects: &[Effect]| said(update::heard(update, Some(1)), effects);
    let acknowledged = json!({ "method": "answerCallbackQuery", "callback_query_id": "q-1" });
    let mut expected = acknowledged.clone();
    expected["text"] = json!("You have it");
    expected["show_alert"] = json!(false);
    assert_eq!(said(&press("accept:token-1", &alone), &[effect(Change::Done, "You have it")]), expected);
    let long = said(&press("accept:token-1", &group), &[effect(Change::Stranger, &"who? ".repeat(100))]);
    assert_eq!((long["text"].as_str().unwrap().chars().count(), &long["show_alert"]), (200, &json!(true)));
    // Not of ours, or from nobody: acknowledged all the same, else the client waits on.
    let mut nobody = press("accept:token-1", &group);
    nobody["callback_query"]["from"].take();
    for update in [press("x", &alone), press("", &alone), nobody] {
        assert_eq!(update::heard(&update, Some(1)).notices, [], "{update}");
        assert_eq!(said(&update, &[]), acknowledged);
    }
    // A message that Telegram no longer shows: whoever pressed could be anybody.
    let mut inaccessible = press("accept:token-1", &alone);
    inaccessible["callback_query"]["message"].take();
    let answer = Answer { of: AnswerTo::Token(Secret::new("token-1")), action: Some(Action::Accept), by: by("4242") };
    assert_eq!(update::heard(&inaccessible, Some(1)).notices, [Notice::Answer(answer)]);
}

fn written(text: &str, chat: &Value, replied: Option<i64>) -> Value {
    let mut message = json!({ "message_id": 9, "text": text, "chat": chat, "from": { "id": 4_242, "language_code": "de" } });
    if let Some(author) = replied {
        message["reply_to_message"] = json!({ "message_id": 7, "from": { "id": author, "is_bot": true } });
    }
    json!({ "update_id": 8, "message": message })
}

#[tokio::test]
async fn what_is_written_to_the_bot_is_handed_on() {
    let (alone, group) = (json!({ "id": 4_242, "type": "private" }), json!({ "id": -77, "type": "supergroup" }));
    let text = |text: &str, from: &str, by: Option<Presser>, replies_to: Option<&str>| Text {
        channels: &[Channel::Telegram],
        from: Secret::new(from),
        by,
        replies_to: replies_to.map(str::to_owned),
        message_id: Some(format!("{from}:9")),
        text: Secret::new(text),
        locale: "de".to_owned(),
    };
    let table = [
        (written("ack A7", &alone, None), text("ack A7", "4242", None, None)),
        (written("1", &alone, Some(1)), text("1", "4242", None, Some("7"))),
        (written("/ack@bell_bot A7", &alone, None), text("ack A7", "4242", None, None)),
        (written("1", &group, Some(1)), text("1", "-77", by("4242"), Some("7"))),
    ];
    for (update, expected) in table {
        let heard = read(SECRET, &update.to_string()).await.unwrap();
        assert_eq!(heard.notices, [Notice::Text(expected)], "{update}");
    }
    // Among people, or from another bot.
    let mut bot = written("1", &group, Some(1));
    bot["message"]["from"]["is_bot"] = json!(true);
    for update in [written("1", &group, None), written("1", &group, Some(5)), bot] {
        assert_eq!(update::heard(&update, Some(1)).notices, [], "{update}");
    }
    let reply = said(update::heard(&written("1", &group, Some(1)), Some(1)), &[effect(Change::Done, "You have it")]);
    assert_eq!((&reply["method"], &reply["chat_id"], &reply["text"]), (&json!("sendMessage"), &json!(-77), &json!("You have it")));
    assert_eq!(reply["reply_parameters"], json!({ "message_id": 9, "allow_sending_without_reply": true }));
    assert_eq!(said(update::heard(&written("hi", &alone, None), Some(1)), &[effect(Change::Nothing, "")]), json!({}), "nothing to say");
}

#[test]
fn a_bot_that_is_blocked_or_taken_in_again_is_told_of() {
    let member =
        |status: &str| json!({ "my_chat_member": { "chat": { "id": 4_242, "type": "private" }, "new_chat_member": { "status": status } } });
    for (status, is_in) in
        [("kicked", Some(false)), ("left", Some(false)), ("member", Some(true)), ("administrator", Some(true)), ("restricted", None)]
    {
        let consent = is_in.map(|is_in| Notice::Consent(Consent { channels: &[Channel::Telegram], address: Secret::new("4242"), is_in }));
        assert_eq!(update::heard(&member(status), Some(1)).notices, consent.into_iter().collect::<Vec<_>>(), "{status}");
    }
}
