//! What the page asks the API for, beside what was there before.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN, PUBLISHER, READER, USER, World, world};

async fn raise(world: &World, alert: &str, users: &[i64]) {
    let data = json!({ "alertId": alert, "priority": "HIGH", "summary": "The disk is full", "url": "https://grafana.example.org/d/1", "details": "100 %", "labels": { "host": "db-7" }, "responders": users });
    world.publish("alert", alert, data).await;
    world.clock.advance(Duration::from_secs(1));
}

#[tokio::test]
async fn an_alert_is_shown_as_it_is_and_answered_by_whoever_may() {
    let world = world().await;
    raise(&world, "A-1", &[world.anna]).await;
    let path = "/watchbell/v1/alerts/A-1";
    let shown = world.get(READER, path).await.expect(200);
    assert_eq!((&shown["state"], &shown["priority"], &shown["summary"]), (&json!("open"), &json!("HIGH"), &json!("The disk is full")));
    assert_eq!((&shown["labels"], &shown["details"]), (&json!({ "host": "db-7" }), &json!("100 %")));
    assert_eq!((&shown["history"][0]["what"], &shown["actions"]), (&json!("raised"), &json!([])));
    assert_eq!(world.get(ADMIN, path).await.expect(200)["actions"], json!(["accept", "resolve"]));
    assert_eq!(world.get(USER, path).await.expect(200)["actions"], json!(["accept", "resolve", "decline"]));
    let answer = async |key, action: &str| world.call(key, "POST", &format!("{path}/answer"), &json!({ "action": action })).await;
    answer(READER, "accept").await.expect(403);
    answer(PUBLISHER, "accept").await.expect(403);
    answer(ADMIN, "decline").await.expect(409);
    answer(ADMIN, "nonsense").await.expect(400);
    let accepted = answer(USER, "accept").await.expect(200);
    assert_eq!(
        (&accepted["state"], &accepted["history"][1]["by"], &accepted["actions"]),
        (&json!("accepted"), &json!("anna"), &json!(["resolve"]))
    );
    // The same again is the same.
    answer(USER, "accept").await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(answer(ADMIN, "resolve").await.expect(200)["state"], "resolved");
    let late = answer(USER, "accept").await.expect(409);
    assert!(late["error"]["message"].as_str().unwrap().contains("resolved already"), "{late}");
    let audit = world.get(ADMIN, "/watchbell/v1/audit?action=alert").await.expect(200);
    assert_eq!(audit["items"][0]["action"], "alert.answer");
}

#[tokio::test]
async fn an_alert_that_names_somebody_else_is_as_one_that_never_was() {
    let world = world().await;
    raise(&world, "A-1", &[world.ben]).await;
    let other = world.get(USER, "/watchbell/v1/alerts/A-1").await;
    let none = world.get(USER, "/watchbell/v1/alerts/A-2").await;
    assert_eq!((other.status.as_u16(), &other.text), (404, &none.text));
    world.call(USER, "POST", "/watchbell/v1/alerts/A-1/answer", &json!({ "action": "accept" })).await.expect(404);
    world.get(PUBLISHER, "/watchbell/v1/alerts/A-1").await.expect(403);
    world.get(ADMIN, "/watchbell/v1/alerts/A-2").await.expect(404);
}

#[tokio::test]
async fn preferences_are_what_holds_and_are_set_one_by_one() {
    let world = world().await.with_categories().await;
    let path = "/watchbell/v1/users/current/preferences";
    let all = async || world.get(USER, path).await.expect(200)["items"].clone();
    let handles = |items: &Value| items.as_array().unwrap().iter().map(|item| item["category"].clone()).collect::<Vec<_>>();
    let before = all().await;
    assert_eq!(handles(&before), [Value::Null, json!("chat.mention"), json!("chat.message"), json!("order.updated")]);
    assert_eq!(
        before[1],
        json!({ "category": "chat.mention", "name": "chat.mention", "set": false, "inApp": true, "email": false, "push": false, "digest": "instant" })
    );
    let rest = json!({ "inApp": false, "email": true, "push": false, "digest": "daily" });
    world.call(USER, "PUT", path, &rest).await.expect(200);
    let own = json!({ "category": "chat.message", "inApp": true, "email": false, "push": true, "digest": "instant" });
    assert_eq!(world.call(USER, "PUT", path, &own).await.expect(200)["set"], true);
    let after = all().await;
    assert_eq!(
        (&after[0]["set"], &after[1]["email"], &after[1]["set"], &after[2]["push"]),
        (&json!(true), &json!(true), &json!(false), &json!(true))
    );
    let table = [
        (json!({ "category": "nonsense", "inApp": true, "email": true, "push": true, "digest": "daily" }), "category"),
        (json!({ "inApp": true, "email": true, "digest": "daily" }), "push"),
        (json!({ "inApp": true, "email": true, "push": true, "digest": "weekly" }), "digest"),
        (json!({ "inApp": true, "email": true, "push": true, "digest": "daily", "sms": true }), "sms"),
    ];
    for (body, field) in table {
        assert_eq!(world.call(USER, "PUT", path, &body).await.expect(400)["error"]["field"], field, "{body}");
    }
    world.call(ADMIN, "PUT", &format!("/watchbell/v1/users/{}/preferences", world.ben), &rest).await.expect(200);
}

#[tokio::test]
async fn topics_are_listed_newest_first_and_deleted() {
    let world = world().await;
    for name in ["a", "b", "c"] {
        world.call(ADMIN, "PUT", &format!("/watchbell/v1/topics/{name}/users/{}", world.anna), &json!({})).await.expect(204);
        world.clock.advance(Duration::from_secs(1));
    }
    let first = world.get(READER, "/watchbell/v1/topics?limit=2").await.expect(200);
    assert_eq!((&first["items"][0]["name"], &first["items"][1]["name"]), (&json!("c"), &json!("b")));
    let next = first["nextCursor"].as_str().unwrap();
    let second = world.get(READER, &format!("/watchbell/v1/topics?limit=2&cursor={next}")).await.expect(200);
    assert_eq!(
        (second["items"].as_array().unwrap().len(), &second["items"][0]["name"], &second["nextCursor"]),
        (1, &json!("a"), &Value::Null)
    );
    world.call(ADMIN, "DELETE", "/watchbell/v1/topics/b", &Value::Null).await.expect(204);
    world.call(ADMIN, "DELETE", "/watchbell/v1/topics/b", &Value::Null).await.expect(404);
    world.get(READER, "/watchbell/v1/topics?cursor=b").await.expect(400);
}

#[tokio::test]
async fn how_things_stand_is_asked_no_more_often_than_it_changes() {
    let world = world().await;
    raise(&world, "A-1", &[world.anna]).await;
    let shown = world.get(READER, "/watchbell/v1/overview").await.expect(200);
    assert_eq!((&shown["waiting"][0]["rank"], &shown["waiting"][0]["due"], &shown["deadLetters"]), (&json!("high"), &json!(1), &json!(0)));
    assert_eq!(shown["waiting"][0]["dueSince"], "2026-11-20T08:00:00.000Z");
    // Whoever asks at once is told the same.
    raise(&world, "A-2", &[world.anna]).await;
    assert_eq!(world.get(ADMIN, "/watchbell/v1/overview").await.expect(200), shown);
}

#[tokio::test]
async fn a_telegram_link_can_be_read_by_a_phone() {
    let world = world().await;
    let link = world.call(USER, "POST", "/watchbell/v1/users/current/telegram-link", &json!({})).await.expect(201);
    assert!(link["qrSvg"].as_str().unwrap().contains("<svg"), "{link}");
    assert!(!link["qrSvg"].as_str().unwrap().contains("script"));
    // What browsers subscribe with is there where a provider has it.
    assert_eq!(world.get(USER, "/watchbell/v1/push-key").await.expect(200), json!({}));
}

#[tokio::test]
async fn a_number_with_its_country_needs_no_region() {
    let world = world().await;
    let add = async |target: &str| {
        world.call(USER, "POST", "/watchbell/v1/users/current/contacts", &json!({ "kind": "phone", "target": target })).await
    };
    assert_eq!(add("+4915112345678").await.expect(201)["regionCode"], "DE");
    assert_eq!(add("0151 12345678").await.expect(400)["error"]["field"], "regionCode");
    assert_eq!(add("+49").await.expect(400)["error"]["field"], "target");
}
