//! How often a key may call, and an address fail; and how many requests are worked on at once.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use tower::ServiceExt;
use watchbell_core::access::Role;
use watchbell_core::{Secret, UserId};
use watchbell_store::access::{Actor, NewKey};

use crate::harness::{ADMIN, Answer, PUBLIC_KEY, READER, SECRET_KEY, TELEGRAM_SECRET, USER, World, check_form, world_with};

async fn from(world: &World, address: &str, path: &str, key: &str) -> Answer {
    let mut request = Request::builder().uri(path).header("authorization", format!("Bearer {key}")).body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 1)));
    world.send(request).await
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_told_when_to_come_again() {
    let world = world_with(|settings| settings.key_per_minute = 120).await;
    for _ in 0..120 {
        world.get(ADMIN, "/api/users?max-results=1").await.expect(200);
    }
    let answer = world.get(ADMIN, "/api/users").await;
    assert_eq!(answer.expect(429)["code"], "TOO_MANY_REQUESTS");
    assert_eq!(answer.header("retry-after"), "1");
    check_form("/api", &answer);
    world.get(READER, "/api/users").await.expect(200);
    // The other surfaces are counted apart.
    world.get(ADMIN, "/watchbell/v1/keys").await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    world.get(ADMIN, "/api/users").await.expect(200);
}

/// One address may be that of a whole company: wrong keys are counted by address, and what is right is answered.
#[tokio::test]
async fn wrong_keys_are_counted_by_address_and_lock_nobody_out() {
    let world = world_with(|settings| settings.failures_per_minute = 3).await;
    for surface in ["/api/users", "/watchbell/v1/keys", "/v1/messaging/preferences"] {
        from(&world, "198.51.100.7", surface, "wrong").await.expect(401);
    }
    for surface in ["/api/users", "/watchbell/v1/keys", "/v1/messaging/preferences"] {
        let answer = from(&world, "198.51.100.7", surface, "wrong too").await;
        answer.expect(429);
        assert_eq!(answer.header("retry-after"), "20", "{surface}");
    }
    // A key that was never seen before, and one that was.
    for _ in 0..2 {
        from(&world, "198.51.100.7", "/api/users", ADMIN).await.expect(200);
    }
    from(&world, "198.51.100.8", "/api/users", "wrong").await.expect(401);
    world.clock.advance(Duration::from_secs(20));
    from(&world, "198.51.100.7", "/api/users", "wrong").await.expect(401);
}

#[tokio::test]
async fn wrong_signatures_are_counted_by_address_too() {
    let world = world_with(|settings| settings.failures_per_minute = 2).await;
    let callback = async |path: &str, secret: Option<&str>| {
        let mut request = Request::builder().method("POST").uri(path);
        if let Some(secret) = secret {
            request = request.header("x-telegram-bot-api-secret-token", secret);
        }
        world.send(request.body(Body::from("{}")).unwrap()).await
    };
    callback("/callbacks/telegram", Some("wrong")).await.expect(403);
    callback("/callbacks/twilio", None).await.expect(403);
    callback("/callbacks/telegram", Some("wrong")).await.expect(429);
    callback("/callbacks/twilio/gather", None).await.expect(429);
    callback("/callbacks/telegram", Some(TELEGRAM_SECRET)).await.expect(200);
}

#[tokio::test]
async fn what_needs_no_key_is_counted_by_address_and_health_is_not() {
    let world = world_with(|settings| settings.address_per_minute = 3).await;
    for path in ["/openapi.json", "/asyncapi.json", "/docs"] {
        assert_eq!(from(&world, "198.51.100.7", path, ADMIN).await.status, 200, "{path}");
    }
    for path in ["/openapi.json", "/asyncapi.json", "/docs"] {
        from(&world, "198.51.100.7", path, ADMIN).await.expect(429);
    }
    assert_eq!(from(&world, "198.51.100.8", "/docs", "").await.status, 200);
    from(&world, "198.51.100.7", "/-/ready", "").await.expect(200);
    from(&world, "198.51.100.7", "/api/users", ADMIN).await.expect(200);
}

#[tokio::test]
async fn our_own_surface_counts_too() {
    let world = world_with(|settings| settings.own_key_per_minute = 2).await;
    for _ in 0..2 {
        world.get(ADMIN, "/watchbell/v1/keys").await.expect(200);
    }
    world.get(ADMIN, "/watchbell/v1/keys").await.expect(429);
    world.get(READER, "/watchbell/v1/categories").await.expect(200);
}

#[tokio::test]
async fn an_application_s_key_has_a_limit_of_its_own() {
    let world = world_with(|settings| (settings.application_key_per_minute, settings.oncall_key_per_minute) = (2, 3)).await;
    let read = async || {
        let request = Request::builder().uri("/admin/v1/users").header("x-notiflows-api-key", PUBLIC_KEY);
        world.send(request.header("x-notiflows-secret-key", SECRET_KEY).body(Body::empty()).unwrap()).await
    };
    for _ in 0..2 {
        read().await.expect(200);
    }
    let details = &read().await.expect(429)["error"]["details"];
    assert_eq!((&details["limit"], &details["window"]), (&2.into(), &60.into()), "{details}");
    let rules = async || {
        let request = Request::builder().uri("/api/v1/users").header("authorization", ADMIN);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    for _ in 0..3 {
        rules().await.expect(200);
    }
    rules().await.expect(429);
}

#[tokio::test]
async fn streams_are_a_user_s_whatever_the_key() {
    let world = world_with(|settings| settings.streams_per_user = 2).await;
    let hash = watchbell_api::auth::hash_key(&Secret::new("wb_second"));
    world.store.add_key(Actor::System, NewKey::new("second", &hash, Role::User, Some(UserId(world.anna)))).await.unwrap();
    let open = async |key: &str| {
        let request = Request::builder().uri("/v1/messaging/notifications/stream").header("authorization", format!("Bearer {key}"));
        watchbell_api::router(&world.api).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let first = open(USER).await;
    let second = open("wb_second").await;
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    for key in [USER, "wb_second"] {
        assert_eq!(open(key).await.status(), 429);
    }
    drop(first);
    assert_eq!(open("wb_second").await.status(), 200);
}
