//! Posts by webhooks and by a bot, and presses of their buttons.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use watchbell_core::contact::ContactKind;
use watchbell_core::outcome::LimitScope;
use watchbell_core::{DeliveryId, ManualClock};

use super::message::LONGEST_TEXT;
use super::*;
use crate::http::Answer;
use crate::inbound::{self, Action, AnswerTo, Change, Effect, Notice, Presser, Refusal, Words};
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};
use crate::phrase::{Phrase, Since, Wording};
use crate::provider::{Content, Text};

async fn send(service: &StandIn, allow_private: bool) -> Report {
    let message = outgoing(Channel::Mattermost, Address::Other(Secret::new(format!("{}/hooks/hush", service.url))));
    let settings = Settings { allow_private, ..Settings::default() };
    settings.check(&service.common()).unwrap();
    let provider = settings.build("mattermost", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    assert!(!provider.is_one_service());
    provider.send(&message).await
}

#[tokio::test]
async fn one_text_is_posted_to_the_contact_s_url() {
    let service = StandIn::start([Act::Answer(200, "", "ok".to_owned())]).await;
    assert_eq!(send(&service, true).await, Report::accepted(None));
    let seen = service.only();
    assert_eq!(seen.line, "POST /hooks/hush HTTP/1.1");
    assert_eq!(seen.json(), json!({"text": "Disk full on db-1\n\nhttps://alerts.example.org/7"}));
}

#[tokio::test]
async fn a_private_address_must_be_allowed() {
    let service = StandIn::start([]).await;
    assert_eq!(send(&service, false).await, Report::new(Outcome::BadAddress, "private_address".to_owned()));
}

#[tokio::test]
async fn long_texts_are_cut_and_keep_what_stands_after_them() {
    let service = StandIn::start([Act::Answer(200, "", "ok".to_owned())]).await;
    let message = outgoing(Channel::Mattermost, Address::Other(Secret::new(format!("{}/hooks/hush", service.url))));
    let text = Text::read(&format!("\u{fdd1}{}\u{fdd0}\n\nhttps://alerts.example.org/7", "@*".repeat(20_000)));
    let message = Outgoing { content: Content { text, ..message.content.clone() }, ..message };
    let settings = Settings { allow_private: true, ..Settings::default() };
    let provider = settings.build("mattermost", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    assert_eq!(provider.send(&message).await, Report::accepted(None));
    let body = service.only().json();
    let text = body["text"].as_str().unwrap();
    assert!((16_000..=LONGEST_TEXT).contains(&text.chars().count()) && text.ends_with("…\n\nhttps://alerts.example.org/7"));
    assert!(text.starts_with("@\u{200b}\\*@\u{200b}\\*"));
}

#[test]
fn every_answer_to_a_webhook_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let error = |id: &str| format!(r#"{{"id":"web.incoming_webhook.{id}.app_error","message":"Disk full","status_code":400}}"#);
    let retry = Outcome::Retry { after: None, scope: LimitScope::Recipient };
    let table = [
        (200, "ok".to_owned(), Outcome::Accepted { message_id: None }),
        (400, error("invalid"), Outcome::BadAddress),
        (501, error("disabled"), Outcome::BadAddress),
        (404, error("channel"), Outcome::BadAddress),
        (403, error("channel_locked"), Outcome::BadAddress),
        (403, error("permissions"), Outcome::BadAddress),
        (400, error("parse"), Outcome::BadMessage),
        (400, error("text"), Outcome::BadMessage),
        (400, error("new"), Outcome::BadMessage),
        (404, "<html>".to_owned(), Outcome::BadMessage),
        (429, String::new(), retry.clone()),
        (500, error("general"), retry),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        let report = classify::hooked(&answer, now);
        assert_eq!(report.outcome, outcome, "{status} {body}");
        assert!(!report.code.unwrap_or_default().contains("Disk"));
    }
}

const CHANNEL: &str = "4xp9fdt77pncbef59f4k1qe83o";
const USER: &str = "y8qtkzg7ofyodejr3btspmwoqe";
const POST: &str = r#"{"id":"ix1p94s7pjfd5pgbmrzcdmzrhw","channel_id":"x","message":"x"}"#;

fn with_bot(service: &StandIn) -> Arc<dyn Provider> {
    let settings = Settings { base_url: service.url.clone(), token: Secret::new("hush"), ..Settings::default() };
    settings.check(&service.common()).unwrap();
    let provider = settings.build("mattermost", &service.common(), Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z")))).unwrap();
    assert!(!format!("{provider:?}").contains("hush"));
    provider
}

fn to(target: &str) -> Outgoing {
    Outgoing { answer: Some(offer()), ..outgoing(Channel::Mattermost, Address::Other(Secret::new(target))) }
}

fn error(id: &str) -> String {
    json!({"id": id, "message": "Disk full", "status_code": 400}).to_string()
}

fn context(action: &str) -> Value {
    json!({"action": action, "token": offer().token.expose()})
}

#[tokio::test]
async fn a_bot_posts_with_buttons_that_the_server_calls_back_for() {
    let nobody = Act::Answer(404, "", error("app.user.missing_account.const"));
    let service = StandIn::start([nobody, Act::Answer(201, "", POST.to_owned()), Act::Answer(201, "", POST.to_owned())]).await;
    let provider = with_bot(&service);
    for _ in 0..2 {
        assert_eq!(provider.send(&to(CHANNEL)).await, Report::accepted("ix1p94s7pjfd5pgbmrzcdmzrhw".to_owned()));
    }
    let seen = service.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    let asked = format!("GET /api/v4/users/{CHANNEL} HTTP/1.1");
    assert_eq!(lines, [asked.as_str(), "POST /api/v4/posts HTTP/1.1", "POST /api/v4/posts HTTP/1.1"]);
    assert!(seen[1].headers.contains("authorization: Bearer hush"));
    let button = |action: &str, name: &str, style: &str| {
        let integration = json!({"url": "https://bell.example.org/wb/callbacks/mattermost", "context": context(action)});
        json!({"id": action, "name": name, "type": "button", "style": style, "integration": integration})
    };
    let actions = [button("accept", "I have it", "primary"), button("resolve", "Resolved", "good"), button("decline", "Not me", "danger")];
    assert_eq!(
        seen[1].json(),
        json!({
            "channel_id": CHANNEL,
            "message": "Disk full on db-1\n\nhttps://alerts.example.org/7",
            "props": {"attachments": [{"actions": actions}]},
        })
    );
    let unreachable = Outgoing { callback_base: None, ..to(CHANNEL) };
    assert!(message::of_bot(&unreachable, "mattermost").get("props").is_none(), "nobody could hear a press");
}

#[tokio::test]
async fn a_user_is_written_to_in_the_channel_that_only_the_two_see() {
    let named = |id: &str| Act::Answer(200, "", json!({ "id": id }).to_string());
    let made = Act::Answer(201, "", json!({"id": "direct", "type": "D"}).to_string());
    let service = StandIn::start([named(USER), named("bot"), made, Act::Answer(201, "", POST.to_owned())]).await;
    assert!(matches!(with_bot(&service).send(&to(USER)).await.outcome, Outcome::Accepted { .. }));
    let seen = service.seen();
    assert_eq!((seen[1].line.as_str(), seen[2].line.as_str()), ("GET /api/v4/users/me HTTP/1.1", "POST /api/v4/channels/direct HTTP/1.1"));
    assert_eq!((seen[2].json(), &seen[3].json()["channel_id"]), (json!(["bot", USER]), &json!("direct")));
    // Asking had no answer: nothing of the message was handed over.
    let service = StandIn::start([Act::Silent]).await;
    assert_eq!(with_bot(&service).send(&to(USER)).await, Report::retry("timeout".to_owned()));
    // Only an id needs the bot.
    let service = StandIn::start([]).await;
    let hooks = Settings::default().build("mattermost", &service.common(), Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z")))).unwrap();
    assert!(!hooks.takes(&to(USER).to) && hooks.takes(&to("https://chat.example.org/hooks/x").to));
    assert_eq!(hooks.send(&to(USER)).await, Report::new(Outcome::BadMessage, "no_token".to_owned()));
}

#[tokio::test]
async fn an_edit_says_who_has_it_and_drops_the_buttons() {
    let service = StandIn::start([Act::Answer(200, "", POST.to_owned()), Act::Answer(404, "", error("app.post.get.app_error"))]).await;
    let Outgoing { content, now, to, .. } = to(CHANNEL);
    let (delivery_id, message_id, note) = (DeliveryId("01K".to_owned()), "ix1p".to_owned(), "Anna *has* accepted this".to_owned());
    let edit = Edit { delivery_id, channel: Channel::Mattermost, to, message_id, content, note, now };
    let provider = with_bot(&service);
    assert_eq!(provider.edit(&edit).await, EditOutcome::Done);
    let seen = service.only();
    assert_eq!(seen.line, "PUT /api/v4/posts/ix1p/patch HTTP/1.1");
    let message = "**Anna \\*has\\* accepted this**\n\nDisk full on db-1\n\nhttps://alerts.example.org/7";
    assert_eq!(seen.json(), json!({"message": message, "props": {}}));
    assert_eq!(provider.edit(&edit).await, EditOutcome::Cannot);
}

#[test]
fn every_answer_to_a_bot_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let table = [
        (201, POST.to_owned(), Outcome::Accepted { message_id: Some("ix1p94s7pjfd5pgbmrzcdmzrhw".to_owned()) }),
        (201, "<html>".to_owned(), Outcome::Unknown),
        (400, error("api.context.invalid_body_param.app_error"), Outcome::BadMessage),
        (401, error("api.context.session_expired.app_error"), Outcome::ProviderDown),
        (403, error("api.context.permissions.app_error"), Outcome::BadAddress),
        (404, error("app.channel.get.existing.app_error"), Outcome::BadAddress),
        (404, "<html>".to_owned(), Outcome::ProviderDown),
        (413, String::new(), Outcome::BadMessage),
        (429, "limit exceeded".to_owned(), retry(LimitScope::Provider)),
        (500, error("app.post.save.app_error"), retry(LimitScope::Message)),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        let report = classify::posted(&answer, now);
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

async fn press(body: &str) -> Result<inbound::Heard, Refusal> {
    let settings = Settings::default();
    let clicks = settings.inbound("mattermost", &CommonSettings::default()).unwrap().unwrap();
    let (public_url, url) = ("https://bell.example.org", "https://bell.example.org/callbacks/mattermost");
    let (headers, now) = (HeaderMap::new(), at("2026-11-20T08:00:00Z"));
    let request =
        inbound::Request { method: &Method::POST, path: "", query: &[], headers: &headers, body: body.as_bytes(), public_url, url, now };
    clicks.read(&request).await
}

fn reply(heard: inbound::Heard, change: Change, said: &str) -> Value {
    let effect = Effect { said: said.to_owned(), ..Effect::quiet(change) };
    let response = heard.reply.give(&[effect], &Silence);
    assert_eq!(response.status(), 200, "anything else is shown as an error");
    serde_json::from_str(response.body()).unwrap()
}

#[tokio::test]
async fn a_press_is_an_answer_of_whoever_pressed_and_they_alone_are_told() {
    let click = json!({"user_id": USER, "user_name": "anna", "channel_id": CHANNEL, "post_id": "p", "type": "button", "context": context("decline")});
    let heard = press(&click.to_string()).await.unwrap();
    let by = Some(Presser { service: ContactKind::Mattermost, account: Secret::new(USER) });
    let answer = inbound::Answer { of: AnswerTo::Token(offer().token), action: Some(Action::Decline), by };
    assert_eq!(heard.notices, [Notice::Answer(answer)]);
    assert_eq!(reply(heard, Change::Stranger, "Who are *you*?"), json!({"ephemeral_text": "Who are \\*you\\*?"}));
    assert_eq!(reply(press(&click.to_string()).await.unwrap(), Change::Done, ""), json!({}));
}

#[tokio::test]
async fn a_webhook_s_post_is_changed_in_the_answer_to_the_press() {
    let body = message::of_hook(&to("https://chat.example.org/hooks/x"), "mattermost");
    let context = &body["attachments"][0]["actions"][0]["integration"]["context"];
    let click = json!({"user_id": USER, "user_name": "anna_b", "context": context}).to_string();
    let update = json!({"message": "**anna\\_b: I have it**\n\nDisk full on db-1\n\nhttps://alerts.example.org/7", "props": {}});
    assert_eq!(
        reply(press(&click).await.unwrap(), Change::Done, "It is yours"),
        json!({"ephemeral_text": "It is yours", "update": update})
    );
    // It was somebody else's already.
    assert_eq!(reply(press(&click).await.unwrap(), Change::Over(None), "No"), json!({"ephemeral_text": "No"}));
}

#[tokio::test]
async fn what_is_no_press_of_ours_is_refused() {
    let click = |change: fn(&mut Value)| {
        let mut click = json!({"user_id": USER, "context": context("accept")});
        change(&mut click);
        click.to_string()
    };
    let bad = [
        String::new(),
        "[]".to_owned(),
        "{".to_owned(),
        click(|click| click["context"]["token"] = json!("")),
        click(|click| click["context"]["token"] = json!(7)),
        click(|click| click["context"]["action"] = json!("explode")),
        click(|click| click["context"] = json!(null)),
        click(|click| click["user_id"] = json!(null)),
    ];
    for body in bad {
        assert!(matches!(press(&body).await, Err(Refusal::Malformed(_))), "{body}");
    }
}

#[test]
fn a_bot_has_a_server_and_a_token() {
    let check = |base_url: &str, token: &str| {
        let settings = Settings { base_url: base_url.to_owned(), token: Secret::new(token), ..Settings::default() };
        settings.check(&CommonSettings::default()).map_err(|error| error.key)
    };
    assert_eq!(check("", ""), Ok(()));
    assert_eq!(check("https://chat.example.org", "x"), Ok(()));
    assert_eq!(check("", "x"), Err("base_url".to_owned()));
    assert_eq!(check("https://chat.example.org", ""), Err("token".to_owned()));
    assert_eq!(check("chat.example.org", "x"), Err("base_url".to_owned()));
}
