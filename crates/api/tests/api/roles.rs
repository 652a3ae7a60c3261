//! Who may do what, for every route.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use serde_json::json;

use crate::harness::{ADMIN, PUBLISHER, READER, USER, check_form, world};

/// What each role may do with a route: on its own user, and on another.
#[derive(Clone, Copy, PartialEq)]
enum For {
    /// Admins.
    Admin,
    /// Admins and readers.
    Readers,
    /// Readers, and a user for what is theirs.
    ReadOwn,
    /// Admins, and a user for what is theirs.
    ChangeOwn,
    /// Admins and publishers.
    Publish,
}

const ROUTES: &[(&str, &str, For)] = &[
    ("GET", "/api/users", For::Readers),
    ("POST", "/api/users", For::Admin),
    ("GET", "/api/users/{user}", For::ReadOwn),
    ("PUT", "/api/users/{user}", For::ChangeOwn),
    ("DELETE", "/api/users/{user}", For::Admin),
    ("GET", "/api/users/{user}/contacts/emails", For::ReadOwn),
    ("POST", "/api/users/{user}/contacts/emails", For::ChangeOwn),
    ("POST", "/api/users/{user}/contacts/emails/search-target", For::ReadOwn),
    ("GET", "/api/users/{user}/contacts/emails/999", For::ReadOwn),
    ("PUT", "/api/users/{user}/contacts/emails/999", For::ChangeOwn),
    ("DELETE", "/api/users/{user}/contacts/emails/999", For::ChangeOwn),
    ("GET", "/api/users/{user}/contacts/phone-numbers", For::ReadOwn),
    ("POST", "/api/users/{user}/contacts/phone-numbers", For::ChangeOwn),
    ("GET", "/api/users/{user}/notification-preferences/alerts", For::ReadOwn),
    ("POST", "/api/users/{user}/notification-preferences/alerts", For::ChangeOwn),
    ("GET", "/api/users/{user}/notification-preferences/alerts/999", For::ReadOwn),
    ("PUT", "/api/users/{user}/notification-preferences/alerts/999", For::ChangeOwn),
    ("DELETE", "/api/users/{user}/notification-preferences/alerts/999", For::ChangeOwn),
    ("GET", "/watchbell/v1/users/{user}", For::ReadOwn),
    ("PUT", "/watchbell/v1/users/{user}", For::ChangeOwn),
    ("GET", "/watchbell/v1/users/{user}/devices", For::ReadOwn),
    ("POST", "/watchbell/v1/users/{user}/devices", For::ChangeOwn),
    ("DELETE", "/watchbell/v1/users/{user}/devices/999", For::ChangeOwn),
    ("GET", "/watchbell/v1/users/{user}/contacts", For::ReadOwn),
    ("POST", "/watchbell/v1/users/{user}/contacts", For::ChangeOwn),
    ("GET", "/watchbell/v1/users/{user}/contacts/999", For::ReadOwn),
    ("PUT", "/watchbell/v1/users/{user}/contacts/999", For::ChangeOwn),
    ("DELETE", "/watchbell/v1/users/{user}/contacts/999", For::ChangeOwn),
    ("POST", "/watchbell/v1/users/{user}/contacts/999/verification", For::ChangeOwn),
    ("POST", "/watchbell/v1/users/{user}/contacts/999/verification/confirm", For::ChangeOwn),
    ("PUT", "/watchbell/v1/users/{user}/contacts/999/status", For::Admin),
    ("POST", "/watchbell/v1/users/{user}/telegram-link", For::ChangeOwn),
    ("GET", "/watchbell/v1/users/{user}/preferences", For::ReadOwn),
    ("PUT", "/watchbell/v1/users/{user}/preferences", For::ChangeOwn),
    ("GET", "/watchbell/v1/topics", For::Readers),
    ("DELETE", "/watchbell/v1/topics/t", For::Admin),
    ("GET", "/watchbell/v1/overview", For::Readers),
    ("GET", "/watchbell/v1/users/{user}/duties.ics", For::ReadOwn),
    ("GET", "/watchbell/v1/duties", For::Readers),
    ("GET", "/watchbell/v1/topics/t/users", For::Readers),
    ("PUT", "/watchbell/v1/topics/t/users", For::Admin),
    ("PUT", "/watchbell/v1/topics/t/users/{user}", For::Admin),
    ("DELETE", "/watchbell/v1/topics/t/users/{user}", For::Admin),
    ("GET", "/watchbell/v1/categories", For::Readers),
    ("GET", "/watchbell/v1/categories/order.updated", For::Readers),
    ("PUT", "/watchbell/v1/categories/order.updated", For::Admin),
    ("DELETE", "/watchbell/v1/categories/order.updated", For::Admin),
    ("POST", "/watchbell/v1/events", For::Publish),
    ("GET", "/watchbell/v1/dead-letters", For::Readers),
    ("DELETE", "/watchbell/v1/dead-letters", For::Admin),
    ("GET", "/watchbell/v1/dead-letters/999", For::Readers),
    ("POST", "/watchbell/v1/dead-letters/999/replay", For::Admin),
    ("POST", "/watchbell/v1/dead-letters/replay", For::Admin),
    ("GET", "/watchbell/v1/deliveries?user={user}", For::ReadOwn),
    ("POST", "/watchbell/v1/deliveries/01KAFX8M00ABCDEFGHJKMNPQRS/replay", For::Admin),
    ("GET", "/watchbell/v1/keys", For::Readers),
    ("POST", "/watchbell/v1/keys", For::Admin),
    ("DELETE", "/watchbell/v1/keys/999", For::Admin),
    ("GET", "/watchbell/v1/audit", For::Readers),
    ("GET", "/watchbell/v1/unreachable", For::Readers),
    ("GET", "/watchbell/v1/channels", For::Readers),
    ("GET", "/watchbell/v1/export", For::Admin),
    ("POST", "/watchbell/v1/import", For::Admin),
];

#[tokio::test]
async fn every_role_reaches_what_is_its_own_and_nothing_else() {
    for (method, path, who) in ROUTES {
        // A world of its own each, as an admin's DELETE does what it says.
        let world = world().await;
        let mine = path.replace("{user}", &world.anna.to_string());
        let other = path.replace("{user}", &world.ben.to_string());
        let is_of_user = mine != other;
        let table = [
            (USER, &mine, matches!(who, For::ReadOwn | For::ChangeOwn)),
            (USER, &other, matches!(who, For::ReadOwn | For::ChangeOwn) && !is_of_user),
            (READER, &mine, matches!(who, For::Readers | For::ReadOwn)),
            (PUBLISHER, &mine, *who == For::Publish),
            (ADMIN, &mine, true),
        ];
        for (key, path, may) in table {
            // A body that is wrong everywhere, so that nothing is changed where a body is read.
            let answer = world.raw(key, method, path, r#"{"nonsense":[]}"#).await;
            let status = answer.status.as_u16();
            assert_eq!(status != 403 && status != 401, may, "{key} {method} {path}: {status} {}", answer.text);
            assert!(status < 500, "{key} {method} {path}: {status} {}", answer.text);
            if status >= 400 {
                check_form(path, &answer);
            }
        }
        for key in ["", "wb_wrong", "\u{a0}"] {
            let answer = world.raw(key, method, &mine, "{}").await;
            answer.expect(401);
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            check_form(&mine, &answer);
        }
    }
}

#[tokio::test]
async fn basic_authentication_takes_the_key_as_password() {
    let world = world().await;
    let table = [("anna@org:wb_admin", 200), ("anna@org:wrong", 401), ("wb_admin", 401), (":wb_admin", 200)];
    for (pair, status) in table {
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        let request = Request::builder().uri("/api/users").header("authorization", basic).body(Body::empty()).unwrap();
        world.send(request).await.expect(status);
    }
}

#[tokio::test]
async fn a_user_key_cannot_take_another_s_external_id() {
    let world = world().await;
    let path = "/watchbell/v1/users/current";
    world.call(USER, "PUT", path, &json!({ "externalId": "ceo" })).await.expect(403);
    assert_eq!(world.call(USER, "PUT", path, &json!({ "locale": "de" })).await.expect(200)["externalId"], "ext-anna");
}

#[tokio::test]
async fn a_user_key_reads_its_own_deliveries_only() {
    let world = world().await;
    for name in ["ext-anna", "ext-ben"] {
        world.publish("alert", name, json!({ "alertId": name, "summary": "s", "priority": "HIGH", "responders": [name] })).await;
    }
    let all = world.get(ADMIN, "/watchbell/v1/deliveries").await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 2, "a fallback email each");
    let own = world.get(USER, "/watchbell/v1/deliveries").await.expect(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert_eq!(own["items"][0]["userId"], world.anna);
    for delivery in all["items"].as_array().unwrap() {
        let path = format!("/watchbell/v1/deliveries/{}", delivery["id"].as_str().unwrap());
        world.get(USER, &path).await.expect(if delivery["userId"] == world.anna { 200 } else { 404 });
    }
}

/// What a key does not reach is answered in the same words whether or not it is there.
#[tokio::test]
async fn refusals_do_not_tell_who_and_what_there_is() {
    let world = world().await;
    world.publish("alert", "e1", json!({ "alertId": "BENS", "summary": "s", "priority": "HIGH", "responders": ["ext-ben"] })).await;
    let theirs = world.get(ADMIN, "/watchbell/v1/deliveries").await.expect(200)["items"][0].clone();
    let event = theirs["eventId"].as_str().unwrap();
    let nowhere = format!("{}{}", &event[..25], if event.ends_with('Z') { 'Y' } else { 'Z' });
    let explain = |query: String| format!("/watchbell/v1/explain?user=current&{query}");
    let pairs = [
        (format!("/watchbell/v1/users/{}", world.ben), "/watchbell/v1/users/999".to_owned()),
        ("/watchbell/v1/users/ext-ben/contacts".to_owned(), "/watchbell/v1/users/ext-nobody/contacts".to_owned()),
        (format!("/api/users/{}", world.ben), "/api/users/999".to_owned()),
        (format!("/watchbell/v1/deliveries?user={}", world.ben), "/watchbell/v1/deliveries?user=999".to_owned()),
        ("/watchbell/v1/explain?user=ext-ben".to_owned(), "/watchbell/v1/explain?user=ext-nobody".to_owned()),
        (explain("alert=BENS".to_owned()), explain("alert=NOBODYS".to_owned())),
        (explain(format!("event={event}")), explain(format!("event={nowhere}"))),
        (explain("kind=update&status=ACCEPTED&alertId=BENS".to_owned()), explain("kind=update&status=ACCEPTED&alertId=NOBODYS".to_owned())),
    ];
    for (there, nowhere) in pairs {
        let (one, other) = (world.get(USER, &there).await, world.get(USER, &nowhere).await);
        assert_eq!((one.status, one.text), (other.status, other.text), "{there}");
    }
    // Nor can names be tried out by explaining.
    let explained = async |name: &str| {
        let event = json!({ "id": "x", "type": "watchbell.events.alert", "alertId": "X", "summary": "s", "priority": "LOW", "responders": ["ext-anna", name] });
        world.call(USER, "POST", "/watchbell/v1/explain?user=current", &event).await.expect(200)
    };
    assert_eq!(explained("ext-ben").await["problems"], explained("ext-nobody").await["problems"]);
}
