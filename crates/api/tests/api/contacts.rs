//! Contacts of every kind on Watchbell's own surface.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use watchbell_core::Secret;
use watchbell_core::contact::ContactKind;
use watchbell_core::contact_key::ContactKey;
use watchbell_core::network::{Network, Reach};

use watchbell_store::Quotas;

use crate::harness::{ADMIN, READER, USER, World, world, world_of, world_with};

const HOOK: &str = "https://hooks.slack.com/services/T024BE7LD/B024BE91L/hush1234";

fn path(world: &World, rest: &str) -> String {
    format!("/watchbell/v1/users/{}/contacts{rest}", world.anna)
}

async fn make(world: &World, key: &str, body: Value) -> Value {
    world.call(key, "POST", &path(world, ""), &body).await.expect(201)
}

#[tokio::test]
async fn every_kind_is_made_read_changed_and_deleted() {
    let world = world().await;
    let table = [
        (json!({"kind": "email", "target": "Ops@Example.ORG"}), "Ops@example.org", "b@example.org"),
        (json!({"kind": "telegram", "target": "-1001234567890"}), "-1001234567890", "@ops_alerts"),
        (json!({"kind": "slack", "target": HOOK}), HOOK, "C024BE91L"),
        (
            json!({"kind": "teams", "target": "https://prod-1.logic.azure.com/workflows/1?sig=x"}),
            "https://prod-1.logic.azure.com/workflows/1?sig=x",
            "https://prod-2.logic.azure.com/w",
        ),
        (
            json!({"kind": "mattermost", "target": "https://chat.example.org/hooks/x"}),
            "https://chat.example.org/hooks/x",
            "https://c.example/y",
        ),
        (json!({"kind": "webhook", "target": "HTTPS://Example.org"}), "https://example.org/", "https://example.org/2"),
    ];
    for (body, target, other) in table {
        let made = make(&world, ADMIN, body.clone()).await;
        let expected = json!({"id": made["id"], "kind": body["kind"], "target": target, "primary": false, "status": "OK"});
        assert_eq!(made, expected);
        let one = path(&world, &format!("/{}", made["id"]));
        assert_eq!(world.get(ADMIN, &one).await.expect(200), expected);
        let changed = world.call(ADMIN, "PUT", &one, &json!({"kind": body["kind"], "target": other})).await.expect(200);
        assert_eq!((&changed["id"], changed["target"].as_str()), (&made["id"], Some(other)));
        world.call(ADMIN, "PUT", &one, &json!({"kind": "phone", "target": other})).await.expect(400);
        let listed = world.get(ADMIN, &path(&world, &format!("?kind={}", body["kind"].as_str().unwrap()))).await.expect(200);
        assert!(listed["items"].as_array().unwrap().contains(&changed), "{listed}");
        world.raw(ADMIN, "DELETE", &one, "").await.expect(204);
        world.get(ADMIN, &one).await.expect(404);
    }
    let phone = make(&world, ADMIN, json!({"kind": "phone", "target": "0151 12345678", "regionCode": "DE", "primary": true})).await;
    assert_eq!((&phone["target"], &phone["regionCode"], &phone["primary"]), (&json!("+4915112345678"), &json!("DE"), &json!(true)));
    let all = world.get(ADMIN, &path(&world, "")).await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 2, "with her first email: {all}");
    world.get(ADMIN, &path(&world, "?kind=pigeon")).await.expect(400);
}

#[tokio::test]
async fn addresses_that_cannot_be_used_are_refused_with_what_would_be_right() {
    let world = world().await;
    let table = [
        (json!({"target": "a@example.org"}), "kind"),
        (json!({"kind": "pigeon", "target": "x"}), "kind"),
        (json!({"kind": "email"}), "target"),
        (json!({"kind": "email", "target": "anna"}), "target"),
        (json!({"kind": "email", "target": 7}), "target"),
        (json!({"kind": "phone", "target": "0151 12345678"}), "regionCode"),
        (json!({"kind": "telegram", "target": "anna"}), "target"),
        (json!({"kind": "slack", "target": "#ops"}), "target"),
        (json!({"kind": "slack", "target": "https://hooks.slack.com.evil.example/services/T/B/x"}), "target"),
        (json!({"kind": "teams", "target": "http://example.org/"}), "target"),
        (json!({"kind": "mattermost", "target": "https://10.0.0.1/hooks/x"}), "target"),
        (json!({"kind": "webhook", "target": "https://169.254.169.254/latest/meta-data"}), "target"),
        (json!({"kind": "webhook", "target": "https://[::ffff:127.0.0.1]/"}), "target"),
        (json!({"kind": "webhook", "target": "https://localhost:8080/"}), "target"),
        (json!({"kind": "webhook", "target": "https://me:secret@example.org/"}), "target"),
        (json!({"kind": "webhook", "target": format!("https://example.org/{}", "x".repeat(2_048))}), "target"),
        (json!({"kind": "webhook", "target": "https://example.org/", "primary": true}), "primary"),
        (json!({"kind": "webhook", "target": "https://example.org/", "regionCode": "DE"}), "regionCode"),
        (json!({"kind": "webhook", "target": "https://example.org/", "secret": "x"}), "secret"),
    ];
    for (body, field) in table {
        let answer = world.call(ADMIN, "POST", &path(&world, ""), &body).await;
        let error = answer.expect(400);
        assert_eq!(error["error"]["field"], field, "{body}: {error}");
        assert!(!answer.text.contains("secret@"), "{error}");
    }
    // 2,048 characters are taken, unlike an email of more than 255.
    let long = format!("https://example.org/{}", "x".repeat(2_000));
    make(&world, ADMIN, json!({"kind": "webhook", "target": long})).await;
}

#[tokio::test]
async fn what_the_configuration_allows_is_taken() {
    let world = world_with(|settings| {
        let lan = Reach::new(false, vec![Network::parse("10.0.0.0/8").unwrap()]);
        settings.contact_reach.insert(ContactKind::Mattermost, lan);
        settings.push_reach = Reach::new(true, vec![]);
    })
    .await;
    for target in ["http://10.0.0.1:8065/hooks/x", "http://chat.lan/hooks/x", "https://10.0.0.1/hooks/x"] {
        make(&world, ADMIN, json!({"kind": "mattermost", "target": target})).await;
    }
    for (kind, target) in [("mattermost", "http://192.168.0.1/hooks/x"), ("webhook", "https://10.0.0.1/")] {
        world.call(ADMIN, "POST", &path(&world, ""), &json!({"kind": kind, "target": target})).await.expect(400);
    }
    let keys = json!({"p256dh": format!("BA{}", "A".repeat(85)), "auth": "A".repeat(22)});
    let devices = format!("/watchbell/v1/users/{}/devices", world.anna);
    for (token, status) in [("http://127.0.0.1:9/push", 201), ("ftp://127.0.0.1/push", 400)] {
        let body = json!({"kind": "webpush", "token": token, "keys": keys});
        world.call(ADMIN, "POST", &devices, &body).await.expect(status);
    }
}

#[tokio::test]
async fn a_browser_s_push_service_is_on_the_public_internet() {
    let world = world().await;
    let keys = json!({"p256dh": format!("BA{}", "A".repeat(85)), "auth": "A".repeat(22)});
    let devices = format!("/watchbell/v1/users/{}/devices", world.anna);
    for (token, status) in [
        ("https://updates.push.services.mozilla.com/wpush/v2/x", 201),
        ("http://updates.push.services.mozilla.com/wpush/v2/x", 400),
        ("https://127.0.0.1/x", 400),
        ("https://[fd00::1]/x", 400),
    ] {
        let body = json!({"kind": "webpush", "token": token, "keys": keys});
        world.call(USER, "POST", &devices, &body).await.expect(status);
    }
}

#[tokio::test]
async fn a_user_s_own_contact_is_locked_until_a_code_has_come_back() {
    let world = world().await;
    let made = make(&world, USER, json!({"kind": "webhook", "target": "https://example.org/hook"})).await;
    assert_eq!(made["status"], "LOCKED");
    let verification = path(&world, &format!("/{}/verification", made["id"]));
    world.raw(USER, "POST", &verification, "").await.expect(202);
    let sent = world.get(ADMIN, &format!("/watchbell/v1/deliveries?user={}", world.anna)).await.expect(200);
    assert_eq!(sent["items"][0]["channel"], "webhook", "{sent}");
    // Only the bot can tell whose chat it is.
    world.call(USER, "POST", &path(&world, ""), &json!({"kind": "telegram", "target": "42"})).await.expect(403);
    let chat = make(&world, ADMIN, json!({"kind": "telegram", "target": "42"})).await;
    world.call(USER, "PUT", &path(&world, &format!("/{}", chat["id"])), &json!({"target": "43"})).await.expect(403);
}

#[tokio::test]
async fn the_same_target_twice_is_a_conflict_and_so_is_deleting_what_rules_use() {
    let world = world().await;
    let first = make(&world, ADMIN, json!({"kind": "webhook", "target": "https://example.org/hook"})).await;
    let again = json!({"kind": "webhook", "target": "https://EXAMPLE.org:443/hook"});
    let error = world.call(ADMIN, "POST", &path(&world, ""), &again).await.expect(409);
    assert_eq!(error["error"]["contactId"], first["id"], "{error}");
    let email = world.email().await;
    let rules = world.anna("notification-preferences/subscriptions");
    let rule = world.call(ADMIN, "POST", &rules, &json!({"method": "EMAIL", "contact": {"id": email}})).await.expect(201);
    let one = path(&world, &format!("/{email}"));
    let error = world.raw(ADMIN, "DELETE", &one, "").await.expect(409);
    assert_eq!(error["error"]["ruleIds"], json!([rule["id"]]), "{error}");
    world.raw(ADMIN, "DELETE", &format!("{one}?force=true"), "").await.expect(204);
}

#[tokio::test]
async fn who_only_reads_sees_no_address_that_one_could_write_to() {
    let world = world().await;
    let hook = make(&world, ADMIN, json!({"kind": "slack", "target": HOOK})).await;
    let one = path(&world, &format!("/{}", hook["id"]));
    assert_eq!(world.get(READER, &one).await.expect(200)["target"], "…1234");
    assert!(!world.get(READER, &path(&world, "")).await.text.contains("hush"));
    assert_eq!(world.get(USER, &one).await.expect(200)["target"], HOOK);
    // Of another user's there is nothing.
    world.get(USER, &format!("/watchbell/v1/users/{}/contacts/{}", world.ben, hook["id"])).await.expect(403);
    world.get(ADMIN, &format!("/watchbell/v1/users/{}/contacts/{}", world.ben, hook["id"])).await.expect(404);
}

#[tokio::test]
async fn a_webhook_s_receiver_is_shown_its_own_signing_secret() {
    const KEY: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let world =
        world_with(|settings| settings.contact_keys.extend(ContactKey::parse(&Secret::new(KEY)).map(|key| (ContactKind::Webhook, key))))
            .await;
    let all = format!("/watchbell/v1/users/{}/contacts", world.anna);
    let add = async |key: &str, kind: &str, target: &str| {
        let made = world.call(key, "POST", &all, &json!({ "kind": kind, "target": target })).await;
        format!("{all}/{}/signing-secret", made.expect(201)["id"])
    };
    let one = add(ADMIN, "webhook", "https://one.example.org/").await;
    let shown = world.get(USER, &one).await;
    let secret = shown.expect(200)["secret"].as_str().unwrap().to_owned();
    assert_eq!(shown.header("cache-control"), "no-store");
    assert!(secret.starts_with("whsec_") && secret != KEY, "{secret}");
    let other = add(ADMIN, "webhook", "https://other.example.org/").await;
    assert_ne!(world.get(ADMIN, &other).await.expect(200)["secret"], secret.as_str());
    assert!(!world.get(ADMIN, &all).await.text.contains("whsec_"));
    world.get(READER, &one).await.expect(403);
    world.get(ADMIN, &add(ADMIN, "email", "a@example.net").await).await.expect(404);
    // Whoever claims a URL is not yet its receiver.
    let claimed = add(USER, "webhook", "https://claimed.example.org/").await;
    world.get(USER, &claimed).await.expect(409);
    world.get(ADMIN, &claimed).await.expect(200);
    let without = world_with(|_| {}).await;
    let made = without.call(ADMIN, "POST", &all, &json!({ "kind": "webhook", "target": "https://one.example.org/" })).await.expect(201);
    without.get(ADMIN, &format!("{all}/{}/signing-secret", made["id"])).await.expect(404);
}

#[tokio::test]
async fn a_device_of_another_s_is_not_taken_but_by_an_admin() {
    let world = world().await;
    let devices = |user: i64| format!("/watchbell/v1/users/{user}/devices");
    let device = json!({"kind": "fcm", "token": "the-token-of-ben-s-phone"});
    world.call(ADMIN, "POST", &devices(world.ben), &device).await.expect(201);
    let refused = world.call(USER, "POST", &devices(world.anna), &device).await.expect(409);
    assert!(refused["error"]["message"].as_str().unwrap().contains("device belongs to another user"), "{refused}");
    assert_eq!(world.get(ADMIN, &devices(world.ben)).await.expect(200)["items"].as_array().unwrap().len(), 1);
    // A phone is handed on: an admin says so, or whoever had it gives it up.
    world.call(ADMIN, "POST", &devices(world.anna), &device).await.expect(201);
    assert_eq!(world.get(ADMIN, &devices(world.ben)).await.expect(200)["items"], json!([]));
    world.call(USER, "POST", &devices(world.anna), &device).await.expect(201);
}

/// A contact that is deleted and made again costs as much as one that stays.
#[tokio::test]
async fn codes_cost_the_same_whatever_is_made_again() {
    let world = world().await;
    let mut sent = 0;
    for at in 0..30 {
        let contact = make(&world, USER, json!({"kind": "phone", "target": format!("+49151{at:08}"), "regionCode": "DE"})).await;
        let one = path(&world, &format!("/{}", contact["id"]));
        let answer = world.raw(USER, "POST", &format!("{one}/verification"), "").await;
        if answer.status == 202 {
            sent += 1;
        } else {
            assert!(answer.expect(429)["error"]["message"].as_str().unwrap().contains("this user had as many codes"));
            assert_eq!(answer.header("retry-after"), "86400");
        }
        world.raw(USER, "DELETE", &one, "").await.expect(204);
    }
    assert_eq!(sent, 20);
}

#[tokio::test]
async fn numbers_that_no_codes_go_to_are_not_a_user_s_to_add() {
    let world = world_of(|options| options.verification.phone_prefixes = vec!["+49".to_owned(), "+43".to_owned()]).await;
    let phone = |target: &str, region: &str| json!({"kind": "phone", "target": target, "regionCode": region});
    let ours = world.call(USER, "POST", &path(&world, ""), &phone("+4915112345678", "DE")).await.expect(201);
    let refused = world.call(USER, "POST", &path(&world, ""), &phone("+14155552671", "US")).await.expect(400);
    assert!(refused["error"]["message"].as_str().unwrap().ends_with("it must begin with one of +49, +43"), "{refused}");
    let one = path(&world, &format!("/{}", ours["id"]));
    world.call(USER, "PUT", &one, &phone("+14155552671", "US")).await.expect(400);
    world.raw(USER, "POST", &format!("{one}/verification"), "").await.expect(202);
    // An admin knows whose number it is.
    let theirs = world.call(ADMIN, "POST", &path(&world, ""), &phone("+14155552671", "US")).await.expect(201);
    assert_eq!(theirs["status"], "OK");
    let locked = json!({ "status": "LOCKED" });
    let one = path(&world, &format!("/{}", theirs["id"]));
    world.call(ADMIN, "PUT", &format!("{one}/status"), &locked).await.expect(200);
    world.raw(USER, "POST", &format!("{one}/verification"), "").await.expect(400);
}

#[tokio::test]
async fn a_user_has_so_much_on_every_surface() {
    let world = world_of(|options| options.quotas = Quotas { contacts: 2, devices: 1, rules: 2, telegram_links: 1 }).await;
    world.phone("0151 12345678").await;
    let email = world.email().await;
    let refused = |answer: serde_json::Value, what: &str| assert!(answer.to_string().contains(what), "{answer}");
    let new = json!({ "target": "more@example.org" });
    refused(world.call(ADMIN, "POST", &world.anna("contacts/emails"), &new).await.expect(400), "2 contacts");
    refused(
        world.call(USER, "POST", &path(&world, ""), &json!({"kind": "email", "target": "more@example.org"})).await.expect(400),
        "2 contacts",
    );
    let rules = world.anna("notification-preferences/subscriptions");
    for status in [201, 201, 400] {
        world.call(ADMIN, "POST", &rules, &json!({"method": "EMAIL", "contact": {"id": email}})).await.expect(status);
    }
    let user = world.get(ADMIN, &format!("/watchbell/v1/users/{}", world.anna)).await.expect(200)["publicId"].clone();
    let oncall = Request::builder().method("POST").uri("/api/v1/personal_notification_rules/").header("authorization", ADMIN);
    let rule = json!({ "user_id": user, "type": "notify_by_sms" });
    refused(world.send(oncall.body(Body::from(rule.to_string())).unwrap()).await.expect(400)["detail"].clone(), "2 rules");
    let devices = format!("/watchbell/v1/users/{}/devices", world.anna);
    for (token, status) in [("the-first-token", 201), ("the-second-token", 400), ("the-first-token", 201)] {
        world.call(USER, "POST", &devices, &json!({"kind": "fcm", "token": token})).await.expect(status);
    }
    let link = format!("/watchbell/v1/users/{}/telegram-link", world.anna);
    world.raw(USER, "POST", &link, "").await.expect(201);
    world.raw(USER, "POST", &link, "").await.expect(400);
}
