//! The Notiflows surface: its pair of headers, its errors, users and switches.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, PUBLIC_KEY, SECRET_KEY, World, world};

/// A call with a pair of keys.
pub async fn call_as(world: &World, pair: (&str, &str), method: &str, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("x-notiflows-api-key", pair.0).header("x-notiflows-secret-key", pair.1);
    let answer = world.send(request.body(body.into()).unwrap()).await;
    assert!(answer.header("x-request-id").starts_with("req_"), "every answer has one: {method} {path} {}", answer.text);
    answer
}

pub async fn call(world: &World, method: &str, path: &str, body: &Value) -> Answer {
    call_as(world, (PUBLIC_KEY, SECRET_KEY), method, path, body.to_string()).await
}

pub async fn get(world: &World, path: &str) -> Answer {
    call_as(world, (PUBLIC_KEY, SECRET_KEY), "GET", path, "").await
}

/// A pair made as an operator makes one.
pub async fn pair(world: &World, body: &Value) -> (String, String) {
    let made = world.call(ADMIN, "POST", "/watchbell/v1/keys", body).await.expect(201);
    (made["publicKey"].as_str().unwrap().to_owned(), made["secretKey"].as_str().unwrap().to_owned())
}

/// Checks an error's form and details.
#[track_caller]
pub fn check(answer: &Answer, status: u16, code: &str, details: &Value) {
    let body = answer.expect(status);
    let error = body["error"].as_object().unwrap_or_else(|| panic!("{body}"));
    let mut keys: Vec<&str> = error.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "details", "message", "request_id", "status", "type"], "{body}");
    assert_eq!((&error["code"], &error["status"], &error["details"]), (&json!(code), &json!(status), details), "{body}");
    assert!(error["type"].as_str().is_some_and(|kind| kind.starts_with("https://") && kind.ends_with(&format!("/errors/{code}"))));
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(error["request_id"], answer.header("x-request-id"));
}

/// The details of a field that is wrong; its message is left to people.
#[track_caller]
pub fn check_field(answer: &Answer, field: &str, reason: &str) {
    let fields = answer.expect(400)["error"]["details"]["fields"].clone();
    assert_eq!((&fields[0]["field"], &fields[0]["reason"]), (&json!(field), &json!(reason)), "{}", answer.text);
    assert!(fields[0]["message"].as_str().is_some_and(|text| !text.is_empty()));
    check(answer, 400, "bad_request", &json!({ "fields": fields }));
}

#[tokio::test]
async fn a_pair_is_made_once_shown_once_and_both_of_its_parts_are_needed() {
    let world = world().await.with_categories().await;
    let made = world.call(ADMIN, "POST", "/watchbell/v1/keys", &json!({ "name": "shop", "role": "admin", "pair": true })).await.expect(201);
    let (public, secret) = (made["publicKey"].as_str().unwrap(), made["secretKey"].as_str().unwrap());
    assert!(public.starts_with("pk_") && secret.starts_with("sk_") && secret.len() > 40, "{made}");
    assert_eq!((made["role"].as_str(), made.get("key")), (Some("admin"), None));
    let listed = world.get(ADMIN, "/watchbell/v1/keys").await;
    assert!(listed.text.contains(public) && !listed.text.contains(secret));
    let single = world.call(ADMIN, "POST", "/watchbell/v1/keys", &json!({ "name": "x", "role": "admin" })).await.expect(201);
    let other = pair(&world, &json!({ "name": "other", "role": "admin", "pair": true })).await;
    call_as(&world, (public, secret), "GET", "/admin/users", "").await.expect(200);
    let table = [
        (public, "sk_wrong"),
        ("pk_wrong", secret),
        (other.0.as_str(), secret),
        (public, other.1.as_str()),
        ("", secret),
        (public, ""),
        ("", ""),
        (secret, public),
        // A key that is none of a pair.
        (public, single["key"].as_str().unwrap()),
        ("", single["key"].as_str().unwrap()),
    ];
    for (public, secret) in table {
        check(&call_as(&world, (public, secret), "GET", "/admin/users", "").await, 401, "unauthenticated", &json!({}));
    }
    // Its secret alone opens nothing, and another surface's form is none here.
    world.get(secret, "/watchbell/v1/keys").await.expect(401);
    let answer = world.get(ADMIN, "/admin/users").await;
    check(&answer, 401, "unauthenticated", &json!({}));
    world.raw(ADMIN, "DELETE", &format!("/watchbell/v1/keys/{}", made["id"]), "").await.expect(204);
    check(&call_as(&world, (public, secret), "GET", "/admin/users", "").await, 401, "unauthenticated", &json!({}));
}

#[tokio::test]
async fn a_pair_s_role_decides_what_it_may() {
    let world = world().await.with_categories().await;
    let made = async |role: &str| pair(&world, &json!({ "name": role, "role": role, "user": world.anna, "pair": true })).await;
    let (reader, user, publisher) = (made("reader").await, made("user").await, made("publisher").await);
    let run = "/admin/notiflows/chat.message/run";
    let table: [(&str, &str, &str, [bool; 3]); 24] = [
        // What reader, user and publisher may.
        ("GET", "/admin/users", "users:read", [true, false, false]),
        ("GET", "/admin/users/ext-anna", "users:read", [true, true, false]),
        ("GET", "/admin/users/ext-ben", "users:read", [true, false, false]),
        ("PUT", "/admin/users/ext-anna", "users:write", [false, false, false]),
        ("PUT", "/admin/users/nobody", "users:write", [false, false, false]),
        ("DELETE", "/admin/users/ext-ben", "users:write", [false, false, false]),
        ("GET", "/admin/users/ext-anna/preferences", "preferences:read", [true, true, false]),
        ("PUT", "/admin/users/ext-anna/preferences", "preferences:write", [false, true, false]),
        ("PUT", "/admin/users/ext-ben/preferences", "preferences:write", [false, false, false]),
        ("GET", "/admin/users/nobody", "users:read", [true, false, false]),
        ("POST", run, "notiflows:run", [false, false, true]),
        ("GET", "/admin/topics", "topics:read", [true, false, false]),
        ("GET", "/admin/topics/none", "topics:read", [true, false, false]),
        ("DELETE", "/admin/topics/none", "topics:write", [false, false, false]),
        ("GET", "/admin/topics/none/subscriptions", "subscriptions:read", [true, false, false]),
        ("POST", "/admin/topics/none/subscriptions", "subscriptions:write", [false, false, false]),
        ("GET", "/admin/users/ext-anna/subscriptions", "subscriptions:read", [true, true, false]),
        // Or else it would read what is meant for others.
        ("POST", "/admin/users/ext-anna/subscriptions", "subscriptions:write", [false, false, false]),
        ("DELETE", "/admin/users/ext-anna/subscriptions/none", "subscriptions:write", [false, false, false]),
        ("GET", "/admin/users/ext-anna/channel-settings/fcm", "channel_settings:read", [true, true, false]),
        ("GET", "/admin/users/ext-ben/channel-settings/fcm", "channel_settings:read", [true, false, false]),
        ("GET", "/admin/users/ext-anna/deliveries", "deliveries:read", [true, true, false]),
        ("GET", "/admin/deliveries", "deliveries:read", [true, false, false]),
        ("GET", "/admin/notifications", "notifications:read", [true, false, false]),
    ];
    for (method, path, scope, may) in table {
        for (pair, may) in [&reader, &user, &publisher].into_iter().zip(may) {
            let answer = call_as(&world, (&pair.0, &pair.1), method, path, r#"{"recipients":["ext-anna"]}"#).await;
            if may {
                assert!(matches!(answer.status.as_u16(), 200 | 404), "{method} {path}: {}", answer.text);
            } else {
                check(&answer, 403, "forbidden", &json!({ "required_scope": scope }));
            }
        }
    }
    // A publisher does not make users, whose addresses would be used unverified.
    let answer = call_as(&world, (&publisher.0, &publisher.1), "POST", run, r#"{"recipients":["ext-anna","new"]}"#).await;
    check(&answer, 403, "forbidden", &json!({ "required_scope": "users:write" }));
    get(&world, "/admin/users/new").await.expect(404);
}

#[tokio::test]
async fn a_user_is_made_changed_read_and_deleted() {
    let world = world().await.with_categories().await;
    let path = "/admin/users/shop%2F7%20%C3%A4";
    let body = json!({
        "email": "cleo@example.org", "phone": "+49 151 12345678", "first_name": "Cleo", "last_name": "C", "locale": "de-AT",
        "timezone": "Europe/Vienna", "custom_fields": { "plan": "pro", "seats": { "used": 1, "of": 5 } },
        "avatar": "https://example.org/c.png", "channel_settings": [],
    });
    let made = call(&world, "PUT", path, &body).await.expect(201);
    let expected = json!({
        "id": made["id"], "external_id": "shop/7 ä", "email": "cleo@example.org", "phone": "+4915112345678", "first_name": "Cleo",
        "last_name": "C", "avatar": "https://example.org/c.png", "locale": "de-AT", "timezone": "Europe/Vienna",
        "custom_fields": { "plan": "pro", "seats": { "used": 1, "of": 5 } },
        "created_at": "2026-11-20T08:00:00.000Z", "updated_at": "2026-11-20T08:00:00.000Z",
    });
    assert_eq!(made, expected);
    assert_eq!(get(&world, path).await.expect(200), made);
    assert_eq!(get(&world, &path.replace("/admin/", "/admin/v1/")).await.expect(200), made, "mounted twice");
    // Only what is given changes; custom fields deeply.
    let change = json!({ "last_name": "D", "custom_fields": { "seats": { "used": 2 } }, "first_name": null });
    let changed = call(&world, "PUT", path, &change).await.expect(200);
    assert_eq!((&changed["first_name"], &changed["last_name"], &changed["email"]), (&json!("Cleo"), &json!("D"), &made["email"]));
    assert_eq!(changed["custom_fields"], json!({ "plan": "pro", "seats": { "used": 2, "of": 5 } }));
    assert_eq!(changed["id"], made["id"]);
    // New addresses take the place of those before; the same again changes nothing.
    for _ in 0..2 {
        let moved = call(&world, "PUT", path, &json!({ "email": "c@example.org", "phone": "+1 415 555 2671" })).await.expect(200);
        assert_eq!((&moved["email"], &moved["phone"]), (&json!("c@example.org"), &json!("+14155552671")));
    }
    // Preferences may come along.
    let with = json!({ "preferences": { "channel_types": { "sms": false } } });
    call(&world, "PUT", path, &with).await.expect(200);
    assert_eq!(get(&world, &format!("{path}/preferences")).await.expect(200)["channel_types"]["sms"], false);
    let deleted = call(&world, "DELETE", path, &json!({})).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    let gone = json!({ "resource": "user", "id": "shop/7 ä" });
    for method in ["GET", "DELETE"] {
        let answer = call(&world, method, path, &json!({})).await;
        check(&answer, 404, "not_found", &gone);
        assert_eq!(answer.json()["error"]["message"], "User not found");
    }
    check(&call(&world, "PUT", &format!("{path}/preferences"), &json!({})).await, 404, "not_found", &gone);
    // An id that is, or will be, another user's number is none; nor is another one's public id.
    for id in [world.anna.to_string(), "4711".to_owned(), "-7".to_owned(), "%205".to_owned()] {
        let refused = call(&world, "PUT", &format!("/admin/users/{id}"), &json!({})).await.expect(400);
        assert!(refused["error"]["message"].as_str().unwrap().contains("user-42"), "{refused}");
    }
    // A user of nothing but an id.
    let plain = call(&world, "PUT", "/admin/users/user-4711", &json!({})).await.expect(201);
    let nothing = (&plain["email"], &plain["phone"], &plain["first_name"], &plain["locale"], &plain["timezone"]);
    assert_eq!(nothing, (&Value::Null, &Value::Null, &Value::Null, &json!("en"), &json!("UTC")));
    assert_eq!(plain["external_id"], "user-4711");
    // Who was made elsewhere without an external id has one here all the same.
    let body = json!({ "username": "dora" });
    let dora = world.call(ADMIN, "POST", "/api/users", &body).await.expect(201)["id"].as_i64().unwrap();
    let public = world.get(ADMIN, &format!("/watchbell/v1/users/{dora}")).await.expect(200)["publicId"].as_str().unwrap().to_owned();
    assert_eq!(get(&world, &format!("/admin/users/{public}")).await.expect(200)["external_id"], public.as_str());
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let world = world().await.with_categories().await;
    let path = "/admin/users/ext-anna";
    let before = get(&world, path).await.expect(200);
    let table = [
        (json!({ "email": "nobody" }), "email", "invalid"),
        (json!({ "email": 5 }), "email", "invalid_type"),
        (json!({ "email": "" }), "email", "invalid"),
        (json!({ "phone": "0151 12345678" }), "phone", "invalid"),
        (json!({ "phone": {} }), "phone", "invalid_type"),
        (json!({ "first_name": "x".repeat(256) }), "first_name", "invalid"),
        (json!({ "last_name": "a\nb" }), "last_name", "invalid"),
        (json!({ "locale": "de_AT" }), "locale", "invalid"),
        (json!({ "timezone": "Mars/Base" }), "timezone", "invalid"),
        (json!({ "avatar": "anna.png" }), "avatar", "invalid"),
        (json!({ "channel_settings": {} }), "channel_settings", "invalid_type"),
        (json!({ "channel_settings": [1] }), "channel_settings[0]", "invalid_type"),
        (json!({ "channel_settings": [{ "channel_id": "fax", "settings": {} }] }), "channel_settings[0].channel_id", "invalid"),
        (json!({ "channel_settings": [{ "channel_id": "fcm" }] }), "channel_settings[0].settings", "required"),
        (json!({ "custom_fields": [] }), "custom_fields", "invalid_type"),
        (json!({ "preferences": [] }), "preferences", "invalid_type"),
        (json!({ "first_name": "X", "preferences": { "channel_types": { "fax": true } } }), "preferences.channel_types.fax", "unknown"),
        (json!({ "preferences": { "notiflows": { "nope": {} } } }), "preferences.notiflows.nope", "invalid"),
    ];
    for (body, field, reason) in table {
        check_field(&call(&world, "PUT", path, &body).await, field, reason);
    }
    assert_eq!(get(&world, path).await.expect(200), before, "nothing was changed");
    let table = [
        (json!({ "channel_types": { "sms": "no" } }), "channel_types.sms", "invalid_type"),
        (json!({ "channel_types": { "voice": false } }), "channel_types.voice", "unknown"),
        (json!({ "channel_types": [] }), "channel_types", "invalid_type"),
        (json!({ "notiflows": { "chat.message": true } }), "notiflows.chat.message", "invalid_type"),
        (json!({ "notiflows": { "chat.message": { "enabled": 0 } } }), "notiflows.chat.message.enabled", "invalid_type"),
        (
            json!({ "notiflows": { "chat.message": { "channel_types": { "x": true } } } }),
            "notiflows.chat.message.channel_types.x",
            "unknown",
        ),
        (json!({ "notiflows": { "unknown": { "enabled": true } } }), "notiflows.unknown", "invalid"),
    ];
    for (body, field, reason) in table {
        check_field(&call(&world, "PUT", &format!("{path}/preferences"), &body).await, field, reason);
    }
}

#[tokio::test]
async fn bodies_and_paths_that_cannot_be_used_are_400() {
    let world = world().await.with_categories().await;
    let writes = [
        ("PUT", "/admin/users/u"),
        ("PUT", "/admin/v1/users/ext-anna/preferences"),
        ("PUT", "/admin/users/ext-anna/channel-settings/slack"),
        ("POST", "/admin/users/ext-anna/subscriptions"),
        ("POST", "/admin/topics/storms/subscriptions"),
        ("POST", "/admin/notiflows/chat.message/run"),
    ];
    let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let bodies: [&[u8]; 9] =
        [b"", b"{", b"[]", b"null", b"\"x\"", b"\xff\xfe", br#"{"a":1,"a":1}"#, br#"{"email":"\u0000"}"#, deep.as_bytes()];
    for (method, path) in writes {
        for body in bodies {
            let answer = call_as(&world, (PUBLIC_KEY, SECRET_KEY), method, path, body.to_vec()).await;
            check(&answer, 400, "bad_request", &json!({ "reason": "invalid_json" }));
        }
        let large = vec![b' '; (1 << 20) + 1];
        check(&call_as(&world, (PUBLIC_KEY, SECRET_KEY), method, path, large).await, 413, "payload_too_large", &json!({}));
        let text = format!(r#"{{"unknown":"{}"}}"#, "x".repeat((1 << 20) - 100));
        let whole = call_as(&world, (PUBLIC_KEY, SECRET_KEY), method, path, text).await;
        assert!(whole.status.as_u16() < 500, "{}", whole.text);
    }
    let long = "x".repeat(256);
    for user in ["%00", "a%0Ab", long.as_str()] {
        let answer = get(&world, &format!("/admin/users/{user}")).await;
        assert_eq!(answer.expect(400)["error"]["details"]["reason"], "invalid_param");
    }
    check(&get(&world, "/admin/users/%ff").await, 400, "bad_request", &json!({ "reason": "invalid_param" }));
    for path in ["/admin", "/admin/", "/admin/v1", "/admin/v1/", "/admin/x", "/admin/v1/notiflows"] {
        check(&get(&world, path).await, 404, "not_found", &json!({ "resource": "path" }));
    }
    let answer = call(&world, "PATCH", "/admin/users/u", &json!({})).await;
    check(&answer, 405, "method_not_allowed", &json!({}));
    assert!(answer.header("allow").contains("PUT"));
}

#[tokio::test]
async fn users_are_listed_in_pages_with_cursors() {
    let world = world().await.with_categories().await;
    world.clock.advance(std::time::Duration::from_mins(1));
    for name in ["u1", "u2", "u3"] {
        call(&world, "PUT", &format!("/admin/users/{name}"), &json!({})).await.expect(201);
    }
    let names = |body: &Value| -> Vec<String> {
        body["items"].as_array().unwrap().iter().map(|user| user["external_id"].as_str().unwrap().to_owned()).collect()
    };
    let all = get(&world, "/admin/users").await.expect(200);
    assert_eq!(names(&all), ["u3", "u2", "u1", "ext-ben", "ext-anna"], "newest first");
    let page = json!({ "limit": 25, "after": null, "before": null, "has_more_after": false, "has_more_before": false });
    assert_eq!(all["page"], page);
    let mut seen = Vec::new();
    let mut page = get(&world, "/admin/v1/users?limit=2").await.expect(200);
    assert_eq!((&page["page"]["has_more_before"], &page["page"]["before"]), (&json!(false), &Value::Null));
    loop {
        seen.extend(names(&page));
        let Some(after) = page["page"]["after"].as_str() else { break };
        page = get(&world, &format!("/admin/v1/users?limit=2&after={after}")).await.expect(200);
        assert_eq!(page["page"]["has_more_before"], true);
    }
    assert_eq!((seen, &page["page"]["has_more_after"]), (names(&all), &json!(false)));
    let before = page["page"]["before"].as_str().unwrap();
    let back = get(&world, &format!("/admin/users?limit=2&before={before}")).await.expect(200);
    assert_eq!(
        (names(&back), &back["page"]["has_more_before"], &back["page"]["has_more_after"]),
        (names(&all)[2..4].to_vec(), &json!(true), &json!(true))
    );
    let late = get(&world, "/admin/users?created_after=2026-11-20T08:00:00Z&limit=1").await.expect(200);
    assert_eq!(
        (names(&late), &late["page"]["has_more_before"], &late["page"]["has_more_after"]),
        (vec!["u3".to_owned()], &json!(false), &json!(true))
    );
    assert_eq!(names(&get(&world, "/admin/users?created_before=2026-11-20T08:00:30Z").await.expect(200)), ["ext-ben", "ext-anna"]);
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("after=x", "after"),
        ("before=1.5", "before"),
        ("after=1&before=2", "before"),
        ("created_after=yesterday", "created_after"),
        ("created_before=%00", "created_before"),
    ] {
        let answer = get(&world, &format!("/admin/users?{query}")).await;
        check(&answer, 400, "bad_request", &json!({ "reason": "invalid_param", "param": param }));
    }
}

#[tokio::test]
async fn switches_are_all_on_until_they_are_set_and_merged_deeply() {
    let world = world().await.with_categories().await;
    let path = "/admin/users/ext-anna/preferences";
    let on = json!({ "chat": true, "email": true, "in_app": true, "mobile_push": true, "sms": true, "web_push": true });
    let first = get(&world, path).await.expect(200);
    assert_eq!(first["channel_types"], on);
    let handles: Vec<&String> = first["notiflows"].as_object().unwrap().keys().collect();
    assert_eq!(handles, ["chat.mention", "chat.message", "order.updated"]);
    let notiflow = &first["notiflows"]["chat.message"];
    assert_eq!((&notiflow["enabled"], &notiflow["channel_types"]), (&json!(true), &on));
    assert!(notiflow["name"].as_str().is_some_and(|name| !name.is_empty()));
    let change = json!({ "channel_types": { "sms": false }, "notiflows": { "chat.message": { "enabled": false, "channel_types": { "email": false } } } });
    let changed = call(&world, "PUT", path, &change).await.expect(200);
    let mut expected = first.clone();
    expected["channel_types"]["sms"] = json!(false);
    expected["notiflows"]["chat.message"]["enabled"] = json!(false);
    expected["notiflows"]["chat.message"]["channel_types"]["email"] = json!(false);
    assert_eq!(changed, expected);
    // Only what is given changes; a notiflow also by its id, null leaves things as they are, and an answer can be sent back.
    let id = world.store.category("chat.message").await.unwrap().unwrap().id;
    let more = json!({ "notiflows": { id: { "enabled": true, "channel_types": { "chat": false, "email": null } }, "chat.mention": null } });
    expected["notiflows"]["chat.message"]["enabled"] = json!(true);
    expected["notiflows"]["chat.message"]["channel_types"]["chat"] = json!(false);
    assert_eq!(call(&world, "PUT", path, &more).await.expect(200), expected);
    assert_eq!(call(&world, "PUT", path, &json!({})).await.expect(200), expected);
    assert_eq!(call(&world, "PUT", path, &expected).await.expect(200), expected);
    assert_eq!(get(&world, path).await.expect(200), expected);
    assert_eq!(get(&world, "/admin/users/ext-ben/preferences").await.expect(200), first, "another's are their own");
}
