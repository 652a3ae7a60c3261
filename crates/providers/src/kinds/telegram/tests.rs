#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use watchbell_core::outcome::LimitScope;
use watchbell_core::{ManualClock, Timestamp};

use super::*;
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};

const TAKEN: &str = r#"{"ok":true,"result":{"message_id":365,"chat":{"id":42}}}"#;

async fn send(service: &StandIn, message: &Outgoing) -> Report {
    provider(service, message.now).send(message).await
}

fn provider(service: &StandIn, now: Timestamp) -> Arc<dyn Provider> {
    let settings = Settings {
        base_url: service.url.clone(),
        token: Secret::new("123456:AAE-secret"),
        bot_name: "bell_bot".to_owned(),
        webhook_secret: Secret::default(),
    };
    let provider = settings.build("telegram", &service.common(), Arc::new(ManualClock::new(now))).unwrap();
    assert!(!format!("{provider:?}").contains("secret"));
    provider
}

fn to(chat: &str) -> Outgoing {
    outgoing(Channel::Telegram, Address::Telegram(chat.to_owned()))
}

#[tokio::test]
async fn one_plain_message_with_a_button() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    assert_eq!(send(&service, &to("42")).await, Report::accepted("365".to_owned()));
    let seen = service.only();
    assert_eq!(seen.line, "POST /bot123456:AAE-secret/sendMessage HTTP/1.1");
    assert_eq!(
        seen.json(),
        json!({
            "chat_id": 42,
            "text": "Disk full on db-1\n\nhttps://alerts.example.org/7",
            "link_preview_options": {"is_disabled": true},
            "reply_markup": {"inline_keyboard": [[{"text": "Open", "url": "https://alerts.example.org/7"}]]},
        })
    );
}

#[tokio::test]
async fn what_can_be_answered_has_buttons_whose_data_is_short() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    send(&service, &Outgoing { answer: Some(offer()), ..to("42") }).await;
    let token = offer().token.expose().to_owned();
    let rows = service.only().json()["reply_markup"]["inline_keyboard"].take();
    assert_eq!(
        rows,
        json!([
            [{"text": "I have it", "callback_data": format!("accept:{token}"), "style": "success"}],
            [{"text": "Resolved", "callback_data": format!("resolve:{token}")}, {"text": "Not me", "callback_data": format!("decline:{token}")}],
            [{"text": "Open", "url": "https://alerts.example.org/7"}],
        ])
    );
    assert!(rows[0][0]["callback_data"].as_str().unwrap().len() <= 64);
}

#[tokio::test]
async fn an_edit_says_who_has_it_and_drops_the_buttons() {
    let error = |text: &str| Act::Answer(400, "", format!(r#"{{"ok":false,"error_code":400,"description":"Bad Request: {text}"}}"#));
    let bad_link = || error("inline keyboard button URL 'http://x' is invalid");
    let acts = [
        Act::Answer(200, "", TAKEN.to_owned()),
        error("message is not modified: specified new message content …"),
        error("message to edit not found"),
        error("message can't be edited"),
        bad_link(),
        Act::Answer(200, "", TAKEN.to_owned()),
        Act::Answer(500, "", String::new()),
    ];
    let service = StandIn::start(acts).await;
    let Outgoing { content, now, to, delivery_id, channel, .. } = to("42");
    let edit = Edit { delivery_id, channel, to, message_id: "365".to_owned(), content, note: "Anna has accepted this".to_owned(), now };
    let provider = provider(&service, now);
    for expected in [EditOutcome::Done, EditOutcome::Done, EditOutcome::Cannot, EditOutcome::Cannot, EditOutcome::Done] {
        assert_eq!(provider.edit(&edit).await, expected);
    }
    assert!(matches!(provider.edit(&edit).await, EditOutcome::Failed(_)));
    let seen = service.seen();
    assert_eq!(seen[0].line, "POST /bot123456:AAE-secret/editMessageText HTTP/1.1");
    let text = "Anna has accepted this\n\nDisk full on db-1\n\nhttps://alerts.example.org/7";
    let body = seen[0].json();
    assert_eq!((&body["chat_id"], &body["message_id"], &body["text"]), (&json!(42), &json!(365), &json!(text)));
    assert_eq!(body["reply_markup"], json!({"inline_keyboard": [[{"text": "Open", "url": "https://alerts.example.org/7"}]]}));
    assert_eq!(seen[5].json()["reply_markup"], json!({"inline_keyboard": []}));
}

#[tokio::test]
async fn a_long_text_is_cut_to_what_telegram_takes() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    let mut message = to("@ops");
    message.content.text = "😀".repeat(4_000).into();
    send(&service, &message).await;
    let body = service.only().json();
    assert_eq!(body["chat_id"], "@ops");
    assert!(body["text"].as_str().unwrap().encode_utf16().count() <= LONGEST_TEXT);
}

#[tokio::test]
async fn a_group_that_moved_is_written_to_at_its_new_place_once() {
    let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890}}"#;
    let service = StandIn::start([Act::Answer(400, "", moved.to_owned()), Act::Answer(200, "", TAKEN.to_owned())]).await;
    let report = send(&service, &to("-77")).await;
    assert_eq!(report, Report { moved_to: Some("-1001234567890".to_owned()), ..Report::accepted("365".to_owned()) });
    let chats: Vec<_> = service.seen().iter().map(|seen| seen.json()["chat_id"].clone()).collect();
    assert_eq!(chats, [json!(-77), json!(-1_001_234_567_890_i64)]);

    let service = StandIn::start([Act::Answer(400, "", moved.to_owned()), Act::Answer(400, "", moved.to_owned())]).await;
    assert_eq!(send(&service, &to("-77")).await.outcome, Outcome::BadMessage);
    assert_eq!(service.seen().len(), 2);
}

#[tokio::test]
async fn a_button_that_telegram_does_not_like_is_left_out() {
    let refused = r#"{"ok":false,"error_code":400,"description":"Bad Request: inline keyboard button URL 'http://alerts' is invalid: Wrong HTTP URL"}"#;
    let service = StandIn::start([Act::Answer(400, "", refused.to_owned()), Act::Answer(200, "", TAKEN.to_owned())]).await;
    assert_eq!(send(&service, &to("42")).await, Report::accepted("365".to_owned()));
    assert!(service.seen()[1].json().get("reply_markup").is_none());
}

#[tokio::test]
async fn silence_is_unknown() {
    let service = StandIn::start([Act::Silent]).await;
    assert_eq!(send(&service, &to("42")).await, Report::new(Outcome::Unknown, "timeout".to_owned()));
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let error = |description: &str| format!(r#"{{"ok":false,"error_code":1,"description":"{description}"}}"#);
    let retry = |after, scope| Outcome::Retry { after, scope };
    let table = [
        (200, TAKEN.to_owned(), Outcome::Accepted { message_id: Some("365".to_owned()) }),
        (200, "<html>".to_owned(), Outcome::Unknown),
        (200, error("?"), Outcome::Unknown),
        (400, error("Bad Request: chat not found"), Outcome::BadAddress),
        (400, error("Bad Request: not enough rights to send text messages to the chat"), Outcome::BadAddress),
        (400, error("Bad Request: message text is empty"), Outcome::BadMessage),
        (400, error("Bad Request: message is too long"), Outcome::BadMessage),
        (401, error("Unauthorized"), Outcome::ProviderDown),
        (403, error("Forbidden: bot was blocked by the user"), Outcome::BadAddress),
        (404, error("Not Found"), Outcome::ProviderDown),
        (404, "<html>".to_owned(), Outcome::ProviderDown),
        (403, "<html>a proxy".to_owned(), Outcome::ProviderDown),
        (500, error("Internal Server Error"), retry(None, LimitScope::Message)),
        (502, "<html>".to_owned(), retry(None, LimitScope::Message)),
        (429, error("Too Many Requests"), retry(None, LimitScope::Provider)),
        (
            429,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 31","parameters":{"retry_after":31}}"#.to_owned(),
            retry(Some(at("2026-11-20T08:00:31Z")), LimitScope::Provider),
        ),
        // A passing fault stays one, whatever the text says.
        (500, error("chat not found"), retry(None, LimitScope::Message)),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        let Verdict::Done(report) = classify(&answer, now) else { unreachable!("{body}") };
        assert_eq!(report.outcome, outcome, "{status} {body}");
    }
}

#[test]
fn settings_are_checked() {
    let read = |bot: &str, secret: &str| {
        let settings = Settings {
            base_url: default_base_url(),
            token: Secret::new("1:a"),
            bot_name: bot.to_owned(),
            webhook_secret: Secret::new(secret),
        };
        settings.check(&CommonSettings::default()).map_err(|error| error.key)
    };
    assert_eq!(read("bell_bot", "s-3_cret"), Ok(()));
    assert_eq!(read("@bell", ""), Err("bot_name".to_owned()));
    assert_eq!(read("bell", "no spaces"), Err("webhook_secret".to_owned()));
}
