//! Users on the ilert surface.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::harness::{ADMIN, PUBLIC_KEY, PUBLISHER, SECRET_KEY, USER, world};

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
    // What was read can be sent back.
    assert_eq!(world.call(ADMIN, "PUT", &path, &made).await.expect(200), made);
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

#[tokio::test]
async fn what_terraform_compares_is_kept_and_answered() {
    let world = world().await;
    let body = json!({
        "firstName": "Dora", "lastName": "D", "email": "dora@example.org", "timezone": "Europe/Berlin", "language": "de",
        "role": "STAKEHOLDER", "position": "SRE", "department": "Ops", "region": "EU", "shiftColor": "#4cb054",
    });
    let made = world.call(ADMIN, "POST", "/api/users?send-no-invitation=true", &body).await.expect(201);
    let path = format!("/api/users/{}", made["id"]);
    let compare = |shown: &serde_json::Value, wanted: &serde_json::Value| {
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(&shown[name], value, "{name}");
        }
    };
    compare(&made, &body);
    // Terraform's update never sends the username, and leaves out what is no longer wanted.
    let other = json!({
        "firstName": "Dora", "lastName": "E", "email": "dora.e@example.org", "timezone": "UTC", "language": "en", "role": "USER",
        "position": "",
    });
    let replaced = world.call(ADMIN, "PUT", &path, &other).await.expect(200);
    let gone = ["position", "department", "region", "shiftColor"];
    assert!(gone.iter().all(|name| replaced.get(name).is_none()), "{replaced}");
    let mut wanted = other.clone();
    wanted.as_object_mut().unwrap().remove("position");
    compare(&replaced, &wanted);
    assert_eq!(replaced["username"], "dora@example.org", "stays");
    assert_eq!(world.get(ADMIN, &path).await.expect(200), replaced);
    for (field, bad) in [("role", json!("user role")), ("role", json!(5)), ("position", json!("x".repeat(256))), ("shiftColor", json!([]))]
    {
        let refused = world.call(ADMIN, "PUT", &path, &json!({ field: bad })).await.expect(400);
        assert!(refused["message"].as_str().unwrap().starts_with(field), "{refused}");
    }
    assert_eq!(world.get(ADMIN, &format!("/api/users/{}", world.anna)).await.expect(200)["role"], "USER", "unless told");
}

#[tokio::test]
async fn another_address_takes_the_place_of_the_one_that_was_shown() {
    let world = world().await;
    let path = format!("/api/users/{}", world.anna);
    let (emails, phones) = (world.anna("contacts/emails"), world.anna("contacts/phone-numbers"));
    let email = world.email().await;
    let rules = world.anna("notification-preferences/subscriptions");
    let rule = world.call(ADMIN, "POST", &rules, &json!({ "method": "EMAIL", "contact": { "id": email } })).await.expect(201);
    let second = world.call(ADMIN, "POST", &emails, &json!({ "target": "second@example.org" })).await.expect(201);
    let put = async |key: &str, body| world.call(key, "PUT", &path, &body).await;
    // The rule that names the contact follows.
    assert_eq!(put(ADMIN, json!({ "email": "moved@example.org" })).await.expect(200)["email"], "moved@example.org");
    let contact = world.get(ADMIN, &format!("{rules}/{}", rule["id"])).await.expect(200)["contact"].clone();
    assert_eq!(contact, json!({ "id": email, "target": "moved@example.org", "status": "OK" }));
    // A contact of theirs is not there twice, and nothing of the rest was changed either.
    let refused = put(ADMIN, json!({ "email": "second@example.org", "firstName": "X" })).await.expect(400);
    assert_eq!((&refused["code"], &refused["contactId"]), (&json!("BAD_REQUEST"), &second["id"]));
    assert_ne!(world.get(ADMIN, &path).await.expect(200)["firstName"], "X");
    // Only its case: then that is what is answered.
    assert_eq!(put(ADMIN, json!({ "email": "Moved@example.org" })).await.expect(200)["email"], "Moved@example.org");
    // Who has no number gets one; another takes its place; one of theirs becomes the primary one.
    let number = |digits: &str| json!({ "phone": { "regionCode": "DE", "number": digits } });
    assert_eq!(put(ADMIN, number("0151 12345678")).await.expect(200)["phone"]["number"], "+4915112345678");
    assert_eq!(put(ADMIN, number("0151 87654321")).await.expect(200)["phone"]["number"], "+4915187654321");
    assert_eq!(world.get(ADMIN, &phones).await.expect(200).as_array().unwrap().len(), 1);
    world.phone("0151 11111111").await;
    assert_eq!(put(ADMIN, number("0151 11111111")).await.expect(200)["phone"]["number"], "+4915111111111");
    let of_theirs = world.get(ADMIN, &phones).await.expect(200);
    assert_eq!(of_theirs.as_array().unwrap().iter().map(|phone| &phone["primary"]).collect::<Vec<_>>(), [false, true]);
    // What the user claims by themselves is verified first.
    put(USER, json!({ "email": "mine@example.org" })).await.expect(200);
    assert_eq!(world.get(ADMIN, &format!("{emails}/{email}")).await.expect(200)["status"], "LOCKED");
    put(USER, json!({ "role": "ADMIN" })).await.expect(403);
    put(USER, json!({ "role": "USER", "position": "SRE" })).await.expect(200);
}

#[tokio::test]
async fn users_are_found_by_their_name() {
    let world = world().await;
    assert_eq!(world.get(ADMIN, "/api/users/anna").await.expect(200)["id"], world.anna);
    assert_eq!(world.get(USER, "/api/users/anna").await.expect(200)["id"], world.anna);
    world.get(ADMIN, "/api/users/nobody").await.expect(404);
    for other in ["ben", "nobody"] {
        world.get(USER, &format!("/api/users/{other}")).await.expect(403);
    }
    world.get(PUBLISHER, "/api/users/anna").await.expect(403);
    let mail = world.call(ADMIN, "POST", "/api/users", &json!({ "email": "eve@example.org" })).await.expect(201);
    let path = "/api/users/eve%40example.org";
    assert_eq!(world.get(ADMIN, path).await.expect(200), mail);
    assert_eq!(world.call(ADMIN, "PUT", path, &json!({ "firstName": "Eve" })).await.expect(200)["firstName"], "Eve");
    world.raw(ADMIN, "DELETE", path, "").await.expect(204);
    world.get(ADMIN, path).await.expect(404);
}

/// Anybody may claim an address: until it is verified, nobody takes it for theirs.
#[tokio::test]
async fn an_unverified_address_is_nobody_s() {
    let world = world().await;
    for (path, target) in [("contacts/emails", "boss@example.org"), ("contacts/phone-numbers", "+4915112345678")] {
        let claim = json!({ "target": target, "regionCode": "DE" });
        assert_eq!(world.call(USER, "POST", &world.anna(path), &claim).await.expect(201)["status"], "LOCKED");
    }
    let search = json!({ "email": "boss@example.org" });
    world.call(ADMIN, "POST", "/api/users/search-email", &search).await.expect(404);
    let oncall = async |query: &str| {
        let request = Request::builder().uri(format!("/api/v1/users/?{query}")).header("authorization", ADMIN);
        world.send(request.body(Body::empty()).unwrap()).await.expect(200)["results"].clone()
    };
    assert_eq!(oncall("email=boss%40example.org").await, json!([]));
    let anna = world.get(ADMIN, &format!("/api/users/{}", world.anna)).await.expect(200);
    assert_eq!((&anna["email"], anna.get("phone")), (&json!("anna@example.org"), None));
    // Whose it is gets it all the same, and an import that joins finds them.
    let boss = world.call(ADMIN, "POST", "/api/users", &search).await.expect(201);
    assert_eq!(world.call(ADMIN, "POST", "/api/users/search-email", &search).await.expect(200)["id"], boss["id"]);
    assert_eq!(oncall("email=BOSS%40example.org").await[0]["grafana_id"], boss["id"]);
    let contact = json!({ "kind": "email", "target": "boss@example.org" });
    let import = json!({ "users": [{ "externalId": "b1", "username": "b1", "contacts": [contact] }] });
    world.call(ADMIN, "POST", "/watchbell/v1/import?join=true", &import).await.expect(200);
    assert_eq!(world.get(ADMIN, "/watchbell/v1/users/b1").await.expect(200)["id"], boss["id"]);
}

#[tokio::test]
async fn one_user_has_a_name_and_an_address() {
    let world = world().await;
    for (body, what) in
        [(json!({ "username": "ANNA" }), "username"), (json!({ "username": "anna 2", "email": "Anna@example.org" }), "email")]
    {
        let refused = world.call(ADMIN, "POST", "/api/users", &body).await.expect(400);
        assert!(refused["message"].as_str().unwrap().contains(&format!("{what} belongs to another user")), "{refused}");
    }
    let put = async |key: &str, path: &str, body| world.call(key, "PUT", path, &body).await;
    let own = format!("/watchbell/v1/users/{}", world.anna);
    put(ADMIN, &own, json!({ "username": "ben" })).await.expect(409);
    // Nobody gives themselves a name that somebody else is to have.
    for path in [own.clone(), format!("/api/users/{}", world.anna)] {
        put(USER, &path, json!({ "username": "boss@example.org" })).await.expect(403);
        put(USER, &path, json!({ "username": "anna", "firstName": "A" })).await.expect(200);
    }
    put(ADMIN, &own, json!({ "username": "annika" })).await.expect(200);
    // An application that names no user names is not kept out by one, only by an address.
    let upsert = async |id: &str, body: Value| {
        let request = Request::builder().method("PUT").uri(format!("/admin/v1/users/{id}"));
        let request = request.header("x-notiflows-api-key", PUBLIC_KEY).header("x-notiflows-secret-key", SECRET_KEY);
        world.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    upsert("ben", json!({})).await.expect(201);
    upsert("other", json!({ "email": "ben@example.org" })).await.expect(409);
    upsert("ext-ben", json!({ "email": "ben@example.org" })).await.expect(200);
}
