//! Who may what, how often, and by which verb.

use std::time::Duration;

use serde_json::json;

use crate::harness::{ADMIN, PUBLISHER, READER, RULES, USER, add_key, path, world};

const FORBIDDEN: &str = "You do not have permission to perform this action.";

#[tokio::test]
async fn no_wrong_or_prefixed_token_is_invalid() {
    let world = world().await;
    let made = world.made(&json!({ "type": "wait" })).await;
    let bearer = format!("Bearer {ADMIN}");
    for key in ["", "nonsense", bearer.as_str(), "Token wb_admin", "wb_admi"] {
        for path in [RULES.to_owned(), format!("{RULES}/"), path(&made), format!("{RULES}/NOPE/"), "/api/v1/users/current".to_owned()] {
            for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
                // The key comes before anything else: the verb, the path's id, the body.
                let answer = world.raw(key, method, &path, "text/plain", "{").await;
                assert_eq!(answer.expect(403), json!({ "detail": "Invalid token." }), "{method} {path}");
                assert_eq!(answer.header("www-authenticate"), "");
            }
        }
    }
    assert_eq!(world.rules().await.len(), 1);
}

#[tokio::test]
async fn a_user_key_reaches_its_own_user() {
    let world = world().await;
    let hers = world.made(&json!({ "type": "wait" })).await;
    let his = world.made(&json!({ "type": "wait", "user_id": world.ben.public_id })).await;
    let listed = world.get(USER, RULES).await.expect(200);
    assert_eq!((&listed["count"], &listed["results"]), (&json!(1), &json!([hers])));
    assert_eq!(world.get(USER, &path(&hers)).await.expect(200), hers);
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        assert_eq!(world.call(USER, method, &path(&his), &json!({})).await.expect(404), json!({ "detail": "Not found." }));
    }
    let filtered = world.get(USER, &format!("{RULES}?user_id={}", world.ben.public_id)).await;
    assert_eq!(filtered.expect(400), json!({ "detail": "User not found." }));
    for (user, status) in [(&world.anna.public_id, 201), (&world.ben.public_id, 403), (&"UNOPE".to_owned(), 403)] {
        let answer = world.call(USER, "POST", RULES, &json!({ "user_id": user, "type": "notify_by_sms" })).await;
        let body = answer.expect(status);
        if status == 403 {
            assert_eq!(body, json!({ "detail": FORBIDDEN }));
        }
    }
    world.call(USER, "PATCH", &path(&hers), &json!({ "duration": 60 })).await.expect(200);
    world.call(USER, "DELETE", &path(&hers), &json!({})).await.expect(204);
}

#[tokio::test]
async fn a_reader_reads_and_a_publisher_does_not() {
    let world = world().await;
    let rule = world.made(&json!({ "type": "wait" })).await;
    for path in [RULES.to_owned(), path(&rule), "/api/v1/users".to_owned(), format!("/api/v1/users/{}", world.ben.public_id)] {
        world.get(READER, &path).await.expect(200);
        assert_eq!(world.get(PUBLISHER, &path).await.expect(403), json!({ "detail": FORBIDDEN }));
    }
    for key in [READER, PUBLISHER] {
        for (method, path) in [("POST", RULES.to_owned()), ("PUT", path(&rule)), ("PATCH", path(&rule)), ("DELETE", path(&rule))] {
            // Before the body is looked at.
            let answer = world.raw(key, method, &path, "application/json", "{").await;
            assert_eq!(answer.expect(403), json!({ "detail": FORBIDDEN }), "{method}");
        }
    }
    assert_eq!(world.rules().await, [rule]);
}

#[tokio::test]
async fn an_undeclared_verb_is_405_with_allow_on_both_forms_of_a_path() {
    let world = world().await;
    let table = [
        (RULES.to_owned(), "GET, POST, HEAD, OPTIONS"),
        (format!("{RULES}/NOPE"), "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("/api/v1/users".to_owned(), "GET, HEAD, OPTIONS"),
        ("/api/v1/users/current".to_owned(), "GET, HEAD, OPTIONS"),
        ("/api/v1/schedules".to_owned(), "GET, HEAD, OPTIONS"),
        ("/api/v1/escalation_chains/F1".to_owned(), "GET, HEAD, OPTIONS"),
    ];
    for (path, allowed) in table {
        for path in [path.clone(), format!("{path}/")] {
            for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
                if allowed.contains(method) {
                    continue;
                }
                // Also with a body of another kind.
                let answer = world.raw(ADMIN, method, &path, "text/plain", "x").await;
                assert_eq!(answer.expect(405), json!({ "detail": format!("Method \"{method}\" not allowed.") }), "{path}");
                assert_eq!(answer.header("allow"), allowed, "{path}");
            }
            let described = world.raw(READER, "OPTIONS", &path, "text/plain", "").await;
            assert_eq!(described.header("allow"), allowed, "{path}");
            let body = described.expect(200);
            let instance = if path.trim_end_matches('/').matches('/').count() > 3 { "Instance" } else { "List" };
            assert!(body["name"].as_str().unwrap().ends_with(instance), "{path} {body}");
            assert_eq!(body["renders"], json!(["application/json"]));
            world.raw(PUBLISHER, "OPTIONS", &path, "text/plain", "").await.expect(403);
            world.raw("wb_nobody", "OPTIONS", &path, "text/plain", "").await.expect(403);
        }
    }
}

#[tokio::test]
async fn unknown_paths_are_told_in_the_surface_s_form_and_only_its_own() {
    let world = world().await;
    for path in ["/api/v1", "/api/v1/nothing", "/api/v1/users/U1/x", "/api/v1/personal_notification_rules/N1/x/"] {
        assert_eq!(world.get(ADMIN, path).await.expect(404), json!({ "detail": "Not found." }), "{path}");
    }
    for path in ["/api", "/api/", "/api/v2/users", "/api/v11"] {
        assert_eq!(world.get(ADMIN, path).await.expect(404)["code"], "NOT_FOUND", "{path}");
    }
    // The neighbour under /api keeps its own form.
    assert_eq!(world.get(ADMIN, "/api/users/1").await.expect(401)["code"], "UNAUTHORIZED");
}

#[tokio::test]
async fn over_300_requests_in_a_minute_a_key_is_throttled() {
    let world = world().await;
    add_key(&*world.store, "wb_other", watchbell_core::access::Role::Admin, None).await;
    let calls = ["GET", "PUT", "POST"];
    for at in 0..300 {
        // Whatever comes of it.
        let answer = world.call(ADMIN, calls[at % 3], RULES, &json!({})).await;
        assert_ne!(answer.status, 429, "{at}");
        if at == 0 {
            world.clock.advance(Duration::from_millis(1_500));
        }
    }
    for method in ["GET", "POST", "OPTIONS"] {
        let answer = world.raw(ADMIN, method, RULES, "text/plain", "x").await;
        assert_eq!(answer.expect(429), json!({ "detail": "Request was throttled. Expected available in 59 seconds." }));
        assert_eq!((answer.header("retry-after"), answer.header("ratelimit-reset")), ("59", "59"));
    }
    world.get("wb_other", RULES).await.expect(200);
    // Wrong keys are none, so they are not counted.
    world.get("wb_nobody", RULES).await.expect(403);
    world.clock.advance(Duration::from_millis(57_600));
    let answer = world.get(ADMIN, RULES).await;
    assert_eq!(answer.expect(429), json!({ "detail": "Request was throttled. Expected available in 1 second." }));
    world.clock.advance(Duration::from_millis(900));
    world.get(ADMIN, RULES).await.expect(200);
    assert_eq!(world.get(ADMIN, RULES).await.expect(429)["detail"], "Request was throttled. Expected available in 2 seconds.");
}
