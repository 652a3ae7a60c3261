//! Watchbell's own surface: users, devices, verification, topics.

use serde_json::json;
use watchbell_core::Channel;
use watchbell_store::queue::{Ranks, Target};

use crate::harness::{ADMIN, USER, World, world, world_with};

#[tokio::test]
async fn a_user_is_found_by_every_name_and_changed_in_part() {
    let world = world().await;
    let shown = world.get(ADMIN, &format!("/watchbell/v1/users/{}", world.anna)).await.expect(200);
    for name in ["ext-anna", shown["publicId"].as_str().unwrap()] {
        assert_eq!(world.get(ADMIN, &format!("/watchbell/v1/users/{name}")).await.expect(200), shown);
    }
    let path = "/watchbell/v1/users/ext-anna";
    let change = json!({ "timezone": "Europe/Berlin", "locale": "de-AT", "firstName": "Anna", "quietHours": { "start": "22:00", "end": "07:00", "days": [1, 7] } });
    let changed = world.call(ADMIN, "PUT", path, &change).await.expect(200);
    assert_eq!(
        (&changed["timezone"], &changed["locale"], &changed["firstName"]),
        (&json!("Europe/Berlin"), &json!("de-AT"), &json!("Anna"))
    );
    assert_eq!(changed["quietHours"], json!({ "start": "22:00", "end": "07:00", "days": [1, 7] }));
    let changed = world.call(USER, "PUT", path, &json!({ "quietHours": null, "timezone": null })).await.expect(200);
    assert_eq!((changed.get("quietHours"), &changed["timezone"]), (None, &json!("Europe/Berlin")));
    let taken = world.call(ADMIN, "PUT", path, &json!({ "externalId": "ext-ben" })).await.expect(409);
    assert_eq!(taken["error"]["code"], "conflict");
}

#[tokio::test]
async fn devices_show_the_end_of_their_token_only() {
    let world = world().await;
    let path = "/watchbell/v1/users/current/devices";
    let made = world.call(USER, "POST", path, &json!({ "kind": "fcm", "token": "a-long-secret-token-f00d" })).await.expect(201);
    assert_eq!((&made["kind"], &made["token"]), (&json!("fcm"), &json!("…f00d")));
    let keys = json!({ "p256dh": "B".repeat(86) + "A", "auth": "A".repeat(22) });
    let push = json!({ "kind": "webpush", "token": "https://push.example.org/abcdef", "keys": keys });
    world.call(USER, "POST", path, &push).await.expect(201);
    world.call(USER, "POST", path, &json!({ "kind": "apns", "token": "ab".repeat(32) })).await.expect(201);
    let listed = world.get(USER, path).await;
    assert_eq!(listed.expect(200)["items"].as_array().unwrap().len(), 3);
    assert!(!listed.text.contains("secret") && !listed.text.contains("abcdef"), "{}", listed.text);
    world.raw(USER, "DELETE", &format!("{path}/{}", made["id"]), "").await.expect(204);
    world.raw(USER, "DELETE", &format!("{path}/{}", made["id"]), "").await.expect(404);
}

/// The code, as it would be sent.
async fn code(world: &World) -> String {
    let epoch = world.worker(Channel::Email).await;
    let jobs = world.store.claim(epoch, Channel::Email, Ranks::All, 10).await.unwrap();
    let job = jobs.first().unwrap();
    assert!(matches!(&job.target, Target::Contact { .. }));
    match job.event.as_ref() {
        watchbell_core::event::EventData::Verification(data) => data.code.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_contact_is_verified_by_the_code_that_was_sent_to_it() {
    let world = world().await;
    let made = world.call(USER, "POST", "/api/users/current/contacts/emails", &json!({ "target": "new@example.org" })).await.expect(201);
    let path = format!("/watchbell/v1/users/current/contacts/{}/verification", made["id"]);
    let confirm = format!("{path}/confirm");
    world.call(USER, "POST", &confirm, &json!({ "code": "000000" })).await.expect(409);
    assert_eq!(world.raw(USER, "POST", &path, "").await.expect(202)["expiresAt"], "2026-11-20T08:15:00.000Z");
    let again = world.raw(USER, "POST", &path, "").await;
    again.expect(429);
    assert_eq!(again.header("retry-after"), "60");
    let code = code(&world).await;
    assert_eq!(code.len(), 6);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert!(
        world.call(USER, "POST", &confirm, &json!({ "code": wrong })).await.expect(400)["error"]["message"]
            .as_str()
            .unwrap()
            .contains("4 tries")
    );
    let ok = world.call(USER, "POST", &confirm, &json!({ "code": code })).await.expect(200);
    assert_eq!((&ok["status"], &ok["target"]), (&json!("OK"), &json!("new@example.org")));
    world.raw(USER, "POST", &path, "").await.expect(409);
}

#[tokio::test]
async fn a_telegram_link_needs_a_bot() {
    let world = world_with(|settings| settings.chat_link = None).await;
    let answer = world.raw(USER, "POST", "/watchbell/v1/users/current/telegram-link", "").await.expect(409);
    assert!(answer["error"]["message"].as_str().unwrap().contains("bot_name"));
}

#[tokio::test]
async fn topics_have_members() {
    let world = world().await;
    let path = "/watchbell/v1/topics/a%2Fb%20c/users";
    world.call(ADMIN, "PUT", path, &json!({ "users": [world.anna, "ext-ben"] })).await.expect(204);
    world.raw(ADMIN, "PUT", &format!("{path}/ext-anna"), "").await.expect(204);
    let first = world.get(ADMIN, &format!("{path}?limit=1")).await.expect(200);
    assert_eq!(first["items"], json!([{ "id": world.anna }]));
    let second = world.get(ADMIN, &format!("{path}?limit=1&cursor={}", first["nextCursor"].as_str().unwrap())).await.expect(200);
    assert_eq!(second, json!({ "items": [{ "id": world.ben }] }));
    world.raw(ADMIN, "DELETE", &format!("{path}/{}", world.anna), "").await.expect(204);
    world.raw(ADMIN, "DELETE", &format!("{path}/{}", world.anna), "").await.expect(204);
    assert_eq!(world.get(ADMIN, path).await.expect(200)["items"], json!([{ "id": world.ben }]));
    world.raw(ADMIN, "PUT", &format!("{path}/nobody"), "").await.expect(404);
}
