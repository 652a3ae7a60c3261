//! Sessions of browsers: signing in and out, what a session may, and that no other site can use it.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, PUBLISHER, READER, SECRET_KEY, USER, World, world, world_with};

const SESSION: &str = "/watchbell/v1/session";
const CALLER: &str = "/watchbell/v1/caller";

/// A request of the page, with headers of its own.
async fn ask(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "bell.example.org");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Body::empty() } else { body.to_string().into() };
    world.send(request.body(body).unwrap()).await
}

const PAGE: (&str, &str) = ("x-watchbell-page", "1");
const OWN: (&str, &str) = ("origin", "https://bell.example.org");
const OTHER: (&str, &str) = ("origin", "https://evil.example.com");

/// The cookie as a browser would send it.
async fn sign_in(world: &World, key: &str) -> String {
    let answer = ask(world, "POST", SESSION, &[PAGE, OWN], &json!({ "key": key })).await;
    answer.expect(201);
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_may_what_its_key_may() {
    let world = world().await;
    let table = [(ADMIN, "admin", 200, 200), (READER, "reader", 200, 403), (USER, "user", 403, 403), (PUBLISHER, "publisher", 403, 403)];
    for (key, role, lists, changes) in table {
        let cookie = sign_in(&world, key).await;
        let headers = [("cookie", cookie.as_str()), PAGE, OWN];
        let caller = ask(&world, "GET", CALLER, &headers[..1], &Value::Null).await.expect(200);
        assert_eq!(caller["role"], role);
        assert_eq!(caller["userId"], if key == USER { json!(world.anna) } else { Value::Null });
        assert_eq!(caller["sessionExpiresAt"], "2026-11-27T08:00:00.000Z");
        ask(&world, "GET", "/watchbell/v1/keys", &headers[..1], &Value::Null).await.expect(lists);
        let put = ask(&world, "PUT", "/watchbell/v1/categories/news", &headers, &json!({})).await;
        assert_eq!(put.status.is_success(), changes == 200, "{role}: {}", put.text);
        // The surfaces that stand in for others take it as well.
        ask(&world, "GET", "/api/users", &headers[..1], &Value::Null).await.expect(lists);
    }
    let shown = world.get(ADMIN, CALLER).await.expect(200);
    assert_eq!((&shown["role"], &shown["sessionExpiresAt"]), (&json!("admin"), &Value::Null));
}

#[tokio::test]
async fn the_cookie_is_for_this_server_alone_and_for_no_script() {
    let world = world().await;
    for (origin, is_secure) in [("https://bell.example.org", true), ("http://bell.example.org", false)] {
        let answer = ask(&world, "POST", SESSION, &[PAGE, ("origin", origin)], &json!({ "key": ADMIN })).await;
        let cookie = answer.header("set-cookie").to_owned();
        let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
        let mut expected = vec!["Path=/", "Max-Age=604800", "HttpOnly", "SameSite=Lax"];
        expected.extend(is_secure.then_some("Secure"));
        assert_eq!(attributes, expected, "{origin}");
    }
    // Two sessions of one key have nothing in common.
    assert_ne!(sign_in(&world, ADMIN).await, sign_in(&world, ADMIN).await);
}

#[tokio::test]
async fn no_other_site_changes_anything_with_it() {
    let world = world().await;
    let cookie = sign_in(&world, ADMIN).await;
    let cookie = ("cookie", cookie.as_str());
    let form = ("content-type", "application/x-www-form-urlencoded");
    let table: [(&[(&str, &str)], u16); 6] = [
        (&[cookie, PAGE, OWN], 201),
        (&[cookie, OWN], 403),
        (&[cookie, PAGE, OTHER], 403),
        (&[cookie, PAGE, ("origin", "null")], 403),
        (&[cookie, form, OTHER], 403),
        // Whoever has the key needs no page.
        (&[("authorization", "Bearer wb_admin")], 201),
    ];
    for (headers, status) in table {
        let made = ask(&world, "POST", "/watchbell/v1/keys", headers, &json!({ "name": "x", "role": "reader" })).await;
        assert_eq!(made.status, status, "{headers:?}: {}", made.text);
    }
    // Nor signs anybody in or out.
    for headers in [&[OWN][..], &[PAGE, OTHER]] {
        ask(&world, "POST", SESSION, headers, &json!({ "key": ADMIN })).await.expect(403);
        ask(&world, "DELETE", SESSION, headers, &Value::Null).await.expect(403);
    }
    ask(&world, "GET", CALLER, &[cookie], &Value::Null).await.expect(200);
}

#[tokio::test]
async fn a_session_ends_with_its_key_in_time_and_when_told_to() {
    let world = world().await;
    let made = world.call(ADMIN, "POST", "/watchbell/v1/keys", &json!({ "name": "x", "role": "reader" })).await.expect(201);
    let of_key = sign_in(&world, made["key"].as_str().unwrap()).await;
    let told = sign_in(&world, READER).await;
    let left = sign_in(&world, READER).await;
    let status = async |cookie: &str| ask(&world, "GET", CALLER, &[("cookie", cookie)], &Value::Null).await.status.as_u16();
    assert_eq!((status(&of_key).await, status(&told).await, status(&left).await), (200, 200, 200));
    world.call(ADMIN, "DELETE", &format!("/watchbell/v1/keys/{}", made["id"]), &Value::Null).await.expect(204);
    let ended = ask(&world, "DELETE", SESSION, &[("cookie", told.as_str()), PAGE, OWN], &Value::Null).await;
    ended.expect(204);
    assert!(ended.header("set-cookie").contains("Max-Age=0"));
    assert_eq!((status(&of_key).await, status(&told).await, status(&left).await), (401, 401, 200));
    world.clock.advance(Duration::from_hours(7 * 24));
    assert_eq!(status(&left).await, 401);
}

#[tokio::test]
async fn guessing_is_counted_and_locks_nobody_out() {
    let world = world_with(|settings| settings.failures_per_minute = 3).await;
    let cookie = sign_in(&world, ADMIN).await;
    let guess = format!("watchbell_session={}", "x".repeat(43));
    for _ in 0..2 {
        ask(&world, "GET", CALLER, &[("cookie", &guess)], &Value::Null).await.expect(401);
    }
    ask(&world, "POST", SESSION, &[PAGE, OWN], &json!({ "key": "wb_wrong" })).await.expect(401);
    ask(&world, "POST", SESSION, &[PAGE, OWN], &json!({ "key": "wb_wrong" })).await.expect(429);
    ask(&world, "GET", CALLER, &[("cookie", &guess)], &Value::Null).await.expect(429);
    ask(&world, "GET", CALLER, &[("cookie", &cookie)], &Value::Null).await.expect(200);
    sign_in(&world, ADMIN).await;
    // Of a pair, the secret half is no key by itself; and a body that is none gets its own words.
    ask(&world, "POST", SESSION, &[PAGE, OWN], &json!({ "key": SECRET_KEY })).await.expect(429);
    ask(&world, "POST", SESSION, &[PAGE, OWN], &json!({})).await.expect(400);
}

#[tokio::test]
async fn frames_lead_to_where_one_signs_in_and_show_what_a_key_can_use() {
    let world = world().await;
    let frame = async |cookie: &str, path: &str| ask(&world, "GET", path, &[("cookie", cookie)], &Value::Null).await;
    for path in ["/now", "/preferences", "/alerts/A%201", "/users/1"] {
        let answer = frame("", path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert_eq!(answer.header("location"), format!("/sign-in?next={}", path.replace('%', "%25").replace('/', "%2F")));
    }
    let table = [
        (ADMIN, [("/", 303), ("/now", 200), ("/preferences", 200), ("/keys", 200)]),
        (READER, [("/", 303), ("/now", 200), ("/preferences", 200), ("/keys", 200)]),
        (USER, [("/", 303), ("/now", 403), ("/preferences", 200), ("/keys", 403)]),
        (PUBLISHER, [("/", 403), ("/now", 403), ("/preferences", 403), ("/keys", 403)]),
    ];
    for (key, pages) in table {
        let cookie = sign_in(&world, key).await;
        for (path, status) in pages {
            let answer = frame(&cookie, path).await;
            assert_eq!(answer.status, status, "{key} {path}");
            if status != 303 {
                let policy = answer.header("content-security-policy");
                assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
                assert_eq!(answer.header("cache-control"), "no-store");
            }
        }
    }
    let html = frame("", "/sign-in").await;
    let asset = html.text.split('"').find(|text| text.ends_with("/sign-in.js")).unwrap();
    let script = frame("", asset).await;
    assert_eq!((script.status.as_u16(), script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert!(script.header("cache-control").contains("immutable"));
    assert_eq!(frame("", "/assets/another/sign-in.js").await.header("cache-control"), "no-store");
    frame("", "/assets/another/nothing.js").await.expect(404);
}
