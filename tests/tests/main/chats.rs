//! Chats and push services: each delivers an alert, and its reader answers there.

mod edits;
mod unreachable;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use watchbell_core::contact::ContactKind;
use watchbell_core::{Channel, UserId};
use watchbell_store::access::Actor;
use watchbell_tests::bed::Bed;
use watchbell_tests::broker::structured;
use watchbell_tests::client::Answer;
use watchbell_tests::on_both;
use watchbell_tests::settings::WEBHOOK_SECRET;
use watchbell_tests::stand_ins::chats::{
    self, DISCORD_HOOK, GOOGLE_CHAT_HOOK, MATRIX_ROOM, MATTERMOST_CHANNEL, PUSHOVER_RECEIPT, PUSHOVER_USER, SLACK_CHANNEL,
};
use watchbell_tests::stand_ins::{Act, Sent};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

on_both!(
    slack_s_buttons_answer,
    telegram_s_buttons_and_replies_answer,
    mattermost_s_buttons_answer,
    matrix_s_reactions_answer,
    an_action_of_ntfy_answers,
    an_acknowledgement_of_pushover_accepts,
    what_has_no_buttons_leads_to_a_page_for_answers,
);

const SIGNING_SECRET: &str = "e2e-signing-secret";

/// Anna, who is told of HIGH alerts by that channel alone, at that contact.
async fn reached_by(bed: &mut Bed, channel: &str, target: &str) -> Person {
    begin(bed, &[]).await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    let contact = json!({ "kind": channel, "target": target });
    bed.api().post(&format!("/watchbell/v1/users/{}/contacts", anna.id), &contact).await.expect(201);
    anna.notified_by(bed, channel).await;
    anna
}

/// Anna, who is told of them on a device of that kind.
async fn reached_on(bed: &mut Bed, kind: &str, token: &str) -> Person {
    begin(bed, &[]).await;
    on_device(bed, kind, token).await
}

async fn on_device(bed: &Bed, kind: &str, token: &str) -> Person {
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.only_device(bed.api(), &json!({ "kind": kind, "token": token })).await;
    anna.notified_by(bed, "mobile_app").await;
    anna
}

/// Starts a server that has all chats, with these settings beside.
async fn begin(bed: &mut Bed, more: &[(&str, &str)]) {
    for (name, value) in chats::settings(&bed.stand_ins.http.url()) {
        bed.settings.set(&name, &value);
    }
    bed.settings.set("PROVIDERS__SLACK__SIGNING_SECRET", SIGNING_SECRET);
    for (name, value) in more {
        bed.settings.set(name, value);
    }
    bed.start().await;
}

/// Whoever presses with that account is Anna.
async fn link(bed: &Bed, person: &Person, service: ContactKind, account: &str) {
    bed.store().put_account(Actor::System, UserId(person.id), service, account).await.unwrap();
}

/// Tells of an alert over HTTP, so that its time is the test's clock's.
async fn raise(bed: &Bed, alert_id: &str, people: &[&Person]) {
    bed.api().post("/watchbell/v1/events", &structured("alert", alert_id, bed.now(), &alert(alert_id, people))).await.expect(202);
    bed.quiet().await;
}

/// What she is sent of an alert.
async fn told(bed: &Bed, person: &Person, alert_id: &str, channel: Channel, to: &str) -> Sent {
    raise(bed, alert_id, &[person]).await;
    let of_it = |sent: &Sent| sent.is(channel, to) && sent.text.contains(alert_id);
    let sent = bed.outbox().expect(1, &format!("{channel} message"), of_it).await.remove(0);
    assert!(sent.authorized && sent.accepted, "{sent:?}");
    sent
}

async fn call(bed: &Bed, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
    bed.api().with_key("").try_call(Method::POST, path, headers, Some(body)).await.unwrap()
}

/// What an alert came to.
async fn state(bed: &Bed, alert_id: &str) -> &'static str {
    bed.store().alert(alert_id).await.unwrap().unwrap().state.as_str()
}

async fn slack_interaction(bed: &Bed, action: &str, token: &Value, user: &str, secret: &str) -> u16 {
    let payload = json!({
        "type": "block_actions", "user": { "id": user }, "container": { "channel_id": SLACK_CHANNEL },
        "response_url": "https://hooks.slack.com/actions/T1/2/x",
        "actions": [{ "action_id": action, "value": token }],
    });
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
    let at = (bed.now().as_millis() / 1000).to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    let headers = [
        ("x-slack-signature", signature.as_str()),
        ("x-slack-request-timestamp", &at),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    call(bed, "/callbacks/slack", &headers, body).await.status.as_u16()
}

/// What was said to whoever pressed, in Slack.
async fn said_in_slack(bed: &Bed, count: usize) -> String {
    wait::until("whoever pressed to be told", async || bed.stand_ins.http.chats("POST", "/slack/actions/").len() >= count).await;
    bed.stand_ins.http.chats("POST", "/slack/actions/").pop().unwrap().json()["text"].as_str().unwrap().to_owned()
}

async fn slack_s_buttons_answer(bed: &mut Bed) {
    let anna = reached_by(bed, "slack", SLACK_CHANNEL).await;
    let sent = told(bed, &anna, "A-1", Channel::Slack, SLACK_CHANNEL).await;
    let body: Value = serde_json::from_str(&sent.text).unwrap();
    let button = &body["blocks"].as_array().unwrap().last().unwrap()["elements"][0];
    let (action, token) = (button["action_id"].as_str().unwrap(), &button["value"]);
    assert_eq!(slack_interaction(bed, action, token, "U0ANNA", "somebody else's").await, 403);
    // The channel is not hers alone, so the button does not say who pressed it.
    assert_eq!(slack_interaction(bed, action, token, "U0ANNA", SIGNING_SECRET).await, 200);
    assert!(!said_in_slack(bed, 1).await.is_empty());
    assert_eq!(state(bed, "A-1").await, "open");
    link(bed, &anna, ContactKind::Slack, "U0ANNA").await;
    assert_eq!(slack_interaction(bed, action, token, "U0ANNA", SIGNING_SECRET).await, 200);
    said_in_slack(bed, 2).await;
    assert_eq!(state(bed, "A-1").await, "accepted");
}

async fn telegram_s_buttons_and_replies_answer(bed: &mut Bed) {
    begin(bed, &[]).await;
    let anna = Person::create(bed.api(), 1).await;
    anna.notified_by(bed, "telegram").await;
    let secret = [("x-telegram-bot-api-secret-token", WEBHOOK_SECRET)];
    told(bed, &anna, "A-1", Channel::Telegram, &anna.chat).await;
    let keyboard = bed.stand_ins.http.chats("POST", "/sendMessage").pop().unwrap().json()["reply_markup"]["inline_keyboard"].take();
    let chat = json!({ "id": anna.chat.parse::<i64>().unwrap(), "type": "private" });
    let query =
        json!({ "id": "q", "from": { "id": 1 }, "message": { "message_id": 1, "chat": chat }, "data": keyboard[0][0]["callback_data"] });
    let answer =
        call(bed, "/callbacks/telegram", &secret, json!({ "update_id": 2, "callback_query": query }).to_string()).await.expect(200);
    assert_eq!((&answer["method"], &answer["callback_query_id"]), (&json!("answerCallbackQuery"), &json!("q")));
    assert_eq!(state(bed, "A-1").await, "accepted");
    told(bed, &anna, "A-2", Channel::Telegram, &anna.chat).await;
    let message = json!({ "message_id": 9, "text": "fixed", "chat": chat, "from": { "id": 1, "language_code": "en" } });
    let answer = call(bed, "/callbacks/telegram", &secret, json!({ "update_id": 3, "message": message }).to_string()).await.expect(200);
    assert_eq!(answer["method"], "sendMessage", "{answer}");
    assert_eq!(state(bed, "A-2").await, "resolved");
}

async fn mattermost_s_buttons_answer(bed: &mut Bed) {
    let anna = reached_by(bed, "mattermost", MATTERMOST_CHANNEL).await;
    let sent = told(bed, &anna, "A-1", Channel::Mattermost, MATTERMOST_CHANNEL).await;
    let body: Value = serde_json::from_str(&sent.text).unwrap();
    let integration = &body["props"]["attachments"][0]["actions"][0]["integration"];
    assert_eq!(integration["url"], "https://bell.example.org/callbacks/mattermost");
    let click = json!({ "user_id": "y8qtkzg7ofyodejr3btspmwoqe", "user_name": "anna", "context": integration["context"] }).to_string();
    let stranger = call(bed, "/callbacks/mattermost", &[], click.clone()).await.expect(200);
    assert!(stranger["ephemeral_text"].as_str().is_some_and(|text| !text.is_empty()), "{stranger}");
    assert_eq!(state(bed, "A-1").await, "open");
    link(bed, &anna, ContactKind::Mattermost, "y8qtkzg7ofyodejr3btspmwoqe").await;
    call(bed, "/callbacks/mattermost", &[], click).await.expect(200);
    assert_eq!(state(bed, "A-1").await, "accepted");
}

async fn matrix_s_reactions_answer(bed: &mut Bed) {
    let anna = reached_by(bed, "matrix", MATRIX_ROOM).await;
    link(bed, &anna, ContactKind::Matrix, "@anna:example.org").await;
    told(bed, &anna, "A-1", Channel::Matrix, MATRIX_ROOM).await;
    let deliveries = bed.api().deliveries("alert=A-1").await;
    let delivery = bed.api().delivery(deliveries[0]["id"].as_str().unwrap()).await;
    let message = &delivery["attemptLog"][0]["messageId"];
    let relation = json!({ "rel_type": "m.annotation", "event_id": message, "key": "👍" });
    let event =
        json!({ "type": "m.reaction", "event_id": "$reaction", "sender": "@anna:example.org", "content": { "m.relates_to": relation } });
    let news = json!({ "next_batch": "s-news", "rooms": { "join": { (MATRIX_ROOM): { "timeline": { "events": [event] } } } } });
    bed.stand_ins.http.program("since=", Act::answer(200, "", news.to_string()), 1);
    wait::until("the reaction to be heard", async || state(bed, "A-1").await == "accepted").await;
}

async fn an_action_of_ntfy_answers(bed: &mut Bed) {
    let anna = reached_on(bed, "ntfy", "anna-7f3b").await;
    let sent = told(bed, &anna, "A-1", Channel::Push, "anna-7f3b").await;
    let body: Value = serde_json::from_str(&sent.text).unwrap();
    let action = &body["actions"][1];
    assert_eq!(action["url"], "https://bell.example.org/callbacks/ntfy");
    call(bed, "/callbacks/ntfy", &[], "resolve:of-nobody".to_owned()).await.expect(200);
    assert_eq!(state(bed, "A-1").await, "open");
    call(bed, "/callbacks/ntfy", &[], action["body"].as_str().unwrap().to_owned()).await.expect(200);
    assert_eq!(state(bed, "A-1").await, "resolved");
}

async fn an_acknowledgement_of_pushover_accepts(bed: &mut Bed) {
    let anna = reached_on(bed, "pushover", PUSHOVER_USER).await;
    let sent = told(bed, &anna, "A-1", Channel::Push, PUSHOVER_USER).await;
    let form: Value = serde_json::from_str(&sent.text).unwrap();
    assert_eq!(form["priority"], "2");
    let callback = form["callback"].as_str().unwrap().strip_prefix("https://bell.example.org").unwrap().to_owned();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let form = format!("receipt={PUSHOVER_RECEIPT}&acknowledged=1");
    assert_eq!(call(bed, &callback.replace("?delivery=", "?delivery=X"), &headers, form.clone()).await.status.as_u16(), 403);
    assert_eq!(state(bed, "A-1").await, "open");
    assert_eq!(call(bed, &callback, &headers, form).await.status.as_u16(), 204);
    assert_eq!(state(bed, "A-1").await, "accepted");
}

async fn what_has_no_buttons_leads_to_a_page_for_answers(bed: &mut Bed) {
    let anna = reached_by(bed, "discord", DISCORD_HOOK).await;
    let contact = json!({ "kind": "google_chat", "target": GOOGLE_CHAT_HOOK });
    bed.api().post(&format!("/watchbell/v1/users/{}/contacts", anna.id), &contact).await.expect(201);
    let devices = format!("/watchbell/v1/users/{}/devices", anna.id);
    bed.api().post(&devices, &json!({ "kind": "gotify", "token": "A-gotify-token" })).await.expect(201);
    anna.notified_by(bed, "google_chat").await;
    anna.notified_by(bed, "mobile_app").await;
    let page = "https://bell.example.org/a/";
    for (channel, to) in [(Channel::Discord, DISCORD_HOOK), (Channel::GoogleChat, GOOGLE_CHAT_HOOK), (Channel::Push, "A-gotify-token")] {
        let id = format!("A-{channel}");
        let sent = told(bed, &anna, &id, channel, to).await;
        assert!(sent.text.contains(page), "{channel}: {}", sent.text);
    }
}
