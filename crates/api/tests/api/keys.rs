//! Keys: made, shown once, refused, expired, taken away.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::{Clock, Secret};

use crate::harness::{ADMIN, READER, USER, world};
use crate::operator::items;

#[tokio::test]
async fn keys_are_shown_once_and_can_be_taken_away() {
    let world = world().await;
    let made = world.call(ADMIN, "POST", "/watchbell/v1/keys", &json!({ "name": "ci", "role": "user", "user": "ext-ben" })).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.expect(201);
    assert_eq!((&made["role"], &made["userId"]), (&json!("user"), &json!(world.ben)));
    let key = made["key"].as_str().unwrap();
    assert_eq!(world.get(key, "/api/users/current").await.expect(200)["id"], world.ben);
    let listed = world.get(READER, "/watchbell/v1/keys").await;
    assert!(listed.text.contains("\"ci\"") && !listed.text.contains(key));
    let path = format!("/watchbell/v1/keys/{}", made["id"]);
    world.raw(ADMIN, "DELETE", &path, "").await.expect(204);
    world.get(key, "/api/users/current").await.expect(401);
    world.raw(ADMIN, "DELETE", &path, "").await.expect(404);
    let own = items(&world, "keys").await.into_iter().find(|key| key["role"] == "admin").unwrap();
    world.raw(ADMIN, "DELETE", &format!("/watchbell/v1/keys/{}", own["id"]), "").await.expect(409);
}

#[tokio::test]
async fn a_key_opens_nothing_once_it_has_expired() {
    let world = world().await;
    let at = world.clock.now() + Duration::from_hours(24);
    let made = json!({ "name": "for a day", "role": "reader", "expiresAt": at.to_string() });
    let made = world.call(ADMIN, "POST", "/watchbell/v1/keys", &made).await.expect(201);
    assert_eq!(made["expiresAt"], at.to_string());
    let key = made["key"].as_str().unwrap();
    world.get(key, "/api/users").await.expect(200);
    world.clock.advance(Duration::from_hours(24));
    let refused = world.get(key, "/api/users").await;
    assert!(refused.status == 401 && refused.text.contains(&format!("this API key has expired, at {at}")), "{}", refused.text);
}

#[tokio::test]
async fn when_and_from_where_a_key_was_last_used_is_told_a_minute_later() {
    let world = world().await;
    let used = async || items(&world, "keys").await.into_iter().find(|key| key["name"] == USER).unwrap();
    assert_eq!((used().await.get("usedAt"), used().await.get("usedFrom")), (None, None));
    let at = world.clock.now();
    world.get(USER, "/api/users/current").await.expect(200);
    until(async || {
        world.clock.advance(Duration::from_mins(1));
        used().await.get("usedAt").is_some()
    })
    .await;
    assert_eq!((&used().await["usedAt"], &used().await["usedFrom"]), (&json!(at.to_string()), &json!("0.0.0.0")));
}

#[tokio::test]
async fn the_first_admin_key_is_configured_or_made_up_once() {
    let world = world().await;
    let store = &*world.store;
    assert_eq!(watchbell_api::bootstrap_admin_key(store, None).await.unwrap(), None, "there are keys");
    let configured = Secret::new("wb_from_the_environment");
    for _ in 0..2 {
        assert_eq!(watchbell_api::bootstrap_admin_key(store, Some(&configured)).await.unwrap(), None);
    }
    world.get(configured.expose(), "/api/users").await.expect(200);
    world.get(ADMIN, "/api/users").await.expect(200);
    // Another one takes its place, not that of the others.
    let rotated = Secret::new("wb_from_the_environment_again");
    assert_eq!(watchbell_api::bootstrap_admin_key(store, Some(&rotated)).await.unwrap(), None);
    world.get(configured.expose(), "/api/users").await.expect(401);
    world.get(rotated.expose(), "/api/users").await.expect(200);
    // Deleted by somebody, it does not come back with the next start.
    let id = items(&world, "keys").await.iter().rfind(|key| key["name"] == "first admin").unwrap()["id"].clone();
    world.raw(ADMIN, "DELETE", &format!("/watchbell/v1/keys/{id}"), "").await.expect(204);
    assert_eq!(watchbell_api::bootstrap_admin_key(store, Some(&rotated)).await.unwrap(), None);
    world.get(rotated.expose(), "/api/users").await.expect(401);
    world.get(ADMIN, "/api/users").await.expect(200);
}

#[tokio::test]
async fn refused_keys_are_counted_by_address_in_the_audit_log() {
    let world = world().await;
    for number in 0..50 {
        world.get(&format!("wb_guess_{number}"), "/watchbell/v1/keys").await.expect(401);
        world.get(&format!("wb_guess_{number}"), "/api/users").await.expect(401);
    }
    // No key at all is no attempt.
    world.get("", "/watchbell/v1/keys").await.expect(401);
    let refused = async || {
        let audit = items(&world, "audit?limit=500").await;
        audit.into_iter().filter(|entry| entry["action"] == "key.refused").collect::<Vec<Value>>()
    };
    until(async || refused().await.len() == 1).await;
    assert_eq!((&refused().await[0]["address"], &refused().await[0]["detail"]), (&json!("0.0.0.0"), &json!({ "count": 1 })));
    // How many more there were is told when the window ends.
    until(async || {
        world.clock.advance(Duration::from_mins(10));
        refused().await.len() == 2
    })
    .await;
    assert_eq!(refused().await[0]["detail"], json!({ "more": 99 }));
}

/// What another task is about to do.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}
