//! Categories: what events are of, and where it goes without any rule.

use serde_json::json;

use crate::harness::{ADMIN, READER, world};

const PATH: &str = "/watchbell/v1/categories/order.updated";

#[tokio::test]
async fn a_category_is_made_changed_and_deleted() {
    let world = world().await;
    let body = json!({ "name": "Orders", "defaultChannels": ["email", "sms", "email"] });
    let made = world.call(ADMIN, "PUT", PATH, &body).await.expect(201);
    assert_eq!((&made["handle"], &made["name"]), (&json!("order.updated"), &json!("Orders")));
    assert_eq!(made["defaultChannels"], json!(["email", "sms"]));
    let changed = world.call(ADMIN, "PUT", PATH, &json!({})).await.expect(200);
    assert_eq!((&changed["id"], &changed["name"], &changed["defaultChannels"]), (&made["id"], &json!("order.updated"), &json!([])));
    let id = made["id"].as_str().unwrap_or_default();
    for named in ["order.updated", id] {
        let shown = world.call(READER, "GET", &format!("/watchbell/v1/categories/{named}"), &json!(null)).await.expect(200);
        assert_eq!(shown, changed);
    }
    assert_eq!(world.call(READER, "GET", "/watchbell/v1/categories", &json!(null)).await.expect(200)["items"], json!([changed]));
    world.call(ADMIN, "DELETE", PATH, &json!(null)).await.expect(204);
    world.call(ADMIN, "DELETE", PATH, &json!(null)).await.expect(404);
    world.call(READER, "GET", PATH, &json!(null)).await.expect(404);
}

#[tokio::test]
async fn what_is_no_category_is_refused() {
    let world = world().await;
    let table = [
        json!({ "name": "" }),
        json!({ "name": 7 }),
        json!({ "defaultChannels": "email" }),
        json!({ "defaultChannels": ["pigeon"] }),
        json!({ "defaultChannels": [7] }),
        json!({ "defaultChannels": vec!["email"; watchbell_core::Channel::ALL.len() + 1] }),
        json!({ "channels": [] }),
    ];
    for body in table {
        world.call(ADMIN, "PUT", PATH, &body).await.expect(400);
    }
    for handle in ["a%20b", "%00", "a%2Fb", &"a".repeat(256)] {
        world.call(ADMIN, "PUT", &format!("/watchbell/v1/categories/{handle}"), &json!({})).await.expect(400);
    }
    assert_eq!(world.call(ADMIN, "GET", "/watchbell/v1/categories", &json!(null)).await.expect(200)["items"], json!([]));
}
