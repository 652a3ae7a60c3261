//! Events, deliveries, dead letters, audit, health.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use watchbell_store::access::Actor;
use watchbell_store::directory::NewUser;

use crate::harness::{ADMIN, PUBLISHER, READER, World, world};

fn alert(id: &str, responders: &Value) -> Value {
    json!({ "alertId": id, "summary": "disk full", "priority": "HIGH", "responders": responders })
}

pub(crate) async fn items(world: &World, path: &str) -> Vec<Value> {
    world.get(READER, &format!("/watchbell/v1/{path}")).await.expect(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn events_are_taken_once_and_what_is_wrong_is_said() {
    let world = world().await;
    let first = world.publish("alert", "e1", alert("A-1", &json!(["ext-anna", "nobody"]))).await;
    assert_eq!((&first["events"][0]["duplicate"], &first["events"][0]["planned"]), (&json!(false), &json!(1)));
    assert_eq!(first["events"][0]["problems"].as_array().unwrap().len(), 1, "{first}");
    let second = world.publish("alert", "e1", alert("A-1", &json!(["ext-anna", "nobody"]))).await;
    assert_eq!((&second["events"][0]["duplicate"], &second["events"][0]["id"]), (&json!(true), &first["events"][0]["id"]));
    assert_eq!(items(&world, "deliveries").await.len(), 1);
    assert_eq!(items(&world, "dead-letters").await[0]["reason"], "unknown_user");
    let table = [
        (json!({ "id": "x", "type": "watchbell.events.party" }), "unknown_kind"),
        (json!({ "id": "x" }), "missing_field"),
        (json!({ "type": "watchbell.events.alert" }), "missing_field"),
        (json!({ "id": "x", "type": "watchbell.events.alert" }), "missing_field"),
        (json!({ "id": "x", "type": "watchbell.events.verification", "code": "1" }), "unknown_kind"),
    ];
    for (event, reason) in table {
        let refused = world.call(PUBLISHER, "POST", "/watchbell/v1/events", &event).await.expect(400);
        assert_eq!(refused["error"]["reason"], reason, "{refused}");
    }
    assert_eq!(items(&world, "dead-letters").await.len(), 1, "who calls sees it; nothing is kept");
}

#[tokio::test]
async fn an_identity_is_the_key_s_own_and_other_content_is_a_conflict() {
    let world = world().await;
    let event = |id: &str, alert_id: &str, summary: &str| {
        let mut event = alert(alert_id, &json!(["ext-anna"]));
        event["summary"] = summary.into();
        (event["id"], event["type"]) = (id.into(), "watchbell.events.alert".into());
        event
    };
    let publish = async |key, event: &Value| world.call(key, "POST", "/watchbell/v1/events", event).await;
    publish(PUBLISHER, &event("1", "A-1", "first")).await.expect(202);
    // Another key counts from one as well.
    let other = publish(ADMIN, &event("1", "A-2", "second")).await.expect(202);
    assert_eq!((&other["events"][0]["duplicate"], &other["events"][0]["planned"]), (&json!(false), &json!(1)));
    // The same key with another alert: refused, and told all the same, once.
    for planned in [1, 0] {
        let refused = publish(PUBLISHER, &event("1", "A-3", "third")).await.expect(409);
        assert_eq!(refused["error"]["events"][0]["planned"], planned, "{refused}");
    }
    assert_eq!(items(&world, "deliveries").await.len(), 3);
    let letters = items(&world, "dead-letters").await;
    assert_eq!((letters.len(), &letters[0]["reason"]), (1, &json!("conflict")));
    // What became of an event can be looked up, and what was repaired is noted on it.
    let mut odd = event("2", "A-4", "fourth");
    odd["priority"] = "urgent".into();
    let id = publish(PUBLISHER, &odd).await.expect(202)["events"][0]["id"].as_str().unwrap().to_owned();
    let kept = world.get(ADMIN, &format!("/watchbell/v1/events/{id}")).await.expect(200);
    assert_eq!(
        (&kept["kind"], &kept["alertId"], kept["problems"].as_array().unwrap().len()),
        (&json!("alert"), &json!("A-4"), 2),
        "{kept}"
    );
    world.get(PUBLISHER, &format!("/watchbell/v1/events/{id}")).await.expect(403);
    world.get(ADMIN, "/watchbell/v1/events/01KAFX8M00ABCDEFGHJKMNPQRS").await.expect(404);
    // An array is a batch, whatever it is declared as.
    let batch = json!([event("3", "A-5", "fifth"), event("4", "A-6", "sixth")]);
    assert_eq!(publish(PUBLISHER, &batch).await.expect(202)["events"].as_array().unwrap().len(), 2);
    // Explaining says what was decided about each event of an alert.
    publish(PUBLISHER, &event("5", "A-5", "again")).await.expect(202);
    let explained = world.get(ADMIN, &format!("/watchbell/v1/explain?user={}&alert=A-5", world.anna)).await.expect(200);
    let decision = explained["decision"].as_str().unwrap();
    assert!(decision.contains("told of the alert already"), "{explained}");
    assert_eq!((explained["events"].as_array().unwrap().len(), &explained["events"][0]["decision"]), (2, &Value::Null));
    let silent = world.get(ADMIN, &format!("/watchbell/v1/explain?user={}&event={id}", world.ben)).await.expect(200);
    assert!(silent["decision"].as_str().unwrap().contains("does not name them"), "{silent}");
}

#[tokio::test]
async fn cloud_events_come_in_all_encodings() {
    let world = world().await;
    let structured = |id: &str| json!({ "specversion": "1.0", "source": "s", "id": id, "type": "watchbell.events.alert", "data": alert(id, &json!(["ext-anna"])) });
    let batch = json!([structured("b1"), structured("b2")]);
    let table = [
        ("application/cloudevents+json", structured("s1"), 1),
        ("application/cloudevents-batch+json", batch, 2),
        ("application/json", alert("h1", &json!(["ext-anna"])), 1),
    ];
    for (content_type, body, events) in table {
        let mut request = Request::builder()
            .method("POST")
            .uri("/watchbell/v1/events")
            .header("authorization", format!("Bearer {PUBLISHER}"))
            .header("content-type", content_type);
        if content_type == "application/json" {
            for (name, value) in [("ce-specversion", "1.0"), ("ce-source", "s"), ("ce-id", "h1"), ("ce-type", "watchbell.events.alert")] {
                request = request.header(name, value);
            }
        }
        let answer = world.send(request.body(Body::from(body.to_string())).unwrap()).await.expect(202);
        assert_eq!(answer["events"].as_array().unwrap().len(), events, "{answer}");
    }
    assert_eq!(items(&world, "deliveries").await.len(), 4);
}

#[tokio::test]
async fn deliveries_are_listed_by_filter_and_page() {
    let world = world().await;
    for n in 0..5 {
        world.publish("alert", &format!("e{n}"), alert(&format!("A-{n}"), &json!(["ext-anna", "ext-ben"]))).await;
    }
    let all = items(&world, "deliveries").await;
    assert_eq!(all.len(), 10);
    let one = &all[0];
    assert_eq!((&one["channel"], &one["purpose"], &one["priority"]), (&json!("email"), &json!("fallback"), &json!("HIGH")));
    assert_eq!((&one["trigger"], &one["state"], &one["attempts"]), (&json!("alert_high"), &json!("scheduled"), &json!(0)));
    assert_eq!((&one["dueAt"], one.get("sentAt"), one.get("provider")), (&json!("2026-11-20T08:00:00.000Z"), None, None));
    assert!(one["address"].as_str().unwrap().contains('…'), "masked: {one}");
    let table = [
        (format!("user={}", world.anna), 5),
        ("user=ext-ben".to_owned(), 5),
        ("alert=A-1".to_owned(), 2),
        (format!("event={}", one["eventId"].as_str().unwrap()), 2),
        ("channel=email".to_owned(), 10),
        ("channel=sms".to_owned(), 0),
        ("state=scheduled".to_owned(), 10),
        ("state=sent".to_owned(), 0),
        ("from=2026-11-20T08:00:00Z".to_owned(), 10),
        ("to=2026-11-20T08:00:00Z".to_owned(), 0),
        ("changedAfter=2026-11-20T08:00:00Z".to_owned(), 0),
        ("changedAfter=2026-11-20T07:59:59Z&alert=A-2&user=ext-anna".to_owned(), 1),
    ];
    for (query, count) in table {
        assert_eq!(items(&world, &format!("deliveries?{query}")).await.len(), count, "{query}");
    }
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(READER, &format!("/watchbell/v1/deliveries?limit=3{cursor}")).await.expect(200);
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, all);
    let path = format!("/watchbell/v1/deliveries/{}", one["id"].as_str().unwrap());
    assert_eq!(world.get(READER, &path).await.expect(200)["attemptLog"], json!([]));
    world.raw(ADMIN, "POST", &format!("{path}/replay"), "").await.expect(409);
}

#[tokio::test]
async fn dead_letters_are_mended_and_played_again() {
    let world = world().await;
    world.publish("alert", "e1", alert("A-1", &json!(["ext-anna", "ext-cleo"]))).await;
    world.publish("alert", "e2", alert("A-2", &json!(["ext-dora"]))).await;
    let letters = items(&world, "dead-letters?reason=unknown_user&subject=watchbell.events.alert").await;
    assert_eq!(letters.len(), 2);
    let first = format!("/watchbell/v1/dead-letters/{}", letters[1]["id"]);
    let shown = world.get(READER, &first).await.expect(200);
    assert!(shown["payload"].as_str().unwrap().contains("ext-cleo"), "{shown}");
    let cleo = world.call(ADMIN, "POST", "/api/users", &json!({ "username": "cleo", "email": "cleo@example.org" })).await.expect(201);
    let path = format!("/watchbell/v1/users/{}", cleo["id"]);
    world.call(ADMIN, "PUT", &path, &json!({ "externalId": "ext-cleo" })).await.expect(200);
    let replayed = world.raw(ADMIN, "POST", &format!("{first}/replay"), "").await.expect(202);
    assert_eq!((&replayed["events"][0]["planned"], &replayed["events"][0]["duplicate"]), (&json!(1), &json!(false)));
    let again = world.raw(ADMIN, "POST", &format!("{first}/replay"), "").await.expect(202);
    assert_eq!(again["events"][0]["planned"], 0, "nothing is missing any more");
    assert_eq!(items(&world, "deliveries?alert=A-1").await.len(), 2);
    assert!(world.get(READER, &first).await.expect(200)["replayedAt"].is_string());
    let rest = world.raw(ADMIN, "POST", "/watchbell/v1/dead-letters/replay?reason=unknown_user", "").await.expect(202);
    assert_eq!((&rest["replayed"], &rest["failed"][0]["id"]), (&json!(0), &letters[0]["id"]), "{rest}");
    let purged = world.raw(ADMIN, "DELETE", "/watchbell/v1/dead-letters?replayed=true", "").await.expect(200);
    assert_eq!(purged["deleted"], 1);
    assert_eq!(items(&world, "dead-letters").await.len(), 1);
}

#[tokio::test]
async fn a_thousand_names_of_nobody_are_cut_everywhere_but_in_the_payload() {
    let world = world().await;
    let names: Vec<String> = (0..900).map(|n| format!("nobody-{n}")).collect();
    let mut responders = names.clone();
    responders.push("ext-anna".to_owned());
    let data = json!({ "alertId": "A-1", "summary": "disk full", "priority": "HIGH", "responders": responders });
    let answer = world.publish("alert", "e1", data).await;
    let problem = answer["events"][0]["problems"][0].as_str().unwrap();
    assert!(problem.contains("nobody-19") && !problem.contains("nobody-20") && problem.ends_with("and 880 more"), "{problem}");
    let listed = items(&world, "dead-letters").await;
    assert_eq!((listed[0]["detail"].as_str(), listed[0].get("payload")), (Some(problem), None));
    let one = world.get(READER, &format!("/watchbell/v1/dead-letters/{}", listed[0]["id"])).await.expect(200);
    assert!(one["payload"].as_str().unwrap().contains("nobody-899"));
    // Somebody turns up, and the replay finds them by the name that was cut.
    let late = NewUser {
        username: "late".to_owned(),
        external_id: Some("nobody-777".to_owned()),
        email: Some("late@example.org".to_owned()),
        ..NewUser::default()
    };
    world.store.create_user(Actor::System, late).await.unwrap();
    let replayed = world.raw(ADMIN, "POST", &format!("/watchbell/v1/dead-letters/{}/replay", listed[0]["id"]), "").await.expect(202);
    assert_eq!(replayed["events"][0]["planned"], 1, "{replayed}");
}

#[tokio::test]
async fn what_is_read_or_published_with_a_key_is_audited_as_changes_are() {
    let world = world().await;
    let last = async || items(&world, "audit?limit=1").await.remove(0);
    let published = world.publish("alert", "e1", alert("A-1", &json!(["ext-anna", "nobody"]))).await;
    let (id, entry) = (&published["events"][0]["id"], last().await);
    assert_eq!((&entry["action"], &entry["object"]), (&json!("event.publish"), &json!(format!("events/{}", id.as_str().unwrap()))));
    assert_eq!((&entry["detail"], &entry["address"]), (&json!({ "events": [id], "planned": 1 }), &json!("0.0.0.0")));
    let key = entry["keyId"].clone();
    // The same again changes nothing, so it is no entry.
    world.publish("alert", "e1", alert("A-1", &json!(["ext-anna", "nobody"]))).await;
    assert_eq!(last().await["id"], entry["id"]);
    world.raw(ADMIN, "POST", "/watchbell/v1/dead-letters/1/replay", "").await.expect(202);
    assert_eq!((last().await["action"].as_str(), last().await["object"].as_str()), (Some("dead_letter.replay"), Some("dead-letters/1")));
    assert_ne!(last().await["keyId"], key);
    world.get(ADMIN, "/watchbell/v1/export").await.expect(200);
    assert_eq!((last().await["action"].as_str(), &last().await["detail"]["users"]), (Some("export"), &json!(2)));
}

#[tokio::test]
async fn writes_are_audited_without_addresses() {
    let world = world().await;
    world.phone("0151 12345678").await;
    let audit = world.get(READER, "/watchbell/v1/audit?limit=1").await;
    let entry = audit.expect(200);
    assert!(entry["items"][0]["keyId"].is_i64() && entry["items"][0]["action"].is_string(), "{entry}");
    assert!(!audit.text.contains("12345678"));
    assert_eq!(entry["items"][0]["detail"]["target"], json!({ "after": "+49…5678" }));
    let next = format!("/watchbell/v1/audit?limit=1&cursor={}", entry["nextCursor"].as_str().unwrap());
    assert_ne!(world.get(READER, &next).await.expect(200)["items"][0]["id"], entry["items"][0]["id"]);
}

#[tokio::test]
async fn channels_say_who_serves_them() {
    let world = world().await;
    let channels = items(&world, "channels").await;
    assert_eq!(
        channels[0],
        json!({ "channel": "sms", "available": true, "providers": [{ "name": "twilio", "kind": "twilio", "up": true, "states": [] }] })
    );
    assert_eq!(channels[1], json!({ "channel": "email", "available": false, "providers": [] }));
}

#[tokio::test]
async fn explain_says_why_nothing_was_planned_of_an_alert() {
    let world = world().await;
    let why = async |id: &str, user: &str| {
        let explained = world.get(READER, &format!("/watchbell/v1/explain?user={user}&alert={id}")).await.expect(200);
        explained["decision"].as_str().unwrap_or_default().to_owned()
    };
    let update = |id: &str, status: &str| json!({ "alertId": id, "status": status });
    world.publish("update", "1", update("A-1", "ACCEPTED")).await;
    world.publish("alert", "2", alert("A-1", &json!(["ext-anna"]))).await;
    world.publish("update", "3", update("A-2", "RESOLVED")).await;
    world.publish("alert", "4", alert("A-3", &json!(["ext-anna"]))).await;
    let anna = world.anna.to_string();
    let nothing = "nothing was planned for this user";
    assert_eq!(why("A-1", &anna).await, format!("{nothing}: the alert was accepted at 2026-11-20T08:00:00.000Z"));
    assert_eq!(
        why("A-2", &anna).await,
        format!("{nothing}: the alert was resolved at 2026-11-20T08:00:00.000Z, and no event of it names them")
    );
    assert_eq!(why("A-3", &anna).await, "", "there are steps");
    assert_eq!(why("A-4", &anna).await, format!("{nothing}: no event of this alert is known"));
    assert_eq!(why("A-3", "ext-ben").await, format!("{nothing}: no event of this alert names them"));
}

#[tokio::test]
async fn who_could_not_be_reached_is_counted() {
    let world = world().await;
    // Neither a rule nor an address for the fallback email.
    let bare = NewUser { username: "bare".to_owned(), external_id: Some("ext-bare".to_owned()), ..NewUser::default() };
    world.store.create_user(Actor::System, bare).await.unwrap();
    for (n, user) in ["ext-bare", "ext-bare", "ext-anna"].iter().enumerate() {
        world.publish("alert", &n.to_string(), alert(&format!("A-{n}"), &json!([user]))).await;
    }
    let found = world.get(READER, "/watchbell/v1/unreachable?limit=1").await.expect(200);
    assert_eq!((found["items"].as_array().unwrap().len(), &found["total"]), (1, &json!(2)), "{found}");
}

#[tokio::test]
async fn health_needs_no_key_and_readiness_tells_what_is_missing() {
    let world = world().await;
    world.get("", "/-/healthy").await.expect(200);
    for (nats, status, shown) in [(None, 200, "off"), (Some(true), 200, "up"), (Some(false), 503, "down")] {
        *world.process.nats.lock().unwrap() = nats;
        let ready = world.get("", "/-/ready").await.expect(status);
        assert_eq!((&ready["database"], &ready["nats"]), (&json!("up"), &json!(shown)));
    }
}

#[tokio::test]
async fn an_event_names_so_many_users_and_a_batch_any_number() {
    let world = world().await;
    let many = |count: usize| Value::from((0..count).map(|at| format!("nobody-{at}")).chain(["ext-anna".to_owned()]).collect::<Vec<_>>());
    let kinds = [
        ("alert", "responders", json!({ "alertId": "A-1", "summary": "x", "priority": "HIGH" })),
        ("update", "responders", json!({ "alertId": "A-1", "status": "ESCALATED" })),
        ("update", "notify", json!({ "alertId": "A-1", "status": "ACCEPTED" })),
        ("subscription", "users", json!({ "title": "x", "message": "y" })),
    ];
    for (kind, field, mut event) in kinds {
        (event["id"], event["type"]) = ("1".into(), format!("watchbell.events.{kind}").into());
        // One text may name several, and is no way around.
        let in_few: Value = many(1_000)
            .as_array()
            .unwrap()
            .chunks(20)
            .map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
            .collect();
        for (path, names) in
            [("events".to_owned(), many(1_000)), (format!("explain?user={}", world.anna), many(1_000)), ("events".to_owned(), in_few)]
        {
            event[field] = names;
            let refused = world.call(ADMIN, "POST", &format!("/watchbell/v1/{path}"), &event).await.expect(400);
            assert_eq!(refused["error"]["field"], field, "{path}: {refused}");
            let message = refused["error"]["message"].as_str().unwrap();
            assert!(message.contains("names 1001 users") && message.contains("topic"), "{message}");
        }
    }
    assert_eq!(items(&world, "deliveries").await, Vec::<Value>::new());
    world.publish("alert", "2", json!({ "alertId": "A-1", "summary": "x", "priority": "HIGH", "responders": many(999) })).await;
    assert_eq!(items(&world, "deliveries").await.len(), 1);
    let entry = |at: usize| {
        let data = json!({ "alertId": format!("B-{at}"), "summary": "x", "priority": "HIGH", "responders": many(600) });
        json!({ "specversion": "1.0", "source": "s", "id": at.to_string(), "type": "watchbell.events.alert", "data": data })
    };
    let batch = Value::from((0..4).map(entry).collect::<Vec<_>>());
    let request = Request::builder().method("POST").uri("/watchbell/v1/events").header("authorization", format!("Bearer {PUBLISHER}"));
    let request = request.header("content-type", "application/cloudevents-batch+json").body(Body::from(batch.to_string())).unwrap();
    assert_eq!(world.send(request).await.expect(202)["events"].as_array().unwrap().len(), 4);
    assert_eq!(items(&world, "deliveries").await.len(), 5);
}

#[tokio::test]
async fn explain_tells_of_a_member_of_a_topic_and_of_nobody_else() {
    let world = world().await;
    world.call(ADMIN, "PUT", "/watchbell/v1/topics/news/users", &json!({ "users": [world.anna] })).await.expect(204);
    let rule = json!({ "method": "EMAIL", "contact": { "id": world.email().await } });
    world.call(ADMIN, "POST", &world.anna("notification-preferences/subscriptions"), &rule).await.expect(201);
    let event = json!({ "id": "1", "type": "watchbell.events.subscription", "title": "x", "message": "y", "topic": "news" });
    let steps = async |user: i64| {
        let path = format!("/watchbell/v1/explain?user={user}");
        world.call(READER, "POST", &path, &event).await.expect(200)["steps"].as_array().unwrap().len()
    };
    // By email, and in the app.
    assert_eq!((steps(world.anna).await, steps(world.ben).await), (2, 0));
    assert_eq!(items(&world, "deliveries").await, Vec::<Value>::new());
}
