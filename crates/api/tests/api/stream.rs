//! What becomes of deliveries, as it happens.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::harness::{ADMIN, PUBLISHER, READER, USER, World, world, world_with};

/// A client that listens.
struct Listener {
    stream: BodyDataStream,
    text: String,
}

async fn listen(world: &World, key: &str) -> Result<Listener, u16> {
    let request = Request::builder().uri("/watchbell/v1/stream").header("authorization", format!("Bearer {key}")).body(Body::empty());
    let response = watchbell_api::router(&world.api).oneshot(request.unwrap()).await.unwrap();
    if response.status() != 200 {
        return Err(response.status().as_u16());
    }
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Ok(Listener { stream: response.into_body().into_data_stream(), text: String::new() })
}

impl Listener {
    /// The next event: its name and data. None at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
                let found = line("event:").map(|name| (name, serde_json::from_str(&line("data:").unwrap()).unwrap()));
                let rest = rest.to_owned();
                self.text = rest;
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let more = tokio::time::timeout(Duration::from_secs(20), self.stream.next()).await.expect("nothing comes");
            self.text += std::str::from_utf8(&more?.unwrap()).unwrap();
        }
    }

    async fn snapshot(&mut self) -> Vec<String> {
        let (name, data) = self.next().await.unwrap();
        assert_eq!(name, "snapshot");
        data["items"].as_array().unwrap().iter().map(|item| item["alertId"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The next change of a delivery that is of this alert: its user and state.
    async fn change(&mut self, alert: &str) -> (i64, String) {
        loop {
            let (name, data) = self.next().await.unwrap();
            assert_eq!(name, "delivery");
            if data["alertId"] == alert {
                return (data["userId"].as_i64().unwrap(), data["state"].as_str().unwrap().to_owned());
            }
        }
    }
}

async fn publish(world: &World, alert: &str, users: &[i64]) {
    let data = json!({ "alertId": alert, "priority": "HIGH", "summary": "s", "responders": users });
    world.publish("alert", alert, data).await;
}

#[tokio::test]
async fn a_stream_tells_what_there_is_and_what_changes() {
    let world = world().await;
    publish(&world, "A-1", &[world.anna]).await;
    let mut listener = listen(&world, READER).await.unwrap();
    assert_eq!(listener.snapshot().await, ["A-1"]);
    world.clock.advance(Duration::from_secs(1));
    publish(&world, "A-2", &[world.anna]).await;
    assert_eq!(listener.change("A-2").await, (world.anna, "scheduled".to_owned()));
    world.clock.advance(Duration::from_secs(1));
    let accepted = json!({ "alertId": "A-1", "status": "ACCEPTED" });
    world.publish("update", "accept", accepted).await;
    // It may be told as it was, before it is told as it is.
    while listener.change("A-1").await != (world.anna, "cancelled".to_owned()) {}
    // Who comes again has missed nothing.
    drop(listener);
    let mut again = listen(&world, READER).await.unwrap();
    assert_eq!(again.snapshot().await, ["A-2", "A-1"]);
}

#[tokio::test]
async fn a_user_key_is_told_of_its_user() {
    let world = world().await;
    publish(&world, "A-1", &[world.anna, world.ben]).await;
    let (mut own, mut all) = (listen(&world, USER).await.unwrap(), listen(&world, ADMIN).await.unwrap());
    assert_eq!((own.snapshot().await.len(), all.snapshot().await.len()), (1, 2));
    publish(&world, "A-2", &[world.ben]).await;
    publish(&world, "A-3", &[world.anna]).await;
    all.change("A-2").await;
    // Whatever comes before it is hers as well.
    loop {
        let (name, data) = own.next().await.unwrap();
        assert_eq!((name.as_str(), &data["userId"]), ("delivery", &json!(world.anna)));
        if data["alertId"] == "A-3" {
            break;
        }
    }
    assert_eq!(listen(&world, PUBLISHER).await.err(), Some(403));
}

#[tokio::test]
async fn a_key_has_so_many_streams() {
    let world = world_with(|settings| settings.streams_per_user = 2).await;
    let first = listen(&world, ADMIN).await.unwrap();
    let _second = listen(&world, ADMIN).await.unwrap();
    assert_eq!(listen(&world, ADMIN).await.err(), Some(429));
    let _other = listen(&world, READER).await.unwrap();
    drop(first);
    listen(&world, ADMIN).await.unwrap();
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let world = world().await;
    let made = world.call(ADMIN, "POST", "/watchbell/v1/keys", &json!({ "name": "x", "role": "reader" })).await.expect(201);
    let mut listener = listen(&world, made["key"].as_str().unwrap()).await.unwrap();
    listener.snapshot().await;
    world.call(ADMIN, "DELETE", &format!("/watchbell/v1/keys/{}", made["id"]), &Value::Null).await.expect(204);
    assert_eq!(listener.next().await, None);
}
