//! Verbs and paths that there are not.

use crate::harness::{ADMIN, check_form, world};

const PATHS: &[(&str, &str)] = &[
    ("/api/users", "GET,POST"),
    ("/api/users/1", "GET,PUT,DELETE"),
    ("/api/users/current", "GET,PUT,DELETE"),
    ("/api/users/search-email", "POST"),
    ("/api/users/1/contacts/emails", "GET,POST"),
    ("/api/users/1/contacts/emails/1", "GET,PUT,DELETE"),
    ("/api/users/1/contacts/emails/search-target", "POST"),
    ("/api/users/1/contacts/phone-numbers", "GET,POST"),
    ("/api/users/1/contacts/phone-numbers/1", "GET,PUT,DELETE"),
    ("/api/users/1/contacts/phone-numbers/search-target", "POST"),
    ("/api/users/1/notification-preferences/alerts", "GET,POST"),
    ("/api/users/1/notification-preferences/alerts/1", "GET,PUT,DELETE"),
    ("/api/users/1/notification-preferences/duties", "GET,POST"),
    ("/api/users/1/notification-preferences/duties/1", "GET,PUT,DELETE"),
    ("/api/users/1/notification-preferences/updates", "GET,POST"),
    ("/api/users/1/notification-preferences/updates/1", "GET,PUT,DELETE"),
    ("/api/users/1/notification-preferences/subscriptions", "GET,POST"),
    ("/api/users/1/notification-preferences/subscriptions/1", "GET,PUT,DELETE"),
    ("/watchbell/v1/users/1", "GET,PUT"),
    ("/watchbell/v1/users/1/devices", "GET,POST"),
    ("/watchbell/v1/users/1/devices/1", "DELETE"),
    ("/watchbell/v1/users/1/contacts", "GET,POST"),
    ("/watchbell/v1/users/1/contacts/1", "GET,PUT,DELETE"),
    ("/watchbell/v1/users/1/telegram-link", "POST"),
    ("/watchbell/v1/events", "POST"),
    ("/watchbell/v1/keys", "GET,POST"),
    ("/watchbell/v1/deliveries", "GET"),
    ("/watchbell/v1/dead-letters", "GET,DELETE"),
    ("/-/healthy", "GET"),
    ("/-/ready", "GET"),
    ("/metrics", "GET"),
    ("/callbacks/twilio", "GET,POST"),
    ("/callbacks/telegram", "GET,POST"),
];

#[tokio::test]
async fn an_undeclared_verb_is_405_with_allow() {
    let world = world().await;
    for (path, allowed) in PATHS {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            let is_allowed = allowed.split(',').any(|verb| verb == method || (verb == "GET" && method == "HEAD"));
            if is_allowed {
                continue;
            }
            let answer = world.raw(ADMIN, method, path, "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let mut allow: Vec<&str> = answer.header("allow").split(',').filter(|verb| *verb != "HEAD").collect();
            let mut expected: Vec<&str> = allowed.split(',').collect();
            allow.sort_unstable();
            expected.sort_unstable();
            assert_eq!(allow, expected, "{method} {path}");
            if method != "HEAD" {
                check_form(path, &answer);
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_404_in_the_surface_s_form() {
    let world = world().await;
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/users/1/contacts",
        "/api/users/1/contacts/faxes",
        "/watchbell/v1",
        "/watchbell/v1/x",
        "/x",
        "/callbacks",
        "/-/x",
    ] {
        for method in ["GET", "POST", "PATCH"] {
            let answer = world.raw(ADMIN, method, path, "").await;
            assert_eq!(answer.status, 404, "{method} {path}");
            check_form(path, &answer);
        }
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let world = world().await;
    let answer = world.raw(ADMIN, "HEAD", "/api/users", "").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    let answer = world.raw(ADMIN, "HEAD", "/api/users/9999", "").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (404, ""));
}
