//! Every field with every wrong type, and some wrong texts: 400, the field is named, and nothing is kept.

use serde_json::{Value, json};

use crate::harness::{ADMIN, World, check_form, world};

/// A route, a field, what it must not be, and the rest of the body.
type Case = (&'static str, String, &'static str, Vec<Value>, Value);

async fn refused(world: &World, table: Vec<Case>) {
    for (method, path, field, values, base) in table {
        for value in values {
            let mut body = base.clone();
            body[field] = value.clone();
            let answer = world.call(ADMIN, method, &path, &body).await;
            assert_eq!(answer.status, 400, "{method} {path} {field}={value}: {}", answer.text);
            check_form(&path, &answer);
            assert!(answer.text.contains(field), "{field} is not named: {}", answer.text);
        }
    }
}

/// What no text field takes.
fn wrong_texts(more: &[Value]) -> Vec<Value> {
    let mut all = vec![json!(1), json!(true), json!([]), json!({}), json!(""), json!("x".repeat(256)), json!("a\nb")];
    all.extend_from_slice(more);
    all
}

#[tokio::test]
async fn of_contacts() {
    let world = world().await;
    let (emails, phones) = (world.anna("contacts/emails"), world.anna("contacts/phone-numbers"));
    let not_emails = wrong_texts(&[json!(null), json!("nobody"), json!("a@b"), json!("Anna <a@example.org>")]);
    let not_phones = wrong_texts(&[json!(null), json!("12"), json!("abc")]);
    let not_regions = vec![json!(null), json!(1), json!("XX"), json!("Germany"), json!("")];
    let number = json!({ "target": "0151 12345678" });
    let phone = json!({ "target": "0151 12345678", "regionCode": "DE" });
    let table = vec![
        ("POST", emails, "target", not_emails, json!({})),
        ("POST", phones.clone(), "target", not_phones, json!({ "regionCode": "DE" })),
        ("POST", phones.clone(), "regionCode", not_regions, number),
        ("POST", phones.clone(), "primary", vec![json!(1), json!("true"), json!({}), json!(null)], phone),
    ];
    refused(&world, table).await;
    assert_eq!(world.get(ADMIN, &phones).await.expect(200), json!([]));
}

#[tokio::test]
async fn of_users() {
    let world = world().await;
    let (users, anna) = ("/api/users".to_owned(), format!("/watchbell/v1/users/{}", world.anna));
    let named = json!({ "username": "x" });
    let long = json!("x".repeat(256));
    let not_hours = vec![
        json!("22-7"),
        json!({}),
        json!({ "start": "22:00" }),
        json!({ "start": "25:00", "end": "07:00" }),
        json!({ "start": "07:00", "end": "07:00" }),
        json!({ "start": "22:00", "end": "07:00", "days": [0] }),
        json!({ "start": "22:00", "end": "07:00", "days": [1, 1] }),
        json!({ "start": "22:00", "end": "07:00", "x": 1 }),
    ];
    let table = vec![
        ("POST", users.clone(), "username", wrong_texts(&[json!(null)]), json!({})),
        ("POST", users.clone(), "firstName", vec![json!(1), long.clone(), json!("a\u{7}")], named.clone()),
        ("POST", users.clone(), "email", vec![json!("x"), json!(1)], named.clone()),
        ("POST", users.clone(), "timezone", vec![json!("Mars/Olympus"), json!(1), json!("../etc/passwd")], named.clone()),
        ("POST", users.clone(), "language", vec![json!("de_DE"), json!(1), json!("")], named.clone()),
        ("POST", users.clone(), "phone", vec![json!("0151"), json!(1), json!([])], named),
        ("PUT", anna.clone(), "timezone", vec![json!("Nowhere"), json!({})], json!({})),
        ("PUT", anna.clone(), "locale", vec![json!("x y"), json!(7)], json!({})),
        ("PUT", anna.clone(), "quietHours", not_hours, json!({})),
        ("PUT", anna.clone(), "externalId", vec![json!(1), json!(""), long], json!({})),
        ("PUT", anna, "timezome", vec![json!("UTC")], json!({})),
    ];
    refused(&world, table).await;
    assert_eq!(world.get(ADMIN, &users).await.expect(200).as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn of_devices() {
    let world = world().await;
    let path = format!("/watchbell/v1/users/{}/devices", world.anna);
    let fcm = json!({ "kind": "fcm", "token": "abc" });
    let push = json!({ "kind": "webpush", "token": "https://push.example.org/x", "keys": { "p256dh": "x", "auth": "y" } });
    let not_keys = vec![json!(null), json!("x"), json!({}), json!({ "p256dh": "AAAA", "auth": "AAAA" })];
    let not_fcm = vec![json!(null), json!(""), json!("a b"), json!("x".repeat(2_049)), json!(1)];
    let not_apns = vec![json!("abc"), json!("zz".repeat(32)), json!("ab".repeat(101))];
    let table = vec![
        ("POST", path.clone(), "kind", vec![json!(null), json!("gcm"), json!(1)], fcm.clone()),
        ("POST", path.clone(), "token", not_fcm, fcm.clone()),
        ("POST", path.clone(), "token", not_apns, json!({ "kind": "apns" })),
        ("POST", path.clone(), "token", vec![json!("http://push.example.org/x"), json!("abc")], push.clone()),
        ("POST", path.clone(), "keys", not_keys, push),
        ("POST", path.clone(), "keys", vec![json!({})], fcm),
    ];
    refused(&world, table).await;
    assert_eq!(world.get(ADMIN, &path).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn of_keys_and_topics() {
    let world = world().await;
    let (keys, members) = ("/watchbell/v1/keys".to_owned(), "/watchbell/v1/topics/t/users".to_owned());
    let key = json!({ "name": "k", "role": "user", "user": 1 });
    let nobody = vec![json!(null), json!(999), json!("nobody"), json!([]), json!(1.5), json!("")];
    let not_members = vec![json!(null), json!("x"), json!([[]]), json!(["nobody"]), json!([1, 999]), json!(vec![1; 1_001])];
    let table = vec![
        ("POST", keys.clone(), "name", vec![json!(null), json!(""), json!(1), json!("x".repeat(256))], key.clone()),
        ("POST", keys.clone(), "role", vec![json!(null), json!("root"), json!(1)], key.clone()),
        ("POST", keys.clone(), "pair", vec![json!("yes"), json!(1), json!({})], key.clone()),
        ("POST", keys.clone(), "expiresAt", vec![json!(""), json!("tomorrow"), json!(7), json!("2020-01-01T00:00:00Z")], key.clone()),
        ("POST", keys.clone(), "user", nobody, key),
        ("PUT", members.clone(), "users", not_members, json!({})),
    ];
    refused(&world, table).await;
    assert_eq!(world.get(ADMIN, &keys).await.expect(200)["items"].as_array().unwrap().len(), 5, "those of the harness");
    assert_eq!(world.get(ADMIN, &members).await.expect(200)["items"], json!([]));
}
