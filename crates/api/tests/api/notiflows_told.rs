//! Topics, channels, and what became of runs, on the Notiflows surface.

use serde_json::{Value, json};

use crate::harness::{ADMIN, World, world};
use crate::notiflows::{call, check, check_field, get};

fn of<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    list["items"].as_array().unwrap().iter().map(|item| item[name].as_str().unwrap_or_default()).collect()
}

/// All items of a list, page by page as a client reads them.
async fn walked(world: &World, path: &str) -> Vec<Value> {
    let sign = if path.contains('?') { '&' } else { '?' };
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(world, &format!("{path}{sign}limit=1{after}")).await.expect(200);
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["page"]["after"].as_str() else { return items };
        after = format!("&after={}", url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>());
        assert_eq!(page["page"]["has_more_after"], true);
    }
}

#[tokio::test]
async fn topics_have_subscriptions_that_are_made_listed_and_ended() {
    let world = world().await.with_categories().await;
    let path = "/admin/users/ext-anna/subscriptions";
    let made = call(&world, "POST", path, &json!({ "topic_name": "storms" })).await.expect(201);
    assert_eq!((&made["topic_name"], &made["created_at"]), (&json!("storms"), &json!("2026-11-20T08:00:00.000Z")));
    let user = get(&world, "/admin/users/ext-anna").await.expect(200)["id"].clone();
    assert_eq!(made["user_id"], user);
    world.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(call(&world, "POST", path, &json!({ "topic_name": "storms" })).await.expect(200), made, "the same again");
    assert_eq!(get(&world, &format!("{path}/storms")).await.expect(200), made);
    // The same members as on Watchbell's own surface, and a name that has to be encoded.
    world.call(ADMIN, "PUT", "/watchbell/v1/topics/a%2Fb-c/users", &json!({ "users": [world.anna, world.ben] })).await.expect(204);
    assert_eq!(of(&get(&world, path).await.expect(200), "topic_name"), ["a/b-c", "storms"], "newest first");
    assert_eq!(walked(&world, path).await.len(), 2);
    assert_eq!(of(&get(&world, &format!("{path}?created_before=2026-11-20T08:00:00.500Z")).await.expect(200), "topic_name"), ["storms"]);
    assert_eq!(walked(&world, "/admin/topics").await.iter().map(|topic| &topic["name"]).collect::<Vec<_>>(), ["a/b-c", "storms"]);
    assert_eq!(get(&world, "/admin/topics/a%2Fb-c").await.expect(200)["created_at"], "2026-11-20T08:00:01.000Z");
    assert_eq!(walked(&world, "/admin/topics/a%2Fb-c/subscriptions").await.len(), 2);

    let bulk = json!({ "user_external_ids": ["ext-ben", "nobody", "ext-anna"] });
    let outcome = call(&world, "POST", "/admin/topics/storms/subscriptions", &bulk).await.expect(207);
    assert_eq!(outcome["failed"], json!([{ "external_id": "nobody", "reason": "User not found" }]));
    assert_eq!(outcome["successful"].as_array().unwrap().len(), 2);
    assert!(outcome["successful"].as_array().unwrap().contains(&made), "who is subscribed already stays so");
    let both = json!({ "user_external_ids": ["ext-anna", "ext-ben"] });
    call(&world, "POST", "/admin/topics/storms/subscriptions", &both).await.expect(200);
    call(&world, "DELETE", "/admin/topics/storms/subscriptions", &json!({ "user_external_ids": ["ext-ben"] })).await.expect(200);
    let again = call(&world, "DELETE", "/admin/topics/storms/subscriptions", &both).await.expect(207);
    assert_eq!(again["failed"], json!([{ "external_id": "ext-ben", "reason": "User is not subscribed" }]));
    assert_eq!(again["successful"][0]["user_id"], user);
    // Nobody is left, and the topic is there all the same.
    get(&world, "/admin/topics/storms").await.expect(200);
    let gone = json!({ "resource": "subscription", "id": "storms" });
    for method in ["GET", "DELETE"] {
        check(&call(&world, method, &format!("{path}/storms"), &json!({})).await, 404, "not_found", &gone);
    }
    call(&world, "DELETE", "/admin/topics/a%2Fb-c", &json!({})).await.expect(204);
    check(&get(&world, "/admin/topics/a%2Fb-c").await, 404, "not_found", &json!({ "resource": "topic", "id": "a/b-c" }));
    assert_eq!(get(&world, path).await.expect(200)["items"], json!([]));
    call(&world, "DELETE", "/admin/topics/a%2Fb-c", &json!({})).await.expect(404);

    check_field(&call(&world, "POST", path, &json!({})).await, "topic_name", "required");
    check_field(
        &call(&world, "POST", "/admin/topics/t/subscriptions", &json!({ "user_external_ids": [1] })).await,
        "user_external_ids[0]",
        "invalid_type",
    );
    check_field(&call(&world, "POST", "/admin/topics/t/subscriptions", &json!({})).await, "user_external_ids", "required");
    for query in ["after=x", "before=1", "after=1-2"] {
        get(&world, &format!("{path}?{query}")).await.expect(400);
    }
    check(
        &call(&world, "POST", "/admin/users/nobody/subscriptions", &json!({ "topic_name": "t" })).await,
        404,
        "not_found",
        &json!({ "resource": "user", "id": "nobody" }),
    );
}

#[tokio::test]
async fn a_channel_s_settings_are_devices_or_slack_contacts() {
    let world = world().await.with_categories().await;
    let fcm = "/admin/users/ext-anna/channel-settings/fcm";
    check(&get(&world, fcm).await, 404, "not_found", &json!({ "resource": "channel settings", "id": "fcm" }));
    check(&get(&world, &fcm.replace("fcm", "fax")).await, 404, "not_found", &json!({ "resource": "channel", "id": "fax" }));
    let put = async |path: &str, settings: Value| call(&world, "PUT", path, &json!({ "settings": settings })).await;
    let made = put(fcm, json!({ "device_tokens": ["one", "two"] })).await.expect(200);
    assert_eq!(
        (&made["provider"], &made["channel_id"], &made["settings"]),
        (&json!("fcm"), &json!("fcm"), &json!({ "device_tokens": ["one", "two"] }))
    );
    // They replace those that were there; the devices are Watchbell's own.
    let before = world.get(ADMIN, &format!("/watchbell/v1/users/{}/devices", world.anna)).await.expect(200);
    world.clock.advance(std::time::Duration::from_secs(9));
    let changed = put(fcm, json!({ "device_tokens": ["two", "three"] })).await.expect(200);
    assert_eq!(changed["settings"], json!({ "device_tokens": ["two", "three"] }));
    assert_eq!((&changed["created_at"], &changed["updated_at"]), (&json!("2026-11-20T08:00:00.000Z"), &json!("2026-11-20T08:00:09.000Z")));
    let after = world.get(ADMIN, &format!("/watchbell/v1/users/{}/devices", world.anna)).await.expect(200);
    assert_eq!(after["items"][0], before["items"][1]);
    assert_eq!(get(&world, fcm).await.expect(200), changed);
    put(&fcm.replace("fcm", "apns"), json!({ "device_tokens": ["ab".repeat(32)] })).await.expect(200);
    assert_eq!(get(&world, fcm).await.expect(200), changed, "each kind has its own");
    check_field(&put(fcm, json!({ "device_tokens": [] })).await, "settings.device_tokens", "required");
    check_field(&put(fcm, json!({ "device_tokens": ["a b"] })).await, "settings.device_tokens[0].token", "invalid");
    check_field(&put(&fcm.replace("fcm", "apns"), json!({ "device_tokens": ["zz"] })).await, "settings.device_tokens[0].token", "invalid");
    call(&world, "DELETE", fcm, &json!({})).await.expect(204);
    call(&world, "DELETE", fcm, &json!({})).await.expect(404);
    get(&world, &fcm.replace("fcm", "apns")).await.expect(200);

    let slack = fcm.replace("fcm", "slack");
    let both = json!({ "slack_channel_id": "C0123456789", "slack_user_id": "U0123456789" });
    assert_eq!(put(&slack, both.clone()).await.expect(200)["settings"], both);
    let contacts = format!("/watchbell/v1/users/{}/contacts?kind=slack", world.anna);
    let ids = async || {
        let items = world.get(ADMIN, &contacts).await.expect(200)["items"].as_array().unwrap().clone();
        items.iter().map(|contact| (contact["id"].clone(), contact["target"].clone())).collect::<Vec<_>>()
    };
    let first = ids().await;
    // A contact that moves keeps its id, for rules that name it; what is not given is gone.
    assert_eq!(
        put(&slack, json!({ "slack_user_id": "U0000000001" })).await.expect(200)["settings"],
        json!({ "slack_user_id": "U0000000001" })
    );
    assert_eq!(ids().await, [(first[1].0.clone(), json!("U0000000001"))]);
    check_field(&put(&slack, json!({})).await, "settings.slack_channel_id", "required");
    check_field(&put(&slack, json!({ "slack_channel_id": "U0123456789" })).await, "settings.slack_channel_id", "invalid");
    check_field(&put(&slack, json!({ "slack_user_id": "#ops" })).await, "settings.slack_user_id", "invalid");
    // Settings may come with the user.
    let with = json!({ "channel_settings": [{ "channel_id": "fcm", "settings": { "device_tokens": ["four"] } }] });
    call(&world, "PUT", "/admin/users/new", &with).await.expect(201);
    assert_eq!(get(&world, "/admin/users/new/channel-settings/fcm").await.expect(200)["settings"]["device_tokens"], json!(["four"]));
}

#[tokio::test]
async fn a_run_s_notifications_and_deliveries_are_read() {
    let world = world().await.with_categories().await;
    call(&world, "POST", "/admin/topics/storms/subscriptions", &json!({ "user_external_ids": ["ext-anna"] })).await.expect(200);
    let data = json!({ "title": "Order 7", "message": "Shipped", "order": { "id": 7, "odd": "a\\b" } });
    let body = json!({ "recipients": ["ext-anna", "ext-ben"], "data": data, "actor": { "external_id": "ext-ben" } });
    let run = call(&world, "POST", "/admin/notiflows/chat.message/run", &body).await.expect(200)["notiflow_run_id"].clone();
    world.clock.advance(std::time::Duration::from_secs(1));
    let body = json!({ "topic": "storms", "data": { "title": "Storm" } });
    let second = call(&world, "POST", "/admin/notiflows/order.updated/run", &body).await.expect(200)["notiflow_run_id"].clone();
    while world.store.fan_out().await.unwrap() {}
    // Of no notiflow, so none of this surface's.
    let plain = json!({ "id": "1", "type": "watchbell.events.subscription", "title": "t", "message": "m", "users": [world.anna] });
    world.call(ADMIN, "POST", "/watchbell/v1/events", &plain).await.expect(202);

    let all = walked(&world, "/admin/notifications").await;
    let runs: Vec<&Value> = all.iter().map(|one| &one["notiflow_run_id"]).collect();
    assert_eq!(runs, [&second, &run, &run], "newest first");
    let anna = get(&world, "/admin/users/ext-anna").await.expect(200);
    let ben = get(&world, "/admin/users/ext-ben").await.expect(200);
    let category = world.store.category("chat.message").await.unwrap().unwrap();
    let first = &all[2];
    assert_eq!((&first["recipient"], &first["actor"], &first["data"]), (&anna, &ben, &data));
    assert_eq!((&first["notiflow_id"], &first["notiflow_handle"]), (&json!(category.id), &json!("chat.message")));
    assert_eq!((&first["status"], &first["topic"]), (&json!("processed"), &Value::Null));
    assert_eq!((&all[0]["topic"], &all[0]["actor"], &all[0]["recipient"]), (&json!("storms"), &Value::Null, &anna));
    let id = first["id"].as_str().unwrap();
    assert_eq!(get(&world, &format!("/admin/notifications/{id}")).await.expect(200), *first);
    assert_eq!(get(&world, &format!("/admin/users/ext-anna/notifications/{id}")).await.expect(200), *first);
    get(&world, &format!("/admin/users/ext-ben/notifications/{id}")).await.expect(404);
    assert_eq!(walked(&world, "/admin/users/ext-ben/notifications").await, [all[1].clone()]);
    assert_eq!(walked(&world, "/admin/notifications?topic=storms").await, [all[0].clone()]);
    assert_eq!(walked(&world, "/admin/notifications?status=processed").await.len(), 3);
    for none in ["status=failed", "status=pending", "topic=floods", "created_after=2027-01-01T00:00:00Z"] {
        assert_eq!(get(&world, &format!("/admin/notifications?{none}")).await.expect(200)["items"], json!([]), "{none}");
    }

    let deliveries = walked(&world, "/admin/deliveries").await;
    assert_eq!(deliveries.len(), 3, "in-app needs no rule: {deliveries:#?}");
    let delivery = deliveries.last().unwrap();
    assert_eq!(
        (&delivery["notification_id"], &delivery["channel_type"], &delivery["status"]),
        (&json!(id), &json!("in_app"), &json!("pending"))
    );
    assert_eq!(delivery["data"], json!({ "title": "Order 7", "body": "Shipped", "url": null }));
    assert_eq!((&delivery["recipient"], &delivery["actor"], &delivery["sent_at"]), (&anna, &ben, &Value::Null));
    assert_eq!(get(&world, &format!("/admin/notifications/{id}/deliveries")).await.expect(200)["items"], json!([delivery]));
    let one = delivery["id"].as_str().unwrap();
    assert_eq!(get(&world, &format!("/admin/v1/deliveries/{one}")).await.expect(200), *delivery);
    assert_eq!(get(&world, &format!("/admin/users/ext-anna/deliveries/{one}")).await.expect(200), *delivery);
    get(&world, &format!("/admin/users/ext-ben/deliveries/{one}")).await.expect(404);
    assert_eq!(walked(&world, "/admin/users/ext-anna/deliveries").await.len(), 2);
    assert_eq!(walked(&world, "/admin/deliveries?status=pending&topic=storms").await.len(), 1);
    assert_eq!(get(&world, "/admin/deliveries?status=sent").await.expect(200)["items"], json!([]));
    assert_eq!(get(&world, "/admin/deliveries?channel_id=none").await.expect(200)["items"], json!([]));
    for path in ["deliveries/nothing", "notifications/nothing", "notifications/A-1-2-3", "notifications/nothing/deliveries"] {
        check(
            &get(&world, &format!("/admin/{path}")).await,
            404,
            "not_found",
            &json!({
                "resource": if path.starts_with('d') { "delivery" } else { "notification" },
                "id": path.split('/').nth(1).unwrap(),
            }),
        );
    }
    for query in ["status=gone", "after=x", "before=x-y", "limit=0", "created_after=x"] {
        let answer = get(&world, &format!("/admin/deliveries?{query}")).await;
        check(&answer, 400, "bad_request", &json!({ "reason": "invalid_param", "param": query.split('=').next().unwrap() }));
    }
    // Who was deleted is told of no more; a notiflow that was is known by its handle.
    world.store.delete_user(watchbell_store::access::Actor::System, watchbell_core::UserId(world.ben)).await.unwrap();
    world.store.delete_category(watchbell_store::access::Actor::System, "chat.message").await.unwrap();
    let left = walked(&world, "/admin/notifications").await;
    assert_eq!(left.len(), 2);
    assert_eq!((&left[1]["notiflow_id"], &left[1]["actor"]), (&json!("chat.message"), &Value::Null));
}
