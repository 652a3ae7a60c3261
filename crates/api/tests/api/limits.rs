//! How often the ilert surface may be called.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;

use crate::harness::{ADMIN, Answer, PUBLIC_KEY, READER, SECRET_KEY, World, check_form, world_with};

async fn from(world: &World, address: &str, key: &str) -> Answer {
    let mut request = Request::builder().uri("/api/users").header("authorization", format!("Bearer {key}")).body(Body::empty()).unwrap();
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
    // The other surfaces are not counted.
    world.get(ADMIN, "/watchbell/v1/keys").await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    world.get(ADMIN, "/api/users").await.expect(200);
}

#[tokio::test]
async fn an_address_is_counted_whatever_keys_it_tries() {
    let world = world_with(|settings| settings.address_per_minute = 3).await;
    from(&world, "198.51.100.7", "wrong").await.expect(401);
    from(&world, "198.51.100.7", ADMIN).await.expect(200);
    from(&world, "198.51.100.7", "wrong too").await.expect(401);
    let answer = from(&world, "198.51.100.7", ADMIN).await;
    answer.expect(429);
    assert_eq!(answer.header("retry-after"), "20");
    from(&world, "198.51.100.8", ADMIN).await.expect(200);
    world.clock.advance(Duration::from_secs(20));
    from(&world, "198.51.100.7", ADMIN).await.expect(200);
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
