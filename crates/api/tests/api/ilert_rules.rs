//! Rules on the ilert surface.

use serde_json::{Value, json};

use crate::harness::{ADMIN, World, world};

async fn post(world: &World, kind: &str, body: &Value) -> crate::harness::Answer {
    world.call(ADMIN, "POST", &world.anna(&format!("notification-preferences/{kind}")), body).await
}

#[tokio::test]
async fn each_kind_takes_its_own_methods_and_contacts() {
    let world = world().await;
    let (email, phone) = (world.email().await, world.phone("0151 12345678").await);
    let table = [
        ("EMAIL", Some(email), &["alerts", "duties", "updates", "subscriptions"][..]),
        ("SMS", Some(phone), &["alerts", "duties", "updates", "subscriptions"]),
        ("PUSH", None, &["alerts", "duties", "updates", "subscriptions"]),
        ("VOICE", Some(phone), &["alerts"]),
        ("WHATSAPP", Some(phone), &["alerts", "duties", "updates"]),
        ("TELEGRAM", Some(phone), &["alerts", "duties", "updates"]),
    ];
    for (method, contact, kinds) in table {
        for kind in ["alerts", "duties", "updates", "subscriptions"] {
            let mut body = json!({ "method": method });
            if let Some(contact) = contact {
                body["contact"] = json!({ "id": contact });
            }
            match kind {
                "alerts" => body["type"] = "HIGH_PRIORITY".into(),
                "updates" => body["type"] = "ALERT_RESOLVED".into(),
                _ => {}
            }
            let answer = post(&world, kind, &body).await;
            if !kinds.contains(&kind) {
                let message = answer.expect(400)["message"].to_string();
                assert!(message.contains("method") && message.contains("EMAIL"), "{message}");
                continue;
            }
            let made = answer.expect(201);
            assert_eq!(made["method"], method);
            assert_eq!(made["contact"]["id"], contact.map_or(Value::Null, Value::from), "{made}");
            assert_eq!(made.get("contact").is_some(), contact.is_some(), "PUSH has no contact, not even null");
            // The other kind of contact, and none at all.
            let wrong = if contact == Some(email) { phone } else { email };
            body["contact"] = json!({ "id": wrong });
            assert!(post(&world, kind, &body).await.expect(400)["message"].as_str().unwrap().contains("contact"));
            body["contact"] = Value::Null;
            post(&world, kind, &body).await.expect(if contact.is_some() { 400 } else { 201 });
        }
    }
}

#[tokio::test]
async fn a_contact_is_named_by_id_or_by_its_target() {
    let world = world().await;
    let phone = world.phone("0151 12345678").await;
    let ben = world.get(ADMIN, &format!("/api/users/{}/contacts/emails", world.ben)).await.expect(200)[0]["id"].clone();
    let table = [
        (json!({ "id": phone }), 201),
        (json!({ "id": phone, "target": "ignored", "status": "LOCKED" }), 201),
        (json!({ "target": "0151 12345678" }), 201),
        (json!({ "target": "0151 11111111" }), 400),
        (json!({}), 400),
        (json!({ "id": null }), 400),
        (json!({ "id": phone.to_string() }), 400),
        (json!({ "id": 1.5 }), 400),
        (json!({ "id": 9e30 }), 400),
        (json!({ "id": -1 }), 400),
        (json!([]), 400),
        (json!(phone), 400),
        (json!({ "id": 999_999 }), 404),
        (json!({ "id": ben }), 404),
    ];
    for (contact, status) in table {
        let body = json!({ "method": "SMS", "contact": contact, "type": "HIGH_PRIORITY" });
        let answer = post(&world, "alerts", &body).await.expect(status);
        if status == 201 {
            assert_eq!(answer["contact"]["target"], "+4915112345678");
            assert_eq!(answer["contact"]["regionCode"], "DE");
        } else {
            assert!(answer["message"].as_str().unwrap().contains("contact"), "{answer}");
        }
    }
}

#[tokio::test]
async fn ranges_and_enums_are_checked() {
    let world = world().await;
    let contact = json!({ "id": world.email().await });
    let rule = |more: Value| {
        let mut body = json!({ "method": "EMAIL", "contact": contact });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let table = [
        ("alerts", json!({ "type": "HIGH_PRIORITY" }), 201),
        ("alerts", json!({ "type": "LOW_PRIORITY", "delayMin": 120 }), 201),
        ("alerts", json!({ "type": "LOW_PRIORITY", "delayMin": 121 }), 400),
        ("alerts", json!({ "type": "LOW_PRIORITY", "delayMin": -1 }), 400),
        ("alerts", json!({ "type": "LOW_PRIORITY", "delayMin": "5" }), 400),
        ("alerts", json!({ "type": "LOW_PRIORITY", "delayMin": 0.5 }), 400),
        ("alerts", json!({}), 400),
        ("alerts", json!({ "type": null }), 400),
        ("alerts", json!({ "type": "high_priority" }), 400),
        ("alerts", json!({ "type": 1 }), 400),
        ("alerts", json!({ "type": "HIGH_PRIORITY", "method": null }), 400),
        ("alerts", json!({ "type": "HIGH_PRIORITY", "method": "FAX" }), 400),
        // Null would be read as 0, which nobody means by it.
        ("alerts", json!({ "type": "HIGH_PRIORITY", "delayMin": null }), 400),
        ("duties", json!({ "type": null }), 400),
        ("duties", json!({ "beforeMin": null }), 400),
        ("duties", json!({ "type": "ON_CALL", "beforeMin": 1440 }), 201),
        ("duties", json!({ "beforeMin": 15 }), 201),
        ("duties", json!({ "beforeMin": 20 }), 400),
        ("duties", json!({ "beforeMin": 1441 }), 400),
        ("duties", json!({ "beforeMin": true }), 400),
        ("duties", json!({ "type": "OFF_CALL" }), 400),
        ("updates", json!({ "type": "ALERT_ESCALATED" }), 201),
        ("updates", json!({ "type": "HIGH_PRIORITY" }), 400),
        ("updates", json!({}), 400),
        ("subscriptions", json!({}), 201),
    ];
    for (kind, more, status) in table {
        let answer = post(&world, kind, &rule(more.clone())).await.expect(status);
        if status == 400 {
            let field = more.as_object().unwrap().keys().next_back().map_or("type", String::as_str);
            assert!(answer["message"].as_str().unwrap().contains("must be"), "{answer}");
            assert!(answer["message"].as_str().unwrap().starts_with(field) || field == "type", "{field}: {answer}");
        }
    }
    let shown = world.get(ADMIN, &world.anna("notification-preferences/alerts")).await.expect(200);
    let delays: Vec<&Value> = shown.as_array().unwrap().iter().map(|rule| &rule["delayMin"]).collect();
    assert_eq!(delays, [0, 120]);
}

#[tokio::test]
async fn a_rule_is_there_only_under_its_kind_and_user() {
    let world = world().await;
    let made = post(&world, "alerts", &json!({ "method": "PUSH", "type": "HIGH_PRIORITY" })).await.expect(201);
    let id = made["id"].as_i64().unwrap();
    for path in [
        world.anna(&format!("notification-preferences/duties/{id}")),
        format!("/api/users/{}/notification-preferences/alerts/{id}", world.ben),
    ] {
        world.get(ADMIN, &path).await.expect(404);
        world
            .call(
                ADMIN,
                "PUT",
                &path,
                &json!({ "method": "PUSH", "type": if path.contains("alerts") { "LOW_PRIORITY" } else { "ON_CALL" } }),
            )
            .await
            .expect(404);
        world.raw(ADMIN, "DELETE", &path, "").await.expect(404);
    }
    assert_eq!(world.get(ADMIN, &world.anna(&format!("notification-preferences/alerts/{id}"))).await.expect(200), made);
}

#[tokio::test]
async fn put_replaces_the_whole_rule() {
    let world = world().await;
    let rule = json!({ "method": "EMAIL", "contact": { "id": world.email().await }, "type": "LOW_PRIORITY", "delayMin": 7 });
    let made = post(&world, "alerts", &rule).await.expect(201);
    let path = world.anna(&format!("notification-preferences/alerts/{}", made["id"]));
    let replaced = world.call(ADMIN, "PUT", &path, &json!({ "method": "PUSH", "type": "HIGH_PRIORITY" })).await.expect(200);
    assert_eq!(replaced, json!({ "id": made["id"], "method": "PUSH", "type": "HIGH_PRIORITY", "delayMin": 0 }));
    world.raw(ADMIN, "PUT", &path, "").await.expect(400);
}
