//! A rule's fields, in making it and in changing it.

use serde_json::{Value, json};
use watchbell_core::ids::is_public_id;

use crate::harness::{ADMIN, RULES, World, path, world};

fn one(field: &str, wrong: &str) -> Value {
    json!({ field: [wrong] })
}

fn detail(text: &str) -> Value {
    json!({ "detail": text })
}

/// What is wrong with a new rule, by the members of its body; no user is left out, all others are Anna's.
fn refused() -> Vec<(Value, Value)> {
    let wait = |field: &str, value: Value| json!({ "type": "wait", field: value });
    let not_five = |text: &str| one("duration", &format!("\"{text}\" is not a valid choice."));
    let mut table = vec![
        (json!({}), json!({ "type": "Type is required" })),
        (json!({ "duration": 300 }), json!({ "type": "Type is required" })),
        (json!({ "type": null }), one("type", "This field may not be null.")),
        (json!({ "type": "" }), one("type", "This field may not be blank.")),
        (json!({ "type": [] }), one("type", "Not a valid string.")),
        (wait("user_id", Value::Null), one("user_id", "This field may not be null.")),
        (wait("user_id", json!("")), one("user_id", "This field may not be blank.")),
        (wait("duration", json!("300")), detail("Invalid duration format")),
        (wait("duration", json!("soon")), detail("Invalid duration format")),
        (wait("duration", Value::Null), detail("Invalid duration format")),
        (wait("duration", json!({})), detail("Invalid duration format")),
        (wait("duration", json!(1e300)), detail("Invalid duration format")),
        (wait("duration", json!(600)), not_five("0:10:00")),
        (wait("duration", json!(0)), not_five("0:00:00")),
        (wait("duration", json!(-60)), not_five("-1 day, 23:59:00")),
        (wait("duration", json!(86_400)), not_five("1 day, 0:00:00")),
        (wait("duration", json!(60.5)), not_five("0:01:00.500000")),
        (wait("duration", json!("00:15:00")), not_five("00:15:00")),
        (json!({ "type": "notify_by_sms", "duration": 300 }), json!({ "duration": "Duration can't be set" })),
        (wait("important", json!("maybe")), one("important", "Must be a valid boolean.")),
        (wait("important", json!([])), one("important", "Must be a valid boolean.")),
        (wait("important", Value::Null), one("important", "This field may not be null.")),
        (wait("manual_order", json!("maybe")), one("manual_order", "Must be a valid boolean.")),
        (wait("manual_order", Value::Null), one("manual_order", "This field may not be null.")),
        (wait("position", json!("x")), one("position", "A valid integer is required.")),
        (wait("position", json!(1.5)), one("position", "A valid integer is required.")),
        (wait("position", json!(true)), one("position", "A valid integer is required.")),
        (wait("position", Value::Null), one("position", "This field may not be null.")),
        (json!({ "type": "wait", "position": -1, "manual_order": true }), detail("Invalid value for position field")),
    ];
    for position in [json!(-2), json!(2_147_483_648_i64), json!(i64::MAX), json!(i64::MIN), json!(1e30), json!("99999999999999999999")] {
        table.push((wait("position", position), detail("Invalid value for position field")));
    }
    // Slack and Mattermost are not configured here.
    for kind in ["nonsense", "WAIT", "notify_by", "notify_by_slack", "notify_by_mattermost", "notify_by_whatsapp", "wait\n0"] {
        table.push((json!({ "type": kind }), json!({ "type": "Invalid type" })));
    }
    for user in [json!("UNOPE"), json!("U4DNY931HHJS5"), json!(1), json!("1"), json!([]), json!(true), json!("x".repeat(300))] {
        table.push((wait("user_id", user), detail("User does not exist")));
    }
    table
}

#[tokio::test]
async fn what_is_wrong_with_a_new_rule_is_told_as_the_original_tells_it() {
    let world = world().await;
    for (body, expected) in refused() {
        assert_eq!(world.post(&body).await.expect(400), expected, "{body}");
    }
    let missing = world.call(ADMIN, "POST", RULES, &json!({ "type": "wait" })).await;
    assert_eq!(missing.expect(400), one("user_id", "This field is required."));
    assert_eq!(world.rules().await, Vec::<Value>::new(), "nothing was kept");
}

#[tokio::test]
async fn when_several_things_are_wrong_the_original_s_order_decides() {
    let world = world().await;
    let table = [
        // A duration that is none comes before everything.
        (json!({ "user_id": null, "duration": "300", "position": "x" }), detail("Invalid duration format")),
        // Then a user who is not there, before the other fields.
        (json!({ "user_id": "UNOPE", "position": "x", "type": null }), detail("User does not exist")),
        // Then all fields at once.
        (
            json!({ "user_id": null, "position": "x", "type": "", "duration": 1, "manual_order": 2, "important": 3 }),
            json!({
                "user_id": ["This field may not be null."],
                "position": ["A valid integer is required."],
                "type": ["This field may not be blank."],
                "duration": ["\"0:00:01\" is not a valid choice."],
                "manual_order": ["Must be a valid boolean."],
                "important": ["Must be a valid boolean."],
            }),
        ),
        (json!({ "position": "x", "type": "nonsense" }), one("position", "A valid integer is required.")),
        // Then the type, then what goes with it, and the range of the position last.
        (json!({ "type": "nonsense", "duration": 60, "position": -9 }), json!({ "type": "Invalid type" })),
        (json!({ "duration": 60, "position": -9 }), json!({ "type": "Type is required" })),
        (json!({ "type": "notify_by_sms", "duration": 60, "position": -9 }), json!({ "duration": "Duration can't be set" })),
    ];
    for (body, expected) in table {
        assert_eq!(world.post(&body).await.expect(400), expected, "{body}");
    }
}

#[tokio::test]
async fn every_type_is_made_shown_and_listed() {
    let world = world().await;
    let types = ["sms", "phone_call", "telegram", "email", "mobile_app", "mobile_app_critical", "webhook", "msteams"];
    let mut all = vec![world.made(&json!({ "type": "wait" })).await];
    let id = all[0]["id"].as_str().unwrap();
    assert!(is_public_id('N', id), "{id}");
    let wait = json!({ "id": id, "user_id": world.anna.public_id, "position": 0, "important": false, "type": "wait", "duration": 300 });
    assert_eq!(all[0], wait);
    for (kind, position) in types.into_iter().zip(1..) {
        let kind = format!("notify_by_{kind}");
        let made = world.made(&json!({ "type": kind })).await;
        let expected = json!({ "id": made["id"], "user_id": world.anna.public_id, "position": position, "important": false, "type": kind });
        assert_eq!(made, expected);
        all.push(made);
    }
    for rule in &all {
        let path = path(rule);
        assert_eq!(&world.get(ADMIN, &path).await.expect(200), rule);
        assert_eq!(&world.get(ADMIN, path.trim_end_matches('/')).await.expect(200), rule);
    }
    assert_eq!(world.rules().await, all);
}

#[tokio::test]
async fn what_is_written_in_other_ways_is_understood() {
    let world = world().await;
    let table = [
        (json!({ "type": "wait", "duration": 60.0 }), "duration", json!(60)),
        (json!({ "type": "wait", "duration": "0:15:00" }), "duration", json!(900)),
        (json!({ "type": "wait", "duration": 3600 }), "duration", json!(3600)),
        (json!({ "type": " wait " }), "duration", json!(300)),
        (json!({ "type": "wait", "important": "yes" }), "important", json!(true)),
        (json!({ "type": "wait", "important": 1 }), "important", json!(true)),
        (json!({ "type": "wait", "important": "0" }), "important", json!(false)),
        (json!({ "type": "wait", "position": "1" }), "position", json!(1)),
        (json!({ "type": "wait", "position": 1.0 }), "position", json!(1)),
        (json!({ "type": "wait", "position": 2_147_483_647 }), "position", json!(2_147_483_647)),
        (json!({ "type": "wait", "user_id": "ext-anna" }), "user_id", json!(world.anna.public_id)),
    ];
    for (body, field, expected) in table {
        assert_eq!(world.made(&body).await[field], expected, "{body}");
    }
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name_whether_put_or_patch() {
    let world = world().await;
    for method in ["PUT", "PATCH"] {
        let rule = world.made(&json!({ "type": "wait", "duration": 900, "important": true })).await;
        let change = async |body: Value| world.call(ADMIN, method, &path(&rule), &body).await;
        assert_eq!(change(json!({})).await.expect(200), rule);
        let ignored = json!({ "user_id": 7, "important": "maybe", "id": [], "duration": 900 });
        assert_eq!(change(ignored).await.expect(200), rule);
        assert_eq!(change(json!({ "duration": "1:00:00" })).await.expect(200)["duration"], 3600);
        assert_eq!(change(json!({ "type": "wait" })).await.expect(200)["duration"], 300);
        assert_eq!(change(json!({ "type": "wait", "duration": 60 })).await.expect(200)["duration"], 60);
        let notify = change(json!({ "type": "notify_by_mobile_app_critical" })).await.expect(200);
        let expected = json!({
            "id": rule["id"], "user_id": rule["user_id"], "position": rule["position"], "important": true,
            "type": "notify_by_mobile_app_critical",
        });
        assert_eq!(notify, expected);
        let table = [
            (json!({ "duration": 300 }), json!({ "duration": "Duration can't be set" })),
            (json!({ "type": "notify_by_sms", "duration": 300 }), json!({ "duration": "Duration can't be set" })),
            (json!({ "type": "nonsense", "duration": 300 }), json!({ "type": "Invalid type" })),
            (json!({ "type": "notify_by_slack" }), json!({ "type": "Invalid type" })),
            (json!({ "type": null }), one("type", "This field may not be null.")),
            (json!({ "type": "" }), one("type", "This field may not be blank.")),
            (json!({ "duration": null }), detail("Invalid duration format")),
            (json!({ "duration": 600 }), one("duration", "\"0:10:00\" is not a valid choice.")),
            (json!({ "position": null }), one("position", "This field may not be null.")),
            (
                json!({ "position": "x", "manual_order": "x" }),
                json!({
                    "position": ["A valid integer is required."], "manual_order": ["Must be a valid boolean."],
                }),
            ),
            (json!({ "position": -2, "type": "wait" }), detail("Invalid value for position field")),
            (json!({ "position": -1, "manual_order": true }), detail("Invalid value for position field")),
        ];
        for (body, expected) in table {
            assert_eq!(change(body.clone()).await.expect(400), expected, "{method} {body}");
        }
        assert_eq!(world.get(ADMIN, &path(&rule)).await.expect(200), notify, "nothing was half changed");
        assert_eq!(change(json!({ "type": "notify_by_mobile_app" })).await.expect(200)["type"], "notify_by_mobile_app");
        assert_eq!(change(json!({ "type": "wait", "duration": 1800 })).await.expect(200)["duration"], 1800);
    }
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let world = world().await;
    let gone = world.made(&json!({ "type": "wait" })).await;
    assert_eq!(world.call(ADMIN, "DELETE", &path(&gone), &json!({})).await.expect(204), Value::Null);
    let long = "N".repeat(2_000);
    for id in [gone["id"].as_str().unwrap(), "NOPE", "1", "N4DNY931HHJS5", "%F0%9F%98%80", &world.anna.public_id, &long] {
        not_found(&world, id).await;
    }
}

async fn not_found(world: &World, id: &str) {
    for path in [format!("{RULES}/{id}"), format!("{RULES}/{id}/")] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let answer = world.raw(ADMIN, method, &path, "application/json", "{").await;
            assert_eq!(answer.expect(404), detail("Not found."), "{method} {id}");
        }
    }
}
