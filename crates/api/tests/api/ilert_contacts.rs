//! Contacts on the ilert surface.

use serde_json::json;

use crate::harness::{ADMIN, USER, world};

#[tokio::test]
async fn phone_numbers_are_kept_as_e164_and_one_is_primary() {
    let world = world().await;
    let path = world.anna("contacts/phone-numbers");
    let first = json!({ "target": "0151 12345678", "regionCode": "de", "primary": true });
    let first = world.call(ADMIN, "POST", &path, &first).await.expect(201);
    assert_eq!(first["target"], "+4915112345678");
    assert_eq!(first["regionCode"], "DE");
    assert_eq!(first["status"], "OK");
    assert_eq!(first["primary"], true);
    let second = json!({ "target": "+14155552671", "regionCode": "US", "primary": true });
    let second = world.call(ADMIN, "POST", &path, &second).await.expect(201);
    assert_eq!(second["primary"], true);
    let first = world.get(ADMIN, &format!("{path}/{}", first["id"])).await.expect(200);
    assert_eq!(first["primary"], false, "primary moved");
}

#[tokio::test]
async fn the_same_target_twice_is_refused_naming_the_first() {
    let world = world().await;
    let first = world.phone("0151 12345678").await;
    let again = json!({ "target": "+49 151 12345678", "regionCode": "US" });
    let body = world.call(ADMIN, "POST", &world.anna("contacts/phone-numbers"), &again).await.expect(400);
    // Not 409: ilert's own clients repeat that for ten minutes.
    assert_eq!(body["code"], "BAD_REQUEST");
    assert_eq!(body["contactId"], first);
    assert!(body["message"].as_str().unwrap().contains(&first.to_string()));
    let second = world.phone("0151 87654321").await;
    let path = world.anna(&format!("contacts/phone-numbers/{second}"));
    assert_eq!(world.call(ADMIN, "PUT", &path, &again).await.expect(400)["contactId"], first);
}

#[tokio::test]
async fn a_user_s_own_contact_is_locked_until_it_is_verified() {
    let world = world().await;
    let made = world.call(USER, "POST", "/api/users/current/contacts/emails", &json!({ "target": "new@example.org" })).await.expect(201);
    assert_eq!(made["status"], "LOCKED");
    let path = format!("/api/users/current/contacts/emails/{}", made["id"]);
    let ok = format!("/watchbell/v1/users/{}/contacts/{}/status", world.anna, made["id"]);
    world.call(ADMIN, "PUT", &ok, &json!({ "status": "OK" })).await.expect(200);
    let same = world.call(USER, "PUT", &path, &json!({ "target": "new@example.org" })).await.expect(200);
    assert_eq!(same["status"], "OK", "the same target is verified already");
    let other = world.call(USER, "PUT", &path, &json!({ "target": "other@example.org" })).await.expect(200);
    assert_eq!(other["status"], "LOCKED");
}

#[tokio::test]
async fn a_contact_in_use_is_deleted_only_with_its_rules() {
    let world = world().await;
    let (email, rules) = (world.email().await, world.anna("notification-preferences/subscriptions"));
    let rule = world.call(ADMIN, "POST", &rules, &json!({ "method": "EMAIL", "contact": { "id": email } })).await.expect(201);
    let path = world.anna(&format!("contacts/emails/{email}"));
    let refused = world.raw(ADMIN, "DELETE", &path, "").await.expect(409);
    assert_eq!(refused["ruleIds"], json!([rule["id"]]));
    world.raw(ADMIN, "DELETE", &format!("{path}?force=maybe"), "").await.expect(400);
    world.raw(ADMIN, "DELETE", &format!("{path}?force=false"), "").await.expect(409);
    world.raw(ADMIN, "DELETE", &format!("{path}?force=true"), "").await.expect(204);
    assert_eq!(world.get(ADMIN, &rules).await.expect(200), json!([]));
}

#[tokio::test]
async fn targets_are_found_however_they_are_written() {
    let world = world().await;
    let phone = world.phone("0151 12345678").await;
    let email = world.email().await;
    let table = [
        ("phone-numbers", "+4915112345678", Some(phone)),
        ("phone-numbers", "0151/12345678", Some(phone)),
        ("phone-numbers", "0151 00000000", None),
        ("phone-numbers", "nonsense", None),
        ("emails", "anna@example.org", Some(email)),
        ("emails", " ANNA@Example.ORG", Some(email)),
        ("emails", "ben@example.org", None),
        ("emails", "+4915112345678", None),
    ];
    for (kind, target, found) in table {
        let path = world.anna(&format!("contacts/{kind}/search-target"));
        let answer = world.call(ADMIN, "POST", &path, &json!({ "target": target })).await;
        match found {
            Some(id) => assert_eq!(answer.expect(200)["id"], id, "{target}"),
            None => assert_eq!(answer.expect(404)["code"], "NOT_FOUND", "{target}"),
        }
    }
}

#[tokio::test]
async fn an_id_of_another_kind_or_user_is_not_there() {
    let world = world().await;
    let (email, phone) = (world.email().await, world.phone("0151 12345678").await);
    let body = json!({ "target": "x@example.org", "regionCode": "DE" });
    for path in [
        world.anna(&format!("contacts/emails/{phone}")),
        world.anna(&format!("contacts/phone-numbers/{email}")),
        format!("/api/users/{}/contacts/emails/{email}", world.ben),
    ] {
        world.get(ADMIN, &path).await.expect(404);
        world.raw(ADMIN, "DELETE", &path, "").await.expect(404);
        let body = if path.contains("phone") { json!({ "target": "0151 99999999", "regionCode": "DE" }) } else { body.clone() };
        world.call(ADMIN, "PUT", &path, &body).await.expect(404);
    }
    assert_eq!(world.get(ADMIN, &world.anna("contacts/emails")).await.expect(200).as_array().unwrap().len(), 1);
}
