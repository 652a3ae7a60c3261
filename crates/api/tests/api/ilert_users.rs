//! Users on the ilert surface.

use serde_json::json;

use crate::harness::{ADMIN, PUBLISHER, USER, world};

#[tokio::test]
async fn a_user_is_made_shown_replaced_and_deleted() {
    let world = world().await;
    let body = json!({
        "username": "cleo", "firstName": "Cleo", "lastName": "Example", "email": "Cleo@Example.ORG",
        "timezone": "Europe/Berlin", "language": "de", "phone": { "regionCode": "DE", "number": "0151 12345678" }, "role": "USER",
    });
    let made = world.call(ADMIN, "POST", "/api/users", &body).await.expect(201);
    let path = format!("/api/users/{}", made["id"]);
    assert_eq!(made["email"], "Cleo@example.org");
    assert_eq!(made["phone"], json!({ "regionCode": "DE", "number": "+4915112345678" }));
    assert_eq!(world.get(ADMIN, &path).await.expect(200), made);
    let emails = world.get(ADMIN, &format!("{path}/contacts/emails")).await.expect(200);
    assert_eq!((&emails[0]["target"], &emails[0]["status"]), (&json!("Cleo@example.org"), &json!("OK")));
    // What was read can be sent back; an address is not changed here.
    assert_eq!(world.call(ADMIN, "PUT", &path, &made).await.expect(200), made);
    let mut other = made.clone();
    other["email"] = "other@example.org".into();
    assert!(world.call(ADMIN, "PUT", &path, &other).await.expect(400)["message"].as_str().unwrap().contains("email"));
    let replaced = world.call(ADMIN, "PUT", &path, &json!({ "username": "cleo2" })).await.expect(200);
    assert_eq!((&replaced["username"], &replaced["firstName"], &replaced["timezone"]), (&json!("cleo2"), &json!(""), &json!("UTC")));
    world.raw(ADMIN, "DELETE", &path, "").await.expect(204);
    world.raw(ADMIN, "DELETE", &path, "").await.expect(404);
    world.get(ADMIN, &path).await.expect(404);
}

#[tokio::test]
async fn what_another_surface_keeps_survives_a_replacement() {
    let world = world().await;
    let own = format!("/watchbell/v1/users/{}", world.anna);
    world.call(ADMIN, "PUT", &own, &json!({ "quietHours": { "start": "22:00", "end": "07:00" } })).await.expect(200);
    world.call(ADMIN, "PUT", &format!("/api/users/{}", world.anna), &json!({ "username": "anna" })).await.expect(200);
    let kept = world.get(ADMIN, &own).await.expect(200);
    assert_eq!((&kept["externalId"], &kept["quietHours"]["start"]), (&json!("ext-anna"), &json!("22:00")));
}

#[tokio::test]
async fn users_come_in_pages() {
    let world = world().await;
    for n in 0..3 {
        world.call(ADMIN, "POST", "/api/users", &json!({ "username": format!("user-{n}") })).await.expect(201);
    }
    let names = async |query: &str| {
        let page = world.get(ADMIN, &format!("/api/users{query}")).await.expect(200);
        page.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["anna", "ben", "user-0", "user-1", "user-2"]);
    assert_eq!(names("?start-index=1&max-results=2").await, ["ben", "user-0"]);
    assert_eq!(names("?start-index=99").await, [""; 0]);
    for bad in ["?max-results=0", "?max-results=101", "?start-index=-1", "?start-index=x", "?max-results=1&max-results=2"] {
        world.get(ADMIN, &format!("/api/users{bad}")).await.expect(400);
    }
}

#[tokio::test]
async fn emails_are_searched() {
    let world = world().await;
    let search = async |key: &str, email: &str| world.call(key, "POST", "/api/users/search-email", &json!({ "email": email })).await;
    assert_eq!(search(ADMIN, "ANNA@example.org").await.expect(200)["id"], world.anna);
    search(ADMIN, "nobody@example.org").await.expect(404);
    search(ADMIN, "nonsense").await.expect(400);
    assert_eq!(search(USER, "anna@example.org").await.expect(200)["id"], world.anna);
    search(USER, "ben@example.org").await.expect(404);
    search(PUBLISHER, "anna@example.org").await.expect(403);
}

#[tokio::test]
async fn current_is_the_key_s_own_user() {
    let world = world().await;
    assert_eq!(world.get(USER, "/api/users/current").await.expect(200)["username"], "anna");
    assert_eq!(world.get(USER, "/api/users/current/contacts/emails").await.expect(200)[0]["target"], "anna@example.org");
    world.get(ADMIN, "/api/users/current").await.expect(404);
    world.get(PUBLISHER, "/api/users/current").await.expect(403);
}
