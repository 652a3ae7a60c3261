//! What providers say later, and what people answer.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, Clock, DeliveryId};
use watchbell_store::queue::{Attempt, Call, Finished, Next, Ranks};

use crate::harness::{self, ADMIN, Answer, TELEGRAM_SECRET, TWILIO_TOKEN, USER, World, inbound, world, world_with};

/// A form as Twilio signs it: sorted, name and value joined.
async fn twilio(world: &World, token: &str, path: &str, form: &[(&str, &str)]) -> Answer {
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(format!("https://bell.example.org{path}").as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", signature);
    world.send(request.body(Body::from(body)).unwrap()).await
}

/// A delivery of an alert by voice, sent.
async fn called(world: &World, alert: &str) -> String {
    let phone = match world.get(ADMIN, &world.anna("contacts/phone-numbers")).await.expect(200)[0]["id"].as_i64() {
        Some(phone) => phone,
        None => world.phone("0151 12345678").await,
    };
    let rules = world.anna("notification-preferences/alerts");
    if world.get(ADMIN, &rules).await.expect(200) == json!([]) {
        let rule = |delay: i64| json!({ "method": "VOICE", "contact": { "id": phone }, "type": "HIGH_PRIORITY", "delayMin": delay });
        world.call(ADMIN, "POST", &rules, &rule(0)).await.expect(201);
        world.call(ADMIN, "POST", &rules, &rule(10)).await.expect(201);
    }
    let data = json!({ "alertId": alert, "summary": "disk full", "priority": "HIGH", "responders": [world.anna.to_string()] });
    world.publish("alert", alert, data).await;
    let now = world.clock.now();
    let epoch = world.worker(Channel::Voice).await;
    let jobs = world.store.claim(epoch, Channel::Voice, Ranks::All, 10).await.unwrap();
    let id: DeliveryId = jobs[0].id.clone();
    let call = Call { id: id.clone(), provider: "twilio".to_owned(), is_bundle: false };
    assert_eq!(world.store.begin(epoch, &[call]).await.unwrap(), std::slice::from_ref(&id));
    let attempt = Attempt {
        number: 1,
        at: now,
        provider: "twilio".to_owned(),
        class: Class::Accepted,
        code: None,
        message_id: Some("CA1".to_owned()),
        latency_ms: Some(5),
        not_before: None,
        goes_on: false,
    };
    let end = Finished { id: id.clone(), is_bundle: false, attempt: Some(attempt), next: Next::Sent, pause: None, receipt_by: None };
    world.store.finish(epoch, &[end]).await.unwrap();
    id.to_string()
}

async fn state(world: &World, id: &str) -> Value {
    world.get(ADMIN, &format!("/watchbell/v1/deliveries/{id}")).await.expect(200)["state"].clone()
}

#[tokio::test]
async fn receipts_move_deliveries() {
    let world = world().await;
    let id = called(&world, "A-1").await;
    let path = format!("/callbacks/twilio?delivery={id}");
    assert_eq!(state(&world, &id).await, "sent");
    twilio(&world, TWILIO_TOKEN, &path, &[("CallStatus", "ringing"), ("CallSid", "CA1")]).await.expect(204);
    assert_eq!(state(&world, &id).await, "sent");
    twilio(&world, TWILIO_TOKEN, &path, &[("CallStatus", "completed"), ("AnsweredBy", "human")]).await.expect(204);
    assert_eq!(state(&world, &id).await, "delivered");
    twilio(&world, TWILIO_TOKEN, &path, &[("CallStatus", "failed")]).await.expect(204);
    assert_eq!(state(&world, &id).await, "delivered", "what arrived has arrived");
    // A second call within two minutes would be collected.
    world.clock.advance(std::time::Duration::from_mins(3));
    let other = called(&world, "A-2").await;
    twilio(&world, TWILIO_TOKEN, &format!("/callbacks/twilio?delivery={other}"), &[("CallStatus", "no-answer")]).await.expect(204);
    assert_eq!(state(&world, &other).await, "scheduled", "nobody answered: tried again");
    twilio(&world, TWILIO_TOKEN, "/callbacks/twilio?delivery=unknown", &[("CallStatus", "failed")]).await.expect(204);
    twilio(&world, TWILIO_TOKEN, "/callbacks/twilio", &[("CallStatus", "failed")]).await.expect(400);
}

async fn pending(world: &World) -> usize {
    world.get(ADMIN, "/watchbell/v1/deliveries?state=scheduled").await.expect(200)["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn receipts_of_another_message_move_nothing() {
    type Fields = &'static [(&'static str, &'static str)];
    let accounts = ["twilio", "backup"].map(|name| (name, harness::twilio(name)));
    let world = world_with(|settings| settings.inbound = inbound(accounts)).await;
    let id = called(&world, "A-1").await;
    let own = format!("/callbacks/twilio?delivery={id}");
    let others: [(String, &str, Fields); 4] = [
        (format!("/callbacks/backup?delivery={id}"), "backup", &[("CallStatus", "completed"), ("CallSid", "CA1")]),
        (own.clone(), "twilio", &[("CallStatus", "completed"), ("CallSid", "CA2")]),
        (own.clone(), "twilio", &[("MessageStatus", "delivered"), ("MessageSid", "CA1")]),
        (own.clone(), "twilio", &[("MessageStatus", "undelivered"), ("ErrorCode", "30005"), ("MessageSid", "SM1")]),
    ];
    for (path, token, form) in others {
        twilio(&world, token, &path, form).await.expect(204);
        assert_eq!(state(&world, &id).await, "sent", "{path} {form:?}");
    }
    let phones = world.get(ADMIN, &world.anna("contacts/phone-numbers")).await.expect(200);
    assert_eq!(phones[0]["status"], "OK");
    twilio(&world, "twilio", &own, &[("CallStatus", "completed"), ("CallSid", "CA1")]).await.expect(204);
    assert_eq!(state(&world, &id).await, "delivered");
}

#[tokio::test]
async fn a_key_press_accepts_the_alert_once() {
    let world = world().await;
    let id = called(&world, "A-1").await;
    let path = format!("/callbacks/twilio/gather?delivery={id}");
    assert_eq!(pending(&world).await, 1, "the call in ten minutes");
    for _ in 0..2 {
        let accepted = twilio(&world, TWILIO_TOKEN, &path, &[("Digits", "1"), ("CallSid", "CA1")]).await;
        assert_eq!((accepted.status.as_u16(), accepted.header("content-type")), (200, "text/xml; charset=utf-8"));
        let said = "<Response><Say language=\"en-US\">You have accepted the alert. Goodbye.</Say></Response>";
        assert!(accepted.text.ends_with(said), "{}", accepted.text);
    }
    assert_eq!(pending(&world).await, 0);
    let answers = world.store.take_answers(10, world.clock.now()).await.unwrap();
    assert_eq!(answers.len(), 1);
    let answer = &answers[0].answer;
    assert_eq!((answers[0].alert_id.as_str(), answer.delivery.as_str(), answer.user.0, answer.round), ("A-1", id.as_str(), world.anna, 1));
    let gone = twilio(&world, TWILIO_TOKEN, "/callbacks/twilio/gather?delivery=x", &[("Digits", "1")]).await;
    assert!(gone.text.contains("about nothing that can be accepted"), "{}", gone.text);
}

/// After another key, or none, the menu is said again, four times in all; after a 9, with the message.
#[tokio::test]
async fn a_call_asks_again_but_not_for_ever() {
    let world = world().await;
    let id = called(&world, "A-1").await;
    let mut path = format!("/callbacks/twilio/gather?delivery={id}");
    for (digits, said) in [("5", "That key does nothing."), ("", "No key was pressed."), ("9", "High priority alert. disk full.")] {
        let asked = twilio(&world, TWILIO_TOKEN, &path, &[("Digits", digits), ("CallSid", "CA1")]).await.text;
        let menu = "Press 1 if you have it, 2 if it is resolved, 3 if it is not yours, 9 to hear it again.";
        assert!(asked.contains(&format!("<Say language=\"en-US\">{said}")) && asked.contains(&format!("{menu}</Say></Gather>")), "{asked}");
        let action = asked.split("action=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        path = action.strip_prefix("https://bell.example.org").unwrap().to_owned();
    }
    let ended = twilio(&world, TWILIO_TOKEN, &path, &[("Digits", "9"), ("CallSid", "CA1")]).await.text;
    assert!(ended.contains("Nothing was changed. Goodbye.") && !ended.contains("<Gather"), "{ended}");
    assert_eq!(pending(&world).await, 1);
}

#[tokio::test]
async fn a_call_is_answered_in_the_language_of_whom_it_was_for() {
    let world = world().await;
    let anna = json!({ "locale": "de-AT", "timezone": "Europe/Vienna" });
    world.call(ADMIN, "PUT", &format!("/watchbell/v1/users/{}", world.anna), &anna).await.expect(200);
    let id = called(&world, "A-1").await;
    let path = format!("/callbacks/twilio/gather?delivery={id}");
    let asked = twilio(&world, TWILIO_TOKEN, &path, &[("Digits", "7")]).await.text;
    assert!(asked.contains("<Say language=\"de-DE\">Diese Taste bewirkt nichts. Drücke die 1, wenn du übernimmst, die 2, wenn es behoben ist, die 3, wenn du nicht zuständig bist, oder die 9, um es noch einmal zu hören.</Say>"), "{asked}");
    let accepted = twilio(&world, TWILIO_TOKEN, &path, &[("Digits", "1")]).await.text;
    assert!(accepted.contains("<Say language=\"de-DE\">Du hast den Alarm angenommen."), "{accepted}");
}

/// A key press in another account's call, in an earlier one, of an email, or of a round that is over changes nothing.
#[tokio::test]
async fn an_answer_counts_for_its_own_call_and_round() {
    let accounts = ["twilio", "backup"].map(|name| (name, harness::twilio(name)));
    let world = world_with(|settings| settings.inbound = inbound(accounts)).await;
    let id = called(&world, "A-1").await;
    let press = async |account: &str, id: &str, sid: &str| {
        let path = format!("/callbacks/{account}/gather?delivery={id}");
        twilio(&world, account, &path, &[("Digits", "1"), ("CallSid", sid)]).await.text
    };
    for (account, sid) in [("backup", "CA1"), ("twilio", "CA2")] {
        let said = press(account, &id, sid).await;
        assert!(said.contains("about nothing that can be accepted"), "{account} {sid}: {said}");
    }
    assert_eq!(pending(&world).await, 1);
    let update = |status: &str| json!({ "alertId": "A-1", "status": status });
    world.publish("update", "resolved", update("RESOLVED")).await;
    world.clock.advance(Duration::from_mins(3));
    let said = press("twilio", &id, "CA1").await;
    assert!(said.contains("The alert has been resolved already: 3 minutes ago. Nothing was changed."), "{said}");
    let again = json!({ "alertId": "A-1", "summary": "disk full", "priority": "HIGH", "responders": [world.anna.to_string()] });
    world.publish("alert", "again", again).await;
    assert_eq!(pending(&world).await, 2);
    let said = press("twilio", &id, "CA1").await;
    assert!(said.contains("has been opened again since. Nothing was changed."), "{said}");
    assert_eq!(pending(&world).await, 2);
    assert_eq!(world.store.take_answers(10, world.clock.now()).await.unwrap(), []);
    world.publish("update", "accepted", update("ACCEPTED")).await;
    let said = press("twilio", &id, "CA1").await;
    assert!(said.contains("The alert has been accepted already: now."), "{said}");
}

#[tokio::test]
async fn what_is_not_signed_by_twilio_changes_nothing() {
    let world = world().await;
    let id = called(&world, "A-1").await;
    let path = format!("/callbacks/twilio?delivery={id}");
    let form = [("CallStatus", "completed")];
    assert_eq!(twilio(&world, "wrong", &path, &form).await.expect(403)["error"]["code"], "forbidden");
    for path in [path.as_str(), "/callbacks/twilio/gather?delivery=x"] {
        world.raw("", "POST", path, "CallStatus=completed").await.expect(403);
        world.raw("", "POST", path, vec![0xff, 0, b'=', b'%']).await.expect(403);
    }
    assert_eq!(state(&world, &id).await, "sent");
    let closed = world_with(|settings| settings.public_url = None).await;
    twilio(&closed, TWILIO_TOKEN, "/callbacks/twilio?delivery=x", &form).await.expect(404);
    let closed = world_with(|settings| settings.inbound.clear()).await;
    twilio(&closed, TWILIO_TOKEN, "/callbacks/twilio?delivery=x", &form).await.expect(404);
}

#[tokio::test]
async fn each_account_s_callbacks_are_signed_with_its_own_tokens() {
    let mut rotated = harness::twilio("new");
    rotated["previous_auth_token"] = json!("previous");
    let accounts = [("sms eu", rotated), ("backup", harness::twilio("other"))];
    let world = world_with(|settings| settings.inbound = inbound(accounts)).await;
    let form = [("MessageStatus", "sent")];
    for (path, token, status) in [
        ("/callbacks/sms%20eu?delivery=x", "new", 204),
        ("/callbacks/sms%20eu?delivery=x", "previous", 204),
        ("/callbacks/sms%20eu?delivery=x", "other", 403),
        ("/callbacks/sms%20eu/gather?delivery=x", "new", 200),
        ("/callbacks/backup?delivery=x", "other", 204),
        ("/callbacks/backup/gather?delivery=x", "new", 403),
        ("/callbacks/twilio?delivery=x", "new", 404),
        ("/callbacks/twilio/gather?delivery=x", "new", 404),
        ("/callbacks/telegram/gather?delivery=x", "new", 404),
    ] {
        assert_eq!(twilio(&world, token, path, &form).await.status, status, "{path} {token}");
    }
}

#[tokio::test]
async fn a_bot_s_updates_come_under_its_provider_s_name() {
    let world = world_with(|settings| settings.inbound = inbound([("pager", harness::telegram(TELEGRAM_SECRET))])).await;
    let update = async |path: &str, secret: &str| {
        let request = Request::builder().method("POST").uri(path).header("x-telegram-bot-api-secret-token", secret);
        world.send(request.body(Body::from("{}")).unwrap()).await
    };
    update("/callbacks/pager", TELEGRAM_SECRET).await.expect(200);
    update("/callbacks/pager", "wrong").await.expect(403);
    update("/callbacks/telegram", TELEGRAM_SECRET).await.expect(404);
}

async fn telegram(world: &World, secret: &str, update: &str) -> Answer {
    let request = Request::builder().method("POST").uri("/callbacks/telegram").header("x-telegram-bot-api-secret-token", secret);
    world.send(request.body(Body::from(update.to_owned())).unwrap()).await
}

fn start(text: &str, kind: &str) -> Value {
    json!({ "update_id": 7, "message": { "message_id": 1, "text": text, "chat": { "id": 4_242, "type": kind }, "from": { "id": 4_242 } } })
}

#[tokio::test]
async fn opening_the_bot_by_the_link_links_the_chat() {
    let world = world().await;
    let link = world.raw(USER, "POST", "/watchbell/v1/users/current/telegram-link", "").await.expect(201);
    assert_eq!(link["expiresAt"], "2026-11-20T08:15:00.000Z");
    let token = link["url"].as_str().unwrap().strip_prefix("https://t.me/bell_bot?start=").unwrap().to_owned();
    assert_eq!(token.len(), 64);
    let update = start(&format!("/start {token}"), "private").to_string();
    telegram(&world, "wrong", &update).await.expect(403);
    telegram(&world, "", &update).await.expect(403);
    let in_a_group = start(&format!("/start {token}"), "group").to_string();
    assert_eq!(telegram(&world, TELEGRAM_SECRET, &in_a_group).await.expect(200), json!({}));
    let linked = telegram(&world, TELEGRAM_SECRET, &update).await.expect(200);
    assert_eq!((&linked["method"], &linked["chat_id"]), (&json!("sendMessage"), &json!(4_242)));
    assert!(linked["text"].as_str().unwrap().contains("is linked"));
    let contacts = world.store.contacts(watchbell_core::UserId(world.anna), None).await.unwrap();
    assert!(contacts.iter().any(|contact| contact.target == "4242"));
    let again = telegram(&world, TELEGRAM_SECRET, &update).await.expect(200);
    assert!(again["text"].as_str().unwrap().contains("not valid"), "a link works once");
}

#[tokio::test]
async fn other_updates_are_taken_and_left() {
    let world = world().await;
    let odd = [
        json!({}),
        json!([]),
        json!({ "message": "x" }),
        json!({ "message": { "chat": { "id": "x" }, "text": "/start a" } }),
        json!({ "message": { "chat": { "id": 1 }, "text": "hello" } }),
        json!({ "message": { "chat": { "id": 1 }, "text": "" } }),
        json!({ "edited_message": { "text": "/start x" } }),
    ];
    for update in odd {
        assert_eq!(telegram(&world, TELEGRAM_SECRET, &update.to_string()).await.expect(200), json!({}), "{update}");
    }
    for body in ["", "{", "\0"] {
        telegram(&world, TELEGRAM_SECRET, body).await.expect(400);
    }
    for text in ["/start", "/start x", "/start@bell_bot äöü", &format!("/start {}", "a".repeat(64))] {
        let reply = telegram(&world, TELEGRAM_SECRET, &start(text, "private").to_string()).await.expect(200);
        assert!(reply["text"].as_str().unwrap().contains("not valid"), "{text}");
    }
    let closed = world_with(|settings| settings.inbound = inbound([("telegram", harness::telegram(""))])).await;
    telegram(&closed, "", "{}").await.expect(404);
}
