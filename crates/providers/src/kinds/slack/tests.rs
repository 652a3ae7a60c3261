#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use watchbell_core::ManualClock;
use watchbell_core::outcome::LimitScope;

use super::*;
use crate::http::Answer;
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};
use crate::provider::Text;

const TAKEN: &str = r#"{"ok":true,"channel":"C024BE91L","ts":"1503435956.000247","message":{"text":"x"}}"#;
const HOOK: &str = "https://hooks.slack.com/services/T024BE7LD/B024BE91L/hush1234";

fn settings_of(base: &str, hooks: &str) -> Settings {
    let none = Secret::default();
    Settings { base_url: base.to_owned(), hooks_url: hooks.to_owned(), token: none.clone(), signing_secret: none.clone(), app_token: none }
}

/// Without what hears presses.
pub fn settings(service: &StandIn, token: &str) -> Settings {
    Settings { token: Secret::new(token), ..settings_of(&format!("{}/api", service.url), &service.url) }
}

fn provider(service: &StandIn, token: &str) -> Arc<dyn Provider> {
    build(service, settings(service, token))
}

#[expect(clippy::needless_pass_by_value, reason = "each test makes its own")]
fn build(service: &StandIn, settings: Settings) -> Arc<dyn Provider> {
    settings.check(&service.common()).unwrap();
    let provider = settings.build("slack", &service.common(), Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z")))).unwrap();
    assert!(!format!("{provider:?}").contains("xoxb"));
    provider
}

fn to(target: &str) -> Outgoing {
    outgoing(Channel::Slack, Address::Other(Secret::new(target)))
}

#[tokio::test]
async fn a_bot_posts_to_a_channel() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    let report = provider(&service, "xoxb-1").send(&to("C024BE91L")).await;
    assert_eq!(report, Report::accepted("C024BE91L:1503435956.000247".to_owned()));
    let seen = service.only();
    assert_eq!(seen.line, "POST /api/chat.postMessage HTTP/1.1");
    assert!(seen.headers.contains("authorization: Bearer xoxb-1"));
    assert_eq!(
        seen.json(),
        json!({
            "channel": "C024BE91L",
            "text": "Disk full on db-1\n\nhttps://alerts.example.org/7",
            "mrkdwn": false,
            "blocks": [
                {"type": "section", "text": {
                    "type": "plain_text", "text": "Disk full on db-1\n\nhttps://alerts.example.org/7", "emoji": false,
                }},
                {"type": "section", "text": {"type": "mrkdwn", "text": "<https://alerts.example.org/7|Open>", "verbatim": true}},
            ],
            "unfurl_links": false,
            "unfurl_media": false,
        })
    );
}

#[tokio::test]
async fn an_incoming_webhook_needs_no_token_and_is_at_the_configured_host() {
    let service = StandIn::start([Act::Answer(200, "", "ok".to_owned())]).await;
    assert_eq!(provider(&service, "").send(&to(HOOK)).await, Report::accepted(None));
    let seen = service.only();
    assert_eq!(seen.line, "POST /services/T024BE7LD/B024BE91L/hush1234 HTTP/1.1");
    assert!(!seen.headers.to_lowercase().contains("authorization"));
    assert!(seen.json().get("channel").is_none());
}

fn button(action: &str, text: &str, style: Option<&str>) -> serde_json::Value {
    let text = json!({"type": "plain_text", "text": text, "emoji": false});
    let mut button = json!({
        "type": "button", "action_id": format!("watchbell_{action}"), "text": text, "value": offer().token.expose(),
    });
    if let Some(style) = style {
        button["style"] = json!(style);
    }
    button
}

#[tokio::test]
async fn a_message_has_buttons_only_where_their_presses_are_heard() {
    let buttons = json!({"type": "actions", "elements": [
        button("accept", "I have it", Some("primary")), button("resolve", "Resolved", None), button("decline", "Not me", Some("danger")),
    ]});
    let link = format!("<{}|I have it / Resolved / Not me>", offer().url.unwrap());
    let link = json!({"type": "section", "text": {"type": "mrkdwn", "text": link, "verbatim": true}});
    // What is set, whether Slack can call this server, and where it goes.
    let table = [
        ("", "", true, "C1", &link),
        ("sign", "", true, "C1", &buttons),
        ("sign", "", false, "C1", &link),
        ("", "xapp-1", false, "C1", &buttons),
        ("sign", "xapp-1", true, HOOK, &link),
    ];
    for (signing_secret, app_token, is_reachable, target, expected) in table {
        let body = if target == HOOK { "ok" } else { TAKEN };
        let service = StandIn::start([Act::Answer(200, "", body.to_owned())]).await;
        let (signing_secret, app_token) = (Secret::new(signing_secret), Secret::new(app_token));
        let settings = Settings { signing_secret, app_token, ..settings(&service, "xoxb-1") };
        let message = Outgoing { answer: Some(offer()), ..to(target) };
        let message = if is_reachable { message } else { Outgoing { callback_base: None, ..message } };
        build(&service, settings).send(&message).await;
        let seen = service.only().json();
        assert_eq!(seen["blocks"].as_array().unwrap().last(), Some(expected));
    }
}

#[tokio::test]
async fn an_edit_says_who_has_it_and_drops_the_buttons() {
    let edit = |message_id: &str| {
        let Outgoing { content, now, to, delivery_id, channel, .. } = to("U0G9QF9C6");
        Edit { delivery_id, channel, to, message_id: message_id.to_owned(), content, note: "Anna has <it>".to_owned(), now }
    };
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    assert_eq!(provider(&service, "xoxb-1").edit(&edit("D024BE91L:1503435956.000247")).await, EditOutcome::Done);
    let seen = service.only();
    assert_eq!(seen.line, "POST /api/chat.update HTTP/1.1");
    let body = seen.json();
    assert_eq!((&body["channel"], &body["ts"]), (&json!("D024BE91L"), &json!("1503435956.000247")));
    assert!(body["text"].as_str().unwrap().starts_with("Anna has &lt;it&gt;\nDisk full"));
    assert!(!seen.body.contains("watchbell_"));
    // What a webhook sent has no such name.
    assert_eq!(provider(&service, "xoxb-1").edit(&edit("1503435956.000247")).await, EditOutcome::Cannot);
    for (error, is_final) in
        [("message_not_found", true), ("cant_update_message", true), ("edit_window_closed", true), ("fatal_error", false)]
    {
        let answer = Answer { status: 200, body: format!(r#"{{"ok":false,"error":"{error}"}}"#).into_bytes(), ..Answer::default() };
        let outcome = classify::edited(&answer, at("2026-11-20T08:00:00Z"));
        assert_eq!(outcome == EditOutcome::Cannot, is_final, "{error}: {outcome:?}");
    }
}

#[tokio::test]
async fn it_takes_what_it_can_reach() {
    let service = StandIn::start([]).await;
    let (bot, hooks) = (provider(&service, "xoxb-1"), provider(&service, ""));
    let (id, hook) = (to("U0G9QF9C6"), to(HOOK));
    assert!(bot.takes(&id.to) && bot.takes(&hook.to) && hooks.takes(&hook.to) && !hooks.takes(&id.to));
    assert_eq!(hooks.send(&id).await, Report::new(Outcome::BadMessage, "no_token".to_owned()));
}

#[test]
fn no_text_of_an_event_is_taken_for_a_mention() {
    let mut message = to("C1");
    message.content.text = Text::read(&format!("\u{fdd1}<!channel> & *x* {}\u{fdd0}\nAlert: A-17", "x<".repeat(5_000)));
    message.content.url = Some("https://alerts.example.org/7?a=<b>|c&d".to_owned());
    let body = message::body(&message, false);
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("&lt;!channel&gt; &amp; *x* x&lt;") && text.ends_with("…\nAlert: A-17"), "{text}");
    assert!((3_000 - 10..=3_000).contains(&text.chars().count()));
    assert_eq!((&body["blocks"][0]["text"]["type"], body["blocks"][0]["text"]["text"].as_str()), (&json!("plain_text"), Some(text)));
    assert_eq!(body["blocks"][1]["text"]["text"], "<https://alerts.example.org/7?a=&lt;b&gt;%7Cc&amp;d|Open>");
}

#[test]
fn every_answer_to_a_message_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let error = |code: &str| format!(r#"{{"ok":false,"error":"{code}"}}"#);
    let table = [
        (200, TAKEN.to_owned(), Outcome::Accepted { message_id: Some("C024BE91L:1503435956.000247".to_owned()) }),
        (200, "<html>".to_owned(), Outcome::Unknown),
        (200, error("ratelimited"), retry(LimitScope::Recipient)),
        (200, error("channel_not_found"), Outcome::BadAddress),
        (200, error("is_archived"), Outcome::BadAddress),
        (200, error("not_in_channel"), Outcome::BadAddress),
        (200, error("user_not_found"), Outcome::BadAddress),
        (200, error("restricted_action"), Outcome::BadAddress),
        (200, error("invalid_auth"), Outcome::ProviderDown),
        (200, error("not_authed"), Outcome::ProviderDown),
        (200, error("account_inactive"), Outcome::ProviderDown),
        (200, error("token_revoked"), Outcome::ProviderDown),
        (200, error("missing_scope"), Outcome::ProviderDown),
        (200, error("msg_too_long"), Outcome::BadMessage),
        (200, error("invalid_blocks"), Outcome::BadMessage),
        (200, error("no_text"), Outcome::BadMessage),
        (200, error("something_new"), Outcome::BadMessage),
        (200, error("fatal_error"), retry(LimitScope::Message)),
        (200, error("internal_error"), retry(LimitScope::Message)),
        (200, error("service_unavailable"), retry(LimitScope::Message)),
        (429, error("ratelimited"), retry(LimitScope::Recipient)),
        (429, String::new(), retry(LimitScope::Recipient)),
        (401, "<html>".to_owned(), Outcome::ProviderDown),
        (503, "<html>".to_owned(), retry(LimitScope::Message)),
        // A passing fault stays one, whatever the text says.
        (500, error("channel_not_found"), retry(LimitScope::Message)),
        (500, TAKEN.to_owned(), retry(LimitScope::Message)),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        assert_eq!(classify::posted(&answer, now).outcome, outcome, "{status} {body}");
    }
    // A text that is no code could quote the message.
    let answer = Answer { status: 200, body: error("Disk full on db-1").into_bytes(), ..Answer::default() };
    assert_eq!(classify::posted(&answer, now).code.as_deref(), Some("no_error"));
}

#[tokio::test]
async fn a_limit_holds_up_the_channel_for_as_long_as_slack_says() {
    let after = Some(at("2026-11-20T08:00:30Z"));
    for (status, header, body) in [
        (429, "Retry-After: 30\r\n", r#"{"ok":false,"error":"ratelimited"}"#),
        (429, "", r#"{"ok":false,"error":"ratelimited","retry_after":30}"#),
        (200, "", r#"{"ok":false,"error":"ratelimited","retry_after":30}"#),
    ] {
        let service = StandIn::start([Act::Answer(status, header, body.to_owned())]).await;
        let report = provider(&service, "xoxb-1").send(&to("C1")).await;
        assert_eq!(report, Report::new(Outcome::Retry { after, scope: LimitScope::Recipient }, "ratelimited".to_owned()));
    }
}

#[test]
fn every_answer_to_a_webhook_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = Outcome::Retry { after: None, scope: LimitScope::Recipient };
    let table = [
        (200, "ok", Outcome::Accepted { message_id: None }),
        (400, "invalid_payload", Outcome::BadMessage),
        (400, "no_text", Outcome::BadMessage),
        (400, "user_not_found", Outcome::BadAddress),
        (403, "action_prohibited", Outcome::BadAddress),
        (403, "invalid_token", Outcome::BadAddress),
        (404, "channel_not_found", Outcome::BadAddress),
        (404, "no_service", Outcome::BadAddress),
        (404, "no_team", Outcome::BadAddress),
        (410, "channel_is_archived", Outcome::BadAddress),
        (404, "<html>", Outcome::BadMessage),
        (429, "rate_limited", retry.clone()),
        (500, "rollup_error", retry.clone()),
        (503, "", retry),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() };
        assert_eq!(classify::hooked(&answer, now).outcome, outcome, "{status} {body}");
    }
}

#[test]
fn settings_are_checked() {
    let read = |base: &str, hooks: &str, token: &str| {
        let settings = Settings { token: Secret::new(token), ..settings_of(base, hooks) };
        settings.check(&CommonSettings::default()).map_err(|error| error.key)
    };
    let (base, hooks) = (default_base_url(), default_hooks_url());
    assert_eq!(read(&base, &hooks, ""), Ok(()));
    assert_eq!(read(&base, &hooks, "xoxb-1"), Ok(()));
    assert_eq!(read("slack.com", &hooks, ""), Err("base_url".to_owned()));
    assert_eq!(read(&base, "ftp://x", ""), Err("hooks_url".to_owned()));
    assert_eq!(read(&base, &hooks, "xoxb 1"), Err("token".to_owned()));
    let app = Settings { app_token: Secret::new("xoxb-1"), ..settings_of(&base, &hooks) };
    assert_eq!(app.check(&CommonSettings::default()).unwrap_err().key, "app_token");
}
