//! Telegram without a public URL.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use watchbell_api::callbacks::telegram_poll::{BotApi, BotError, run, set_webhook};
use watchbell_channels::render::Renderer;
use watchbell_core::Secret;

use crate::harness::{USER, world};

/// Answers as told, and ends the loop when there is nothing left to answer.
struct Bot {
    answers: Mutex<Vec<Result<Value, BotError>>>,
    calls: Mutex<Vec<(String, Value)>>,
    stop: CancellationToken,
}

#[async_trait]
impl BotApi for Bot {
    async fn call(&self, method: &str, parameters: Value) -> Result<Value, BotError> {
        self.calls.lock().unwrap().push((method.to_owned(), parameters));
        if method != "getUpdates" {
            return Ok(json!(true));
        }
        let next = self.answers.lock().unwrap().pop();
        let Some(answer) = next else {
            self.stop.cancel();
            return std::future::pending().await;
        };
        answer
    }
}

fn bot(answers: Vec<Result<Value, BotError>>) -> Arc<Bot> {
    Arc::new(Bot { answers: Mutex::new(answers), calls: Mutex::new(Vec::new()), stop: CancellationToken::new() })
}

#[tokio::test]
async fn updates_are_handled_and_the_offset_is_kept() {
    let world = world().await;
    let link = world.raw(USER, "POST", "/watchbell/v1/users/current/telegram-link", "").await.expect(201);
    let (_, token) = link["url"].as_str().unwrap().split_once("start=").unwrap();
    let updates = json!([
        { "update_id": 40, "message": { "text": "hello", "chat": { "id": 4_242, "type": "private" } } },
        { "update_id": 41, "message": { "text": format!("/start {token}"), "chat": { "id": 4_242, "type": "private" } } },
    ]);
    let bot = bot(vec![Ok(json!([])), Ok(updates)]);
    run(world.store.clone(), Arc::new(Renderer::built_in()), bot.clone(), Arc::new(world.clock.clone()), bot.stop.clone()).await;
    let calls = bot.calls.lock().unwrap().clone();
    let methods: Vec<&str> = calls.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, ["deleteWebhook", "getUpdates", "sendMessage", "getUpdates", "getUpdates"]);
    assert_eq!((&calls[1].1["offset"], &calls[3].1["offset"]), (&json!(0), &json!(42)));
    assert_eq!(world.store.setting("telegram.offset").await.unwrap().as_deref(), Some("42"));
    let contacts = world.store.contacts(watchbell_core::UserId(world.anna), None).await.unwrap();
    assert!(contacts.iter().any(|contact| contact.target == "4242"));
}

#[tokio::test]
async fn a_failure_is_tried_again_after_a_pause() {
    let world = world().await;
    let bot = bot(vec![Ok(json!([])), Err(BotError("502".to_owned()))]);
    let clock = Arc::new(world.clock.clone());
    let polling = tokio::spawn(run(world.store.clone(), Arc::new(Renderer::built_in()), bot.clone(), clock, bot.stop.clone()));
    while !polling.is_finished() {
        world.clock.advance(std::time::Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    let methods: Vec<String> = bot.calls.lock().unwrap().iter().map(|(method, _)| method.clone()).collect();
    assert_eq!(methods, ["deleteWebhook", "getUpdates", "deleteWebhook", "getUpdates", "getUpdates"]);
}

#[tokio::test]
async fn the_webhook_is_told_where_and_with_which_secret() {
    let bot = bot(Vec::new());
    set_webhook(&*bot, "https://bell.example.org/callbacks/bot", &Secret::new("s")).await.unwrap();
    let (method, parameters) = bot.calls.lock().unwrap()[0].clone();
    assert_eq!(method, "setWebhook");
    assert_eq!((&parameters["url"], &parameters["secret_token"]), (&json!("https://bell.example.org/callbacks/bot"), &json!("s")));
}
