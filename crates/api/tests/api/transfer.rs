//! Moving out of one Watchbell and into another, and in from another system.

use serde_json::{Value, json};
use watchbell_core::UserId;
use watchbell_core::preference::{ChannelType, Digest, Switches, Wants};
use watchbell_store::access::Actor;
use watchbell_store::preferences::NewCategory;

use crate::harness::{ADMIN, World, world};

const EXPORT: &str = "/watchbell/v1/export";
const IMPORT: &str = "/watchbell/v1/import";

/// A world in which Anna has said something of every kind.
async fn talkative() -> World {
    let world = world().await;
    let phone = world.phone("+4915112345678").await;
    world.phone("+4915112345679").await;
    let status = format!("/watchbell/v1/users/{}/contacts/{phone}/status", world.anna);
    world.call(ADMIN, "PUT", &status, &json!({ "status": "BLACKLISTED" })).await.expect(200);
    let own = json!({ "timezone": "Europe/Berlin", "locale": "de", "quietHours": { "start": "22:00", "end": "07:00", "days": [1, 2] } });
    world.call(ADMIN, "PUT", &format!("/watchbell/v1/users/{}", world.anna), &own).await.expect(200);
    let place = json!({ "username": "anna", "timezone": "Europe/Berlin", "language": "de", "role": "ADMIN", "region": "EU", "shiftColor": "#1abc9c" });
    world.call(ADMIN, "PUT", &format!("/api/users/{}", world.anna), &place).await.expect(200);
    let rules = [
        ("alerts", json!({ "method": "SMS", "contact": { "id": phone }, "type": "HIGH_PRIORITY", "delayMin": 5 })),
        ("duties", json!({ "method": "EMAIL", "contact": { "id": world.email().await }, "beforeMin": 30 })),
        ("updates", json!({ "method": "PUSH", "type": "ALERT_RESOLVED" })),
        ("subscriptions", json!({ "method": "PUSH" })),
    ];
    for (kind, rule) in rules {
        world.call(ADMIN, "POST", &world.anna(&format!("notification-preferences/{kind}")), &rule).await.expect(201);
    }
    let own = json!({
        "trigger": "alert_high", "channel": "sms", "contactId": phone, "delayMin": 1, "critical": true, "repeatEveryMin": 5, "repeatTimes": 2,
        "when": { "labels": [{ "label": "host", "matches": "db-.*" }], "hours": { "start": "22:00", "end": "07:00" }, "onDuty": {} },
    });
    world.call(ADMIN, "POST", &format!("/watchbell/v1/users/{}/rules", world.anna), &own).await.expect(201);
    let device = json!({ "kind": "fcm", "token": "fGx3:APA91bH0" });
    world.call(ADMIN, "POST", &format!("/watchbell/v1/users/{}/devices", world.anna), &device).await.expect(201);
    world.call(ADMIN, "PUT", "/watchbell/v1/topics/storms/users", &json!({ "users": [world.anna, world.ben] })).await.expect(204);
    let chain = json!([
        { "important": false, "position": 0, "type": "notify_by_sms" },
        { "important": true, "position": 2, "type": "wait", "duration": 900, "id": "NT79GA9I7E4DJ" },
        { "important": true, "position": 50, "type": "notify_by_sms" },
    ]);
    let page = json!({ "users": [{ "externalId": "ext-anna", "chains": chain }] });
    assert_eq!(problems(&world.call(ADMIN, "POST", IMPORT, &page).await.expect(200)), json!([]));
    let anna = UserId(world.anna);
    let wants = Wants { in_app: false, email: true, push: true, digest: Digest::Daily };
    for category in [None, Some("releases")] {
        world.store.put_preference(Actor::System, anna, category, wants).await.unwrap();
    }
    let mut switches = Switches::default();
    switches.channel_types.insert(ChannelType::Sms, false);
    let set = switches.notiflows.entry("releases".to_owned()).or_default();
    set.enabled = Some(true);
    set.channel_types.insert(ChannelType::Email, false);
    world.store.merge_switches(Actor::System, anna, &switches).await.unwrap();
    let category = NewCategory { handle: "releases".to_owned(), name: "Releases".to_owned(), default_channels: Vec::new() };
    world.store.put_category(Actor::System, category).await.unwrap();
    world
}

/// A database without anybody.
async fn empty() -> World {
    let world = world().await;
    for user in [world.anna, world.ben] {
        world.store.delete_user(Actor::System, UserId(user)).await.unwrap();
    }
    world
}

/// All users' answers' lists of that name in one.
fn all(answer: &Value, list: &str) -> Value {
    let users = answer["users"].as_array().unwrap().iter();
    users.flat_map(|user| user[list].as_array().unwrap().clone()).collect()
}

fn problems(answer: &Value) -> Value {
    all(answer, "problems")
}

#[tokio::test]
async fn what_was_exported_and_imported_is_exported_again() {
    let (old, new) = (talkative().await, empty().await);
    let exported = old.get(ADMIN, EXPORT).await.expect(200);
    let anna = &exported["users"][0];
    for part in ["contacts", "devices", "rules", "ownRules", "chains", "topics", "preferences", "quietHours", "customFields", "profile"] {
        assert!(anna[part].as_array().is_none_or(|list| !list.is_empty()) && !anna[part].is_null(), "{part}: {anna:#}");
    }
    assert_eq!(anna["chains"][1], json!({ "id": "NT79GA9I7E4DJ", "important": true, "position": 2, "type": "wait", "duration": 900 }));

    assert_eq!(anna["profile"], json!({ "role": "ADMIN", "region": "EU", "shiftColor": "#1abc9c" }));

    let own = json!([{
        "trigger": "alert_high", "channel": "sms", "contact": { "kind": "phone", "target": "+4915112345678" }, "delayMin": 1,
        "critical": true, "repeatEveryMin": 5, "repeatTimes": 2,
        "when": { "labels": [{ "label": "host", "matches": "db-.*" }], "hours": { "start": "22:00", "end": "07:00" }, "onDuty": {} },
    }]);
    assert_eq!(anna["ownRules"], own);

    let dry = new.call(ADMIN, "POST", &format!("{IMPORT}?dryRun=true"), &exported).await.expect(200);
    assert_eq!(new.get(ADMIN, EXPORT).await.expect(200)["users"], json!([]), "a dry run changes nothing");
    let done = new.call(ADMIN, "POST", IMPORT, &exported).await.expect(200);
    assert_eq!(problems(&done), json!([]));
    assert_eq!(dry, done, "and says what would be done");
    assert_eq!(new.get(ADMIN, EXPORT).await.expect(200), exported);

    for world in [&new, &old] {
        let again = world.call(ADMIN, "POST", IMPORT, &exported).await.expect(200);
        assert_eq!((all(&again, "changes"), problems(&again)), (json!([]), json!([])));
        assert_eq!(again["categories"], json!([]));
    }
}

#[tokio::test]
async fn an_export_comes_in_pages() {
    let world = talkative().await;
    let whole = world.get(ADMIN, EXPORT).await.expect(200);
    let first = world.get(ADMIN, &format!("{EXPORT}?limit=1")).await.expect(200);
    let second = world.get(ADMIN, &format!("{EXPORT}?limit=1&cursor={}", first["nextCursor"].as_str().unwrap())).await.expect(200);
    assert_eq!(whole["users"], json!([first["users"][0], second["users"][0]]));
    assert!(second.get("nextCursor").is_none() && second.get("categories").is_none(), "{second}");
}

#[tokio::test]
async fn a_user_without_an_external_id_is_known_by_the_text_id() {
    let (old, new) = (world().await, empty().await);
    old.call(ADMIN, "PUT", &format!("/watchbell/v1/users/{}", old.anna), &json!({ "externalId": null })).await.expect(200);
    let exported = old.get(ADMIN, EXPORT).await.expect(200);
    let id = exported["users"][0]["externalId"].as_str().unwrap().to_owned();
    assert!(id.starts_with('U'), "{id}");
    new.call(ADMIN, "POST", IMPORT, &exported).await.expect(200);
    assert_eq!(new.get(ADMIN, &format!("/watchbell/v1/users/{id}")).await.expect(200)["username"], "anna");
    let again = old.call(ADMIN, "POST", IMPORT, &exported).await.expect(200);
    assert_eq!(all(&again, "changes"), json!([]), "their own id is no external one");
}

#[tokio::test]
async fn people_of_another_system_are_found_by_email_and_keep_their_names() {
    let world = world().await;
    world.call(ADMIN, "PUT", &format!("/watchbell/v1/users/{}", world.ben), &json!({ "externalId": null })).await.expect(200);
    let person = |id: &str, name: &str, chains: Value| {
        let contacts = json!([{ "kind": "email", "target": format!("{name}@example.org") }]);
        json!({ "externalId": id, "username": format!("{name} of old"), "contacts": contacts, "chains": chains })
    };
    let sms = |position: i64| json!({ "id": null, "important": true, "position": position, "type": "notify_by_sms" });
    let slack = json!({ "important": true, "position": 1, "type": "notify_by_slack" });
    let page = json!({ "users": [
        person("UANNA", "anna", json!([sms(0), slack, sms(2)])),
        person("UBEN", "ben", json!([])),
        person("UCLEO", "cleo", json!([{ "position": 0, "type": "wait", "duration": 600 }])),
        { "externalId": "UNOBODY" },
    ] });
    let done = world.call(ADMIN, "POST", &format!("{IMPORT}?join=true"), &page).await.expect(200);
    let steps = json!(["add step 0 of the alert_high chain: tell by sms", "add step 2 of the alert_high chain: tell by sms"]);
    assert_eq!(done["users"][0]["changes"], steps);
    assert_eq!(done["users"][1]["changes"], json!(["give the user their external id"]));
    assert_eq!(done["users"][2]["changes"], json!(["make the user", "add the email contact cl…@example.org"]));
    let expected = json!([
        "chains[1].type is notify_by_slack; no channel for it is configured here",
        "chains[0].duration is 600; it must be one of 60, 300, 900, 1800, 3600",
        "the user is not known here, and has no username to be made with",
    ]);
    assert_eq!(problems(&done), expected);
    let ben = world.get(ADMIN, "/watchbell/v1/users/UBEN").await.expect(200);
    assert_eq!((&ben["id"], &ben["username"]), (&json!(world.ben), &json!("ben")));
    let again = world.call(ADMIN, "POST", &format!("{IMPORT}?join=true"), &page).await.expect(200);
    assert_eq!((all(&again, "changes"), problems(&again)), (json!([]), expected), "a second run changes nothing");

    // The chain of the other system has changed meanwhile.
    let page = json!({ "users": [person("UANNA", "anna", json!([{ "important": true, "position": 0, "type": "wait" }]))] });
    let done = world.call(ADMIN, "POST", &format!("{IMPORT}?join=true"), &page).await.expect(200);
    let steps = json!(["change step 0 of the alert_high chain: wait 300 s", "delete step 2 of the alert_high chain"]);
    assert_eq!(done["users"][0]["changes"], steps);
}

/// A rule that cannot be taken over whole is not taken over as less.
#[tokio::test]
async fn a_rule_whose_conditions_cannot_be_read_is_named_and_left() {
    let world = world().await;
    let rule = |when: Value| json!({ "trigger": "alert_high", "channel": "push", "when": when });
    let rules = json!([
        rule(json!({ "moon": "full" })),
        rule(json!({ "labels": [{ "label": "a", "matches": "(" }] })),
        rule(json!({ "onDuty": {} }))
    ]);
    let page = json!({ "users": [{ "externalId": "ext-anna", "ownRules": rules }] });
    let answer = world.call(ADMIN, "POST", IMPORT, &page).await.expect(200);
    let problems = problems(&answer).to_string();
    assert!(
        problems.contains("ownRules[0].when.moon is no known field") && problems.contains("ownRules[1].when.labels[0].matches"),
        "{problems}"
    );
    assert_eq!(all(&answer, "changes"), json!(["add a rule: alert_high by push, 0 s"]));
    let kept = world.get(ADMIN, "/watchbell/v1/users/ext-anna/rules").await.expect(200);
    assert_eq!((kept["items"].as_array().unwrap().len(), &kept["items"][0]["when"]), (1, &json!({ "onDuty": {} })));
}

#[tokio::test]
async fn what_is_no_import_is_refused_whole() {
    let world = world().await;
    for bad in [json!({}), json!({ "users": {} }), json!({ "users": [], "version": 2 }), json!({ "users": [], "keys": [] })] {
        world.call(ADMIN, "POST", IMPORT, &bad).await.expect(400);
    }
    let page =
        json!({ "users": [7, { "externalId": "" }, { "externalId": "ext-anna", "timezone": "Mars" }, { "externalId": "x", "rule": [] }] });
    let answer = world.call(ADMIN, "POST", IMPORT, &page).await.expect(200);
    let problems = problems(&answer);
    assert_eq!((problems.as_array().unwrap().len(), all(&answer, "changes")), (4, json!([])), "{problems:#}");
}
