//! Messaging preferences and in-app notifications: every sentence of their contract, and whatever else is sent.

use serde_json::{Value, json};
use watchbell_core::access::Role;
use watchbell_core::{DeliveryId, Secret, Timestamp, UserId};
use watchbell_store::access::{Actor, NewKey};
use watchbell_store::preferences::Notification;

use crate::harness::{ADMIN, Answer, PUBLISHER, READER, USER, World, world, world_with};
use crate::serving::{serve, talk};

const PREFERENCES: &str = "/v1/messaging/preferences";
const NOTIFICATIONS: &str = "/v1/messaging/notifications";

/// A notification of Anna's, `at_s` seconds after the start.
pub async fn notify(world: &World, id: &str, category: &str, at_s: i64) -> String {
    notify_user(world, world.anna, id, category, at_s).await
}

pub async fn notify_user(world: &World, user: i64, id: &str, category: &str, at_s: i64) -> String {
    let at = Timestamp::parse_rfc3339("2026-11-20T08:00:00Z").unwrap().as_millis() + at_s * 1_000;
    let notification = Notification {
        id: DeliveryId(format!("{id:0>26}")),
        user_id: UserId(user),
        category: Some(category.to_owned()),
        title: format!("Title {id}"),
        body: "Body".to_owned(),
        url: None,
        created_at: Timestamp::from_millis(at),
        seen_at: None,
        read_at: None,
        dismissed_at: None,
    };
    let id = notification.id.as_str().to_owned();
    assert!(world.store.add_notification(notification).await.unwrap());
    id
}

/// A whole preference, with what is different about it.
fn preference(changes: &Value) -> Value {
    let mut body = json!({ "category": null, "in_app_enabled": true, "email_enabled": true, "push_enabled": false });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Checks an error of this surface: all eight keys, and which it is.
#[track_caller]
fn check(answer: &Answer, status: u16, code: &str, param: Option<&str>) {
    let body = answer.expect(status);
    let error = body["error"].as_object().unwrap_or_else(|| panic!("{body}"));
    let mut keys: Vec<&str> = error.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "doc_url", "is_transient", "message", "param", "quota", "request_log_url", "type"]);
    assert_eq!((error["code"].as_str(), error["param"].as_str()), (Some(code), param), "{body}");
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["doc_url"].as_str().is_some_and(|url| url.starts_with("https://")));
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!((&error["quota"], &error["request_log_url"], &error["is_transient"]), (&Value::Null, &Value::Null, &json!(status == 429)));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_preference_is_set_replaced_and_listed() {
    let world = world().await.with_categories().await;
    let set = preference(&json!({ "category": "chat.mention", "digest": "daily" }));
    let first = world.call(USER, "PUT", PREFERENCES, &set).await.expect(200);
    let expected = json!({
        "id": first["id"], "object": "notification_preference", "category": "chat.mention", "in_app_enabled": true,
        "email_enabled": true, "push_enabled": false, "digest": "daily",
        "created_at": "2026-11-20T08:00:00.000Z", "updated_at": "2026-11-20T08:00:00.000Z",
    });
    assert_eq!(first, expected);
    assert!(first["id"].as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!(world.call(USER, "PUT", PREFERENCES, &set).await.expect(200)["id"], first["id"], "idempotent");
    // What is left out is what it is by default, not what it was.
    world.clock.advance(std::time::Duration::from_mins(1));
    let again = world.call(USER, "PUT", PREFERENCES, &preference(&json!({ "category": "chat.mention" }))).await.expect(200);
    assert_eq!((&again["id"], &again["digest"], &again["created_at"]), (&first["id"], &json!("instant"), &first["created_at"]));
    assert_eq!(again["updated_at"], "2026-11-20T08:01:00.000Z");
    // Null and absent are both the default for all other categories.
    let global = world.call(USER, "PUT", PREFERENCES, &preference(&json!({ "digest": "off" }))).await.expect(200);
    let mut absent = preference(&json!({ "digest": "hourly" }));
    absent.as_object_mut().unwrap().remove("category");
    let same = world.call(USER, "PUT", PREFERENCES, &absent).await.expect(200);
    assert_eq!((&same["id"], &same["category"], &same["digest"]), (&global["id"], &Value::Null, &json!("hourly")));
    let list = world.get(USER, PREFERENCES).await.expect(200);
    let nothing = json!({ "next_page_url": null, "previous_page_url": null, "has_next_page": false, "has_prev_page": false });
    assert_eq!(list, json!({ "object": "list", "page_info": nothing, "data": [same, again] }), "explicit ones only");
}

#[tokio::test]
async fn a_body_that_is_wrong_says_what_is() {
    let world = world().await.with_categories().await;
    let without = |name: &str| {
        let mut body = preference(&json!({}));
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let table = [
        (json!({}), "missing_field", Some("in_app_enabled")),
        (without("in_app_enabled"), "missing_field", Some("in_app_enabled")),
        (without("email_enabled"), "missing_field", Some("email_enabled")),
        (without("push_enabled"), "missing_field", Some("push_enabled")),
        (preference(&json!({ "push_enabled": null })), "missing_field", Some("push_enabled")),
        (preference(&json!({ "email_enabled": "true" })), "invalid_format", Some("email_enabled")),
        (preference(&json!({ "email_enabled": 1 })), "invalid_format", Some("email_enabled")),
        (preference(&json!({ "digest": 5 })), "invalid_format", Some("digest")),
        (preference(&json!({ "category": ["chat.mention"] })), "invalid_format", Some("category")),
        (preference(&json!({ "digest": "weekly" })), "validation_failed", Some("digest")),
        (preference(&json!({ "digest": "INSTANT" })), "validation_failed", Some("digest")),
        (preference(&json!({ "category": "chat.unknown" })), "validation_failed", Some("category")),
        (preference(&json!({ "category": "" })), "validation_failed", Some("category")),
        (preference(&json!({ "category": "x".repeat(256) })), "validation_failed", Some("category")),
        (preference(&json!({ "category": "chat.mention\n" })), "validation_failed", Some("category")),
        (preference(&json!({ "sms_enabled": true })), "parameter_unknown", Some("sms_enabled")),
    ];
    for (body, code, param) in table {
        check(&world.call(USER, "PUT", PREFERENCES, &body).await, 400, code, param);
    }
    // A category is named by its handle, not by its id.
    let id = world.store.category("chat.mention").await.unwrap().unwrap().id;
    check(&world.call(USER, "PUT", PREFERENCES, &preference(&json!({ "category": id }))).await, 400, "validation_failed", Some("category"));
    let deep = format!(r#"{{"category":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let not_json: [&[u8]; 9] =
        [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{\"digest\":\"\xff\"}", br#"{"a":1,"a":1}"#, br#"{"digest":"\u0000"}"#, deep.as_bytes()];
    for body in not_json {
        check(&world.raw(USER, "PUT", PREFERENCES, body.to_vec()).await, 400, "invalid_format", None);
    }
    check(&world.raw(USER, "PUT", PREFERENCES, vec![b' '; (1 << 20) + 1]).await, 413, "payload_too_large", None);
    assert_eq!(world.get(USER, PREFERENCES).await.expect(200)["data"], json!([]), "nothing was kept");
}

#[track_caller]
fn permitted(is_permitted: bool, answer: &Answer) {
    if is_permitted {
        answer.expect(200);
    } else {
        check(answer, 403, "insufficient_permissions", None);
    }
}

#[tokio::test]
async fn a_key_speaks_for_its_own_user_and_no_other() {
    let world = world().await.with_categories().await;
    for (key, role) in [("wb_bound_admin", Role::Admin), ("wb_bound_reader", Role::Reader), ("wb_bound_publisher", Role::Publisher)] {
        let hash = watchbell_api::auth::hash_key(&Secret::new(key));
        world.store.add_key(Actor::System, NewKey::new(key, &hash, role, Some(UserId(world.ben)))).await.unwrap();
    }
    let body = preference(&json!({}));
    // The key, whether it may read, and whether it may change.
    let table = [
        (USER, true, true),
        ("wb_bound_admin", true, true),
        ("wb_bound_reader", true, false),
        ("wb_bound_publisher", false, false),
        // Bound to no user.
        (ADMIN, false, false),
        (READER, false, false),
        (PUBLISHER, false, false),
    ];
    for (key, reads, changes) in table {
        for path in [PREFERENCES, NOTIFICATIONS, "/v1/messaging/notifications/unread-count"] {
            let answer = world.get(key, path).await;
            permitted(reads, &answer);
        }
        let answer = world.call(key, "PUT", PREFERENCES, &body).await;
        permitted(changes, &answer);
        let answer = world.call(key, "POST", "/v1/messaging/notifications/actions/mark-all-seen", &json!({})).await;
        permitted(changes, &answer);
    }
    for key in ["", "wb_wrong"] {
        let answer = world.get(key, PREFERENCES).await;
        check(&answer, 401, "invalid_credentials", None);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    // Anna's and Ben's are two.
    assert_eq!(world.get(USER, PREFERENCES).await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.get("wb_bound_admin", PREFERENCES).await.expect(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn paths_and_verbs_that_there_are_not_have_this_form_too() {
    let world = world().await.with_categories().await;
    for path in ["/v1/messaging", "/v1/messaging/", "/v1/messaging/x", "/v1/messaging/notifications/1/actions/eat"] {
        check(&world.raw(USER, "POST", path, "").await, 404, "resource_not_found", None);
    }
    for (method, path) in [("POST", PREFERENCES), ("DELETE", PREFERENCES), ("PATCH", NOTIFICATIONS)] {
        let answer = world.raw(USER, method, path, "").await;
        check(&answer, 405, "method_not_allowed", None);
        assert!(answer.header("allow").contains("GET"));
    }
    let request = axum::http::Request::builder().method("PUT").uri(PREFERENCES).header("authorization", format!("Bearer {USER}"));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(axum::body::Body::from("a=b")).unwrap();
    check(&world.send(request).await, 415, "unsupported_media_type", None);
}

#[tokio::test]
async fn notifications_are_listed_in_pages_newest_first() {
    let world = world().await.with_categories().await;
    let mut ids = Vec::new();
    for at in 0..5 {
        let category = if at == 2 { "chat.mention" } else { "chat.message" };
        ids.push(notify(&world, &format!("N{at}"), category, at).await);
    }
    ids.reverse();
    notify_user(&world, world.ben, "B", "chat.message", 9).await;
    let shown = |body: &Value| -> Vec<String> {
        body["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = world.get(USER, NOTIFICATIONS).await.expect(200);
    assert_eq!(shown(&all), ids);
    let newest = json!({
        "id": ids[0], "object": "notification", "category": "chat.message", "title": "Title N4", "body": "Body", "url": null,
        "status": "unseen", "created_at": "2026-11-20T08:00:04.000Z", "seen_at": null, "read_at": null, "dismissed_at": null,
    });
    assert_eq!(all["data"][0], newest);
    assert_eq!(
        (&all["object"], &all["page_info"]["has_next_page"], &all["page_info"]["has_prev_page"]),
        (&json!("list"), &json!(false), &json!(false))
    );
    // From page to page by the links, there and back.
    let mut page = world.get(USER, &format!("{NOTIFICATIONS}?limit=2")).await.expect(200);
    let mut seen = shown(&page);
    assert_eq!(page["page_info"]["has_prev_page"], false);
    while page["page_info"]["has_next_page"] == true {
        page = follow(&world, &page["page_info"]["next_page_url"]).await;
        assert_eq!(page["page_info"]["has_prev_page"], true);
        seen.extend(shown(&page));
    }
    assert_eq!(seen, ids);
    assert_eq!(page["page_info"]["next_page_url"], Value::Null);
    let back = follow(&world, &page["page_info"]["previous_page_url"]).await;
    assert_eq!(shown(&back), ids[2..4]);
    assert_eq!((&back["page_info"]["has_prev_page"], &back["page_info"]["has_next_page"]), (&json!(true), &json!(true)));
    let first = follow(&world, &back["page_info"]["previous_page_url"]).await;
    assert_eq!((shown(&first), &first["page_info"]["has_prev_page"]), (ids[..2].to_vec(), &json!(false)));
    // Filters, kept by links.
    assert_eq!(shown(&world.get(USER, &format!("{NOTIFICATIONS}?category=chat.mention")).await.expect(200)), [ids[2].as_str()]);
    let page = world.get(USER, &format!("{NOTIFICATIONS}?category=chat.message&status=unread&limit=1")).await.expect(200);
    let next = page["page_info"]["next_page_url"].as_str().unwrap();
    assert!(next.starts_with("https://bell.example.org/v1/messaging/notifications?"), "{next}");
    assert!(next.contains("category=chat.message") && next.contains("status=unread") && next.contains("limit=1"), "{next}");
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=after.x", "cursor"),
        ("cursor=beside.1-A", "cursor"),
        ("status=gone", "status"),
        ("category=%00", "category"),
    ] {
        check(&world.get(USER, &format!("{NOTIFICATIONS}?{query}")).await, 400, "validation_failed", Some(param));
    }
    world.get(USER, &format!("{NOTIFICATIONS}?limit=100&cursor=&status=")).await.expect(200);
}

/// What a link leads to.
async fn follow(world: &World, link: &Value) -> Value {
    let path = link.as_str().unwrap().strip_prefix("https://bell.example.org").unwrap();
    world.get(USER, path).await.expect(200)
}

#[tokio::test]
async fn what_a_user_does_with_a_notification_is_kept() {
    let world = world().await.with_categories().await;
    let (one, two) = (notify(&world, "N1", "chat.message", 1).await, notify(&world, "N2", "chat.message", 2).await);
    let others = notify_user(&world, world.ben, "B", "chat.message", 3).await;
    let unread = async || world.get(USER, "/v1/messaging/notifications/unread-count").await.expect(200)["unread_count"].clone();
    let act = async |id: &str, action: &str| world.raw(USER, "POST", &format!("{NOTIFICATIONS}/{id}/actions/{action}"), "").await;
    assert_eq!(unread().await, 2);
    let seen = act(&one, "seen").await.expect(200);
    assert_eq!((&seen["status"], &seen["seen_at"], &seen["read_at"]), (&json!("seen"), &json!("2026-11-20T08:00:00.000Z"), &Value::Null));
    assert_eq!(unread().await, 2);
    assert_eq!(act(&one, "read").await.expect(200)["status"], "read");
    assert_eq!(unread().await, 1);
    world.clock.advance(std::time::Duration::from_secs(5));
    let again = act(&one, "read").await.expect(200);
    assert_eq!(again["read_at"], "2026-11-20T08:00:00.000Z", "what was done keeps its time");
    assert_eq!(world.raw(USER, "POST", &format!("{NOTIFICATIONS}/actions/mark-all-seen"), "").await.expect(200)["updated_count"], 1);
    assert_eq!(world.get(USER, &format!("{NOTIFICATIONS}?status=unseen")).await.expect(200)["data"], json!([]));
    assert_eq!(act(&two, "dismiss").await.expect(200)["status"], "dismissed");
    assert_eq!(unread().await, 0);
    assert_eq!(world.get(USER, NOTIFICATIONS).await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.get(USER, &format!("{NOTIFICATIONS}?status=dismissed")).await.expect(200)["data"][0]["id"], two.as_str());
    for id in [others.as_str(), "nothing", "%F0%9F%98%80", &"x".repeat(300)] {
        check(&act(id, "read").await, 404, "resource_not_found", None);
    }
    check(&act("%00", "read").await, 400, "validation_failed", Some("id"));
}

/// Over a socket, and not where the client says that it is.
#[tokio::test]
async fn links_lead_to_the_listener() {
    let world = world_with(|settings| settings.public_url = None).await.with_categories().await;
    for at in 0..2 {
        notify(&world, &format!("N{at}"), "chat.message", at).await;
    }
    let served = serve(&world).await;
    let request = format!("GET {NOTIFICATIONS}?limit=1 HTTP/1.1\r\nHost: evil.example.com\r\nX-Forwarded-Host: evil.example.com\r\n");
    let answer = talk(served.address, format!("{request}Authorization: Bearer {USER}\r\nConnection: close\r\n\r\n").as_bytes()).await;
    let link = format!("\"next_page_url\":\"http://{}{NOTIFICATIONS}?", served.address);
    assert!(answer.contains(&link) && !answer.contains("evil"), "{answer}");
}
