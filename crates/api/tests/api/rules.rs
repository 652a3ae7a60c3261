//! Rules of our own surface: what they can say, what is refused, and what the other surfaces show of them.

use serde_json::{Value, json};

use crate::harness::{ADMIN, READER, USER, World, world};

const PATH: &str = "/watchbell/v1/users/current/rules";

fn on_duty() -> Value {
    json!({
        "trigger": "alert_high", "channel": "email", "delayMin": 5, "critical": true, "repeatEveryMin": 10, "repeatTimes": 3,
        "when": {
            "labels": [{ "label": "team", "equals": "db" }, { "label": "env", "oneOf": ["prod", "stage"] }, { "label": "host", "matches": "db-[0-9]+" }],
            "categories": ["db", "web"], "hours": { "start": "22:00", "end": "07:00", "days": [1, 7] }, "onDuty": { "schedule": "primary" },
        },
    })
}

#[tokio::test]
async fn a_rule_is_made_shown_replaced_and_deleted_as_it_was_said() {
    let world = world().await;
    let made = world.call(USER, "POST", PATH, &on_duty()).await.expect(201);
    let mut wanted = on_duty();
    (wanted["id"], wanted["surface"]) = (made["id"].clone(), json!("watchbell"));
    assert_eq!(made, wanted);
    let path = format!("{PATH}/{}", made["id"]);
    assert_eq!(world.get(USER, &path).await.expect(200), made);
    assert_eq!(world.get(READER, &format!("/watchbell/v1/users/{}/rules", world.anna)).await.expect(200), json!({ "items": [made] }));
    // What was read can be written.
    assert_eq!(world.call(USER, "PUT", &path, &made).await.expect(200), made);
    let email = world.email().await;
    let plain = json!({ "trigger": "duty", "channel": "email", "contactId": email, "beforeMin": 60 });
    let replaced = world.call(ADMIN, "PUT", &format!("/watchbell/v1/users/ext-anna/rules/{}", made["id"]), &plain).await.expect(200);
    let wanted =
        json!({ "id": made["id"], "surface": "watchbell", "trigger": "duty", "channel": "email", "contactId": email, "beforeMin": 60 });
    assert_eq!(replaced, wanted);
    world.raw(USER, "DELETE", &path, "").await.expect(204);
    for method in ["GET", "DELETE"] {
        world.raw(USER, method, &path, "").await.expect(404);
    }
    world.call(USER, "PUT", &path, &plain).await.expect(404);
    world.call(READER, "POST", &format!("/watchbell/v1/users/{}/rules", world.anna), &plain).await.expect(403);
    world.call(USER, "POST", &format!("/watchbell/v1/users/{}/rules", world.ben), &plain).await.expect(403);
    // What changed is in the audit log.
    let audit = world.get(ADMIN, "/watchbell/v1/audit?action=rule.replace").await.expect(200);
    let changed = &audit["items"][0];
    assert!(changed.to_string().contains("onDuty"), "{changed}");
}

#[tokio::test]
async fn what_a_rule_cannot_say_is_refused_with_what_would_be_right() {
    let world = world().await;
    let phone = world.phone("+4915112345678").await;
    let with = |member: &str, value: Value| {
        let mut rule = json!({ "trigger": "alert_high", "channel": "email" });
        rule[member] = value;
        rule
    };
    let label = |condition: Value| with("when", json!({ "labels": [condition] }));
    let hours = |hours: Value| with("when", json!({ "hours": hours }));
    let of = |trigger: &str, when: Value| json!({ "trigger": trigger, "channel": "email", "when": when });
    let many: Vec<Value> = (0..10_000).map(|at| json!({ "label": at.to_string(), "equals": "x" })).collect();
    let repeat = |delay: i64, every: i64, times: i64| json!({ "trigger": "alert_low", "channel": "email", "delayMin": delay, "repeatEveryMin": every, "repeatTimes": times });
    let table: Vec<(Value, &str, &str)> = vec![
        (json!({ "channel": "email" }), "trigger", "is missing; it must be one of alert_high"),
        (with("channel", json!("pigeon")), "channel", "is unknown; it must be one of email"),
        (with("delayMin", json!(1_441)), "delayMin", "it must be an integer from 0 to 1440"),
        (with("delayMin", json!(-1)), "delayMin", "it must be an integer from 0 to 1440"),
        (with("delayMin", Value::Null), "delayMin", "is null"),
        (with("beforeMin", json!(5)), "beforeMin", "leave it out"),
        (with("wen", json!({})), "wen", "is no known field"),
        (with("contactId", json!(999_999)), "contactId", "is unknown"),
        (with("contactId", json!(phone)), "contactId", "is of another kind"),
        (json!({ "trigger": "alert_high", "channel": "push", "contactId": phone }), "contactId", "push goes to no contact"),
        (repeat(0, 0, 1), "repeatEveryMin", "from 1 to 1440"),
        (repeat(0, 5, 0), "repeatTimes", "from 1 to 20"),
        (repeat(0, 5, 21), "repeatTimes", "from 1 to 20"),
        (repeat(0, 5, i64::MAX), "repeatTimes", "from 1 to 20"),
        (repeat(60, 1_440, 1), "repeatTimes", "delayMin + repeatEveryMin × repeatTimes must be at most 1440"),
        (with("repeatEveryMin", json!(5)), "repeatTimes", "is missing"),
        (with("repeatTimes", json!(5)), "repeatEveryMin", "is missing"),
        (json!({ "trigger": "duty", "channel": "email", "repeatEveryMin": 5, "repeatTimes": 1 }), "repeatEveryMin", "leave it out"),
        (with("when", json!([])), "when", "it must be an object"),
        (with("when", json!({ "moon": "full" })), "when.moon", "is no known field"),
        (with("when", json!({ "priority": "LOW" })), "when.priority", "is no condition here"),
        (of("duty", json!({ "onDuty": {} })), "when.onDuty", "conditions of rules for duty are hours"),
        (of("subscription", json!({ "labels": [] })), "when.labels", "is no condition here"),
        (of("accepted", json!({ "priority": "P9" })), "when.priority", "it must be one of HIGH, LOW"),
        (with("when", json!({ "labels": many })), "when.labels", "at most 10"),
        (label(json!("team=db")), "when.labels[0]", "it must be such as"),
        (label(json!({ "label": "team" })), "when.labels[0].equals", "one of equals, oneOf and matches"),
        (label(json!({ "label": "team", "equals": "a", "matches": "b" })), "when.labels[0].equals", "is not the only one"),
        (label(json!({ "label": "", "equals": "a" })), "when.labels[0].label", "1 to 255"),
        (label(json!({ "label": "team", "unlike": "a" })), "when.labels[0].equals", "is missing"),
        (label(json!({ "label": "team", "equals": "a", "and": 1 })), "when.labels[0].and", "is no known field"),
        (label(json!({ "label": "team", "oneOf": [] })), "when.labels[0].oneOf", "is empty"),
        (label(json!({ "label": "team", "oneOf": [1] })), "when.labels[0].oneOf", "has an entry"),
        (label(json!({ "label": "team", "matches": "(" })), "when.labels[0].matches", "regular expression such as"),
        (label(json!({ "label": "team", "matches": "(?=a)" })), "when.labels[0].matches", "look-around"),
        (label(json!({ "label": "team", "matches": r"(a)\1" })), "when.labels[0].matches", "back-references"),
        (label(json!({ "label": "team", "matches": "a".repeat(300) })), "when.labels[0].matches", "at most 256 bytes"),
        (label(json!({ "label": "team", "matches": r"\w{999}" })), "when.labels[0].matches", "large repetitions"),
        (
            with("when", json!({ "labels": [{ "label": "team", "equals": "a" }, { "label": "team", "equals": "b" }] })),
            "when.labels[1].label",
            "one condition a label",
        ),
        (with("when", json!({ "categories": [""] })), "when.categories", "1 to 255"),
        (hours(json!({ "start": "22:00" })), "when.hours", "it must be such as"),
        (hours(json!({ "start": "25:00", "end": "07:00" })), "when.hours", "it must be such as"),
        (hours(json!({ "start": "07:00", "end": "07:00" })), "when.hours", "the same start and end"),
        (hours(json!({ "start": "07:00", "end": "08:00", "days": [8] })), "when.hours.days", "ISO weekdays"),
        (hours(json!({ "start": "07:00", "end": "08:00", "days": [1, 1] })), "when.hours.days", "each once"),
        (with("when", json!({ "onDuty": true })), "when.onDuty", "it must be an object"),
        (with("when", json!({ "onDuty": { "team": "x" } })), "when.onDuty.team", "is no known field"),
    ];
    for (rule, field, message) in table {
        let shown: String = rule.to_string().chars().take(200).collect();
        let error = world.call(USER, "POST", PATH, &rule).await.expect(400)["error"].clone();
        assert_eq!(error["field"], field, "{shown}: {error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{shown}: {error}");
    }
    assert_eq!(world.get(USER, PATH).await.expect(200), json!({ "items": [] }));
}

async fn ilert(world: &World) -> Vec<i64> {
    let rules = world.get(ADMIN, &world.anna("notification-preferences/alerts")).await.expect(200);
    rules.as_array().unwrap().iter().map(|rule| rule["id"].as_i64().unwrap()).collect()
}

/// A surface shows what it can say in full, and nothing that is edited there takes from what a rule says.
#[tokio::test]
async fn other_surfaces_show_a_rule_only_if_they_can_say_all_of_it() {
    let world = world().await;
    let email = world.email().await;
    let plain = json!({ "trigger": "alert_high", "channel": "email", "contactId": email, "delayMin": 5 });
    let made = world.call(USER, "POST", PATH, &plain).await.expect(201);
    let id = made["id"].as_i64().unwrap();
    assert_eq!(ilert(&world).await, [id]);
    let at_ilert = world.anna(&format!("notification-preferences/alerts/{id}"));
    let body = world.get(ADMIN, &at_ilert).await.expect(200);
    assert_eq!((&body["method"], &body["type"], &body["delayMin"]), (&json!("EMAIL"), &json!("HIGH_PRIORITY"), &json!(5)));
    // Somebody says more about it here: there it is not shown any more, and cannot be changed.
    for more in [json!({ "when": { "onDuty": {} } }), json!({ "repeatEveryMin": 5, "repeatTimes": 1 }), json!({ "critical": true })] {
        let mut rule = plain.clone();
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let said = world.call(USER, "PUT", &format!("{PATH}/{id}"), &rule).await.expect(200);
        assert_eq!(ilert(&world).await, [0_i64; 0]);
        world.get(ADMIN, &at_ilert).await.expect(404);
        world.call(ADMIN, "PUT", &at_ilert, &body).await.expect(404);
        world.raw(ADMIN, "DELETE", &at_ilert, "").await.expect(404);
        assert_eq!(world.get(USER, &format!("{PATH}/{id}")).await.expect(200), said, "nothing was lost");
    }
    // What ilert has no word for is not shown there: no contact, another channel, an odd time.
    for other in [
        json!({ "trigger": "alert_high", "channel": "email" }),
        json!({ "trigger": "alert_high", "channel": "in_app" }),
        json!({ "trigger": "alert_high", "channel": "email", "contactId": email, "delayMin": 121 }),
    ] {
        world.call(USER, "POST", PATH, &other).await.expect(201);
    }
    assert_eq!(ilert(&world).await, [0_i64; 0]);
    // A rule of ilert's is here, and can be said more about.
    let theirs = json!({ "method": "EMAIL", "type": "LOW_PRIORITY", "delayMin": 1, "contact": { "id": email } });
    let theirs = world.call(ADMIN, "POST", &world.anna("notification-preferences/alerts"), &theirs).await.expect(201);
    let path = format!("{PATH}/{}", theirs["id"]);
    assert_eq!(world.get(USER, &path).await.expect(200)["surface"], "ilert");
    let more = json!({ "trigger": "alert_low", "channel": "email", "contactId": email, "delayMin": 1, "when": { "categories": ["db"] } });
    world.call(USER, "PUT", &path, &more).await.expect(200);
    assert_eq!(ilert(&world).await, [0_i64; 0]);
}

#[tokio::test]
async fn steps_of_a_chain_are_shown_with_their_time_and_changed_as_a_chain() {
    let world = world().await;
    let user = world.get(ADMIN, &format!("/watchbell/v1/users/{}", world.anna)).await.expect(200)["publicId"].clone();
    for step in [json!({ "type": "wait", "duration": 300 }), json!({ "type": "notify_by_sms" })] {
        let mut step = step;
        (step["user_id"], step["important"]) = (user.clone(), json!(true));
        let request = axum::http::Request::builder()
            .method("POST")
            .uri("/api/v1/personal_notification_rules/")
            .header("authorization", ADMIN)
            .header("content-type", "application/json");
        world.send(request.body(step.to_string().into()).unwrap()).await.expect(201);
    }
    let rules = world.get(USER, PATH).await.expect(200)["items"].clone();
    assert_eq!(rules.as_array().unwrap().len(), 1, "{rules}");
    let step = &rules[0];
    assert_eq!(
        (&step["surface"], &step["position"], &step["channel"], &step["delayMin"]),
        (&json!("oncall"), &json!(1), &json!("sms"), &json!(5))
    );
    let path = format!("{PATH}/{}", step["id"]);
    let error = world.call(USER, "PUT", &path, &json!({ "trigger": "alert_high", "channel": "email" })).await.expect(409);
    assert!(error["error"]["message"].as_str().unwrap().contains("/api/v1/personal_notification_rules"), "{error}");
    world.raw(USER, "DELETE", &path, "").await.expect(204);
    assert_eq!(world.get(USER, PATH).await.expect(200), json!({ "items": [] }));
}

#[tokio::test]
async fn explain_says_which_condition_does_not_hold() {
    let world = world().await;
    let rule = json!({ "trigger": "alert_high", "channel": "email", "when": { "labels": [{ "label": "team", "equals": "db" }] } });
    let id = world.call(USER, "POST", PATH, &rule).await.expect(201)["id"].clone();
    let event = |team: &str| json!({ "id": "e", "type": "watchbell.events.alert", "alertId": "A", "summary": "s", "responders": ["ext-anna"], "labels": { "team": team } });
    let explain = async |team: &str| {
        let steps = world.call(ADMIN, "POST", &format!("/watchbell/v1/explain?user={}", world.anna), &event(team)).await.expect(200);
        let step = |step: &Value| (step["state"].as_str().unwrap().to_owned(), step["reason"].as_str().unwrap().to_owned());
        steps["steps"].as_array().unwrap().iter().map(step).collect::<Vec<_>>()
    };
    assert_eq!(explain("db").await, [("scheduled".to_owned(), format!("the user's rule {id} asks for it"))]);
    let fallback = "of the user's rules for HIGH alerts none has its conditions met: the fallback email";
    let mut steps = explain("web").await;
    steps.sort();
    assert_eq!(
        steps,
        [("scheduled".to_owned(), fallback.to_owned()), ("suppressed".to_owned(), format!("the rule {id} wants the label team = db")),]
    );
    let made_up = format!("/watchbell/v1/explain?user={}&labels=", world.anna);
    for (labels, count) in [("team%3Ddb", 1), ("team%3Dweb,host%3Dx", 2), ("", 2)] {
        let explained = world.get(ADMIN, &format!("{made_up}{labels}")).await.expect(200);
        assert_eq!(explained["steps"].as_array().unwrap().len(), count, "{labels}: {explained}");
    }
    let error = world.get(ADMIN, &format!("{made_up}team")).await.expect(400);
    assert_eq!(error["error"]["message"], "labels has one without a value; it must be such as team=db,host=db-1");
    // And so does what was.
    world.publish("alert", "e-1", json!({ "alertId": "B", "responders": ["ext-anna"], "labels": { "team": "web" } })).await;
    let told = world.get(ADMIN, "/watchbell/v1/deliveries?alert=B&state=suppressed").await.expect(200);
    assert_eq!(told["items"][0]["reason"], format!("the rule {id} wants the label team = db"));
}

#[tokio::test]
async fn a_shift_that_changes_is_planned_for_at_once() {
    let world = world().await;
    let rule = json!({ "trigger": "alert_high", "channel": "email", "delayMin": 10, "when": { "onDuty": { "schedule": "primary" } } });
    world.call(USER, "POST", PATH, &rule).await.expect(201);
    let shift = |status: &str| json!({ "dutyId": "D", "userId": "ext-anna", "startsAt": "2026-11-20T08:05:00Z", "endsAt": "2026-11-20T16:00:00Z", "schedule": "primary", "status": status });
    world.publish("alert", "a-1", json!({ "alertId": "A", "responders": ["ext-anna"], "labels": {} })).await;
    let states = async || {
        let found = world.get(ADMIN, "/watchbell/v1/deliveries?alert=A").await.expect(200);
        let mut states: Vec<(String, String)> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["purpose"].as_str().unwrap().to_owned(), item["state"].as_str().unwrap().to_owned()))
            .collect();
        states.sort();
        states
    };
    let pair = |purpose: &str, state: &str| (purpose.to_owned(), state.to_owned());
    assert_eq!(states().await, [pair("fallback", "scheduled"), pair("rule", "suppressed")]);
    // It begins before the step is due.
    world.publish("duty", "d-1", shift("SCHEDULED")).await;
    assert!(states().await.contains(&pair("rule", "scheduled")), "{:?}", states().await);
    world.publish("duty", "d-2", shift("CANCELLED")).await;
    assert!(!states().await.contains(&pair("rule", "scheduled")), "{:?}", states().await);
}

#[tokio::test]
async fn lint_names_what_nobody_would_hear_of_and_rules_that_never_tell() {
    let world = world().await;
    let phone = world
        .call(USER, "POST", "/api/users/current/contacts/phone-numbers", &json!({ "target": "+4915112345678", "regionCode": "DE" }))
        .await
        .expect(201);
    let rule = json!({ "trigger": "alert_high", "channel": "sms", "contactId": phone["id"] });
    let locked = world.call(USER, "POST", PATH, &rule).await.expect(201)["id"].clone();
    let rule = json!({ "trigger": "alert_high", "channel": "email", "when": { "onDuty": {} } });
    let off_duty = world.call(USER, "POST", PATH, &rule).await.expect(201)["id"].clone();
    let rule = json!({ "trigger": "alert_low", "channel": "email" });
    world.call(USER, "POST", PATH, &rule).await.expect(201);
    let dead = world.get(READER, "/watchbell/v1/lint/rules").await.expect(200);
    let dead: Vec<(Value, String)> = dead["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["ruleId"].clone(), item["reason"].as_str().unwrap().to_owned()))
        .collect();
    let wanted =
        [(locked, "the contact is LOCKED".to_owned()), (off_duty.clone(), format!("the rule {off_duty} wants the user to be on duty"))];
    assert_eq!(dead, wanted);
    world.call(USER, "GET", "/watchbell/v1/lint/rules", &json!({})).await.expect(403);

    for (id, priority) in [("A", "HIGH"), ("B", "LOW")] {
        world.publish("alert", id, json!({ "alertId": id, "priority": priority, "responders": ["ext-anna"] })).await;
    }
    world.publish("alert", "C", json!({ "alertId": "C", "responders": ["duty:nobody"] })).await;
    let found = world.get(READER, "/watchbell/v1/lint/alerts").await.expect(200);
    let mut alerts: Vec<(&str, bool)> =
        found["items"].as_array().unwrap().iter().map(|item| (item["alertId"].as_str().unwrap(), item["hasFallback"] == true)).collect();
    alerts.sort_unstable();
    // The SMS would not be sent: the LOW alert is told by its rule.
    assert_eq!(alerts, [("A", false), ("C", false)], "{found}");
    let of_a = found["items"].as_array().unwrap().iter().find(|item| item["alertId"] == "A").unwrap();
    assert!(of_a["users"].to_string().contains("the contact is LOCKED"), "{of_a}");
    let of_c = found["items"].as_array().unwrap().iter().find(|item| item["alertId"] == "C").unwrap();
    assert!(of_c["problems"].to_string().contains("nobody is on duty by the schedule nobody"), "{of_c}");
    world.get(READER, "/watchbell/v1/lint/alerts?cursor=x").await.expect(400);
}
