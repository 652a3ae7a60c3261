//! What a chain means when an alert comes.

use std::time::Duration;

use axum::http::Request;
use serde_json::{Value, json};

use crate::harness::{ADMIN, World, path, world};

async fn publish(world: &World, kind: &str, id: &str, mut data: Value) {
    data["id"] = id.into();
    data["type"] = format!("watchbell.events.{kind}").into();
    let request = Request::builder().method("POST").uri("/watchbell/v1/events").header("authorization", format!("Bearer {ADMIN}"));
    world.send(request, data.to_string()).await.expect(202);
}

async fn alert(world: &World, priority: &str) {
    let data = json!({ "alertId": "A-1", "priority": priority, "summary": "disk full", "responders": [world.anna.public_id] });
    publish(world, "alert", "e-1", data).await;
}

/// Channel, state and minutes after the alert of each of Anna's deliveries that is not cancelled, in order of time.
async fn planned(world: &World) -> Vec<(String, i64)> {
    let request = Request::builder().uri("/watchbell/v1/deliveries").header("authorization", format!("Bearer {ADMIN}"));
    let found = world.send(request, "").await.expect(200);
    let start = watchbell_core::Timestamp::parse_rfc3339("2026-11-20T08:00:00Z").unwrap();
    let mut planned: Vec<(String, i64)> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|delivery| delivery["state"] == "scheduled")
        .map(|delivery| {
            let due = watchbell_core::Timestamp::parse_rfc3339(delivery["dueAt"].as_str().unwrap()).unwrap();
            (delivery["channel"].as_str().unwrap().to_owned(), due.ms_since(start) / 60_000)
        })
        .collect();
    planned.sort_by_key(|(channel, minutes)| (*minutes, channel.clone()));
    planned
}

fn at(steps: &[(&str, i64)]) -> Vec<(String, i64)> {
    steps.iter().map(|(channel, minutes)| ((*channel).to_owned(), *minutes)).collect()
}

#[tokio::test]
async fn waits_add_up_and_the_chain_stops_when_the_alert_is_accepted() {
    let world = world().await;
    let chain = [
        json!({ "type": "notify_by_mobile_app" }),
        json!({ "type": "wait", "duration": 300 }),
        json!({ "type": "notify_by_sms" }),
        json!({ "type": "wait", "duration": 900 }),
        json!({ "type": "wait", "duration": 60 }),
        json!({ "type": "notify_by_phone_call" }),
    ];
    for step in &chain {
        let mut step = step.clone();
        step["important"] = true.into();
        world.made(&step).await;
    }
    world.made(&json!({ "type": "notify_by_email" })).await;
    alert(&world, "HIGH").await;
    assert_eq!(planned(&world).await, at(&[("push", 0), ("sms", 5), ("voice", 21)]));
    publish(&world, "update", "e-2", json!({ "alertId": "A-1", "status": "ACCEPTED" })).await;
    assert_eq!(planned(&world).await, at(&[]));
}

#[tokio::test]
async fn editing_a_chain_plans_what_is_not_sent_anew() {
    let world = world().await;
    let wait = world.made(&json!({ "type": "wait", "duration": 300 })).await;
    let sms = world.made(&json!({ "type": "notify_by_sms" })).await;
    alert(&world, "LOW").await;
    assert_eq!(planned(&world).await, at(&[("sms", 5)]));
    world.patch(&wait, &json!({ "duration": 1800 })).await.expect(200);
    assert_eq!(planned(&world).await, at(&[("sms", 30)]));
    world.patch(&sms, &json!({ "type": "notify_by_email" })).await.expect(200);
    assert_eq!(planned(&world).await, at(&[("email", 30)]));
    world.made(&json!({ "type": "wait", "duration": 3600, "position": 0 })).await;
    assert_eq!(planned(&world).await, at(&[("email", 90)]));
    world.made(&json!({ "type": "notify_by_phone_call" })).await;
    assert_eq!(planned(&world).await, at(&[("email", 90), ("voice", 90)]));
    // A step whose new time has passed is due now.
    world.clock.advance(Duration::from_mins(2));
    world.patch(&sms, &json!({ "position": 0 })).await.expect(200);
    assert_eq!(planned(&world).await[1..], at(&[("voice", 90)]));
    assert!(planned(&world).await[0].1 <= 2);
    world.call(ADMIN, "DELETE", &path(&sms), &json!({})).await.expect(204);
    assert_eq!(planned(&world).await, at(&[("voice", 90)]));
}

#[tokio::test]
async fn who_has_no_rule_of_that_importance_gets_one_email() {
    let world = world().await;
    world.made(&json!({ "type": "notify_by_sms", "important": true })).await;
    alert(&world, "LOW").await;
    assert_eq!(planned(&world).await, at(&[("email", 0)]));
}
