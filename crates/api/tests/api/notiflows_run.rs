//! Running a notiflow: whom it reaches, what it says, and that a repeated request is the same run.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use watchbell_core::EventId;
use watchbell_core::event::{EventData, SubscriptionData};

use crate::harness::{ADMIN, Answer, PUBLIC_KEY, SECRET_KEY, World, world};
use crate::notiflows::{call, call_as, check, check_field, get, pair};

const RUN: &str = "/admin/notiflows/chat.message/run";

async fn keyed(world: &World, path: &str, key: &str, body: &Value) -> Answer {
    let request = Request::builder().method("POST").uri(path).header("idempotency-key", key);
    let request = request.header("x-notiflows-api-key", PUBLIC_KEY).header("x-notiflows-secret-key", SECRET_KEY);
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// How many events there are of a run's deliveries.
async fn deliveries(world: &World, run: &str) -> Vec<Value> {
    let found = world.get(ADMIN, &format!("/watchbell/v1/deliveries?event={run}")).await.expect(200);
    found["items"].as_array().unwrap().clone()
}

async fn event(world: &World, key: &str) -> (EventId, SubscriptionData) {
    // The pair is the fifth key of a new world.
    let found = world.store.event_by_identity(&format!("ce:key-5:11:notiflows/5:{key}")).await.unwrap();
    match found.unwrap() {
        (id, EventData::Subscription(data)) => (id, data),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_run_is_an_event_and_makes_users_it_does_not_know() {
    let world = world().await.with_categories().await;
    let body = json!({
        "recipients": ["ext-anna", { "external_id": "new", "email": "new@example.org", "first_name": "N" }, { "external_id": "ext-anna" }],
        "data": { "title": "Deployed", "message": "Version 7 is out", "url": "https://example.org/7" },
        "actor": { "external_id": "ext-ben" },
    });
    let answer = keyed(&world, RUN, "k1", &body).await;
    let run = answer.expect(200);
    assert_eq!(run.as_object().unwrap().len(), 1, "{run}");
    let run = run["notiflow_run_id"].as_str().unwrap();
    let made = get(&world, "/admin/users/new").await.expect(200);
    assert_eq!((&made["email"], &made["first_name"]), (&json!("new@example.org"), &json!("N")));
    let (id, data) = event(&world, "k1").await;
    assert_eq!(id.as_str(), run);
    assert_eq!((data.title.as_str(), data.message.as_str()), ("Deployed", "Version 7 is out"));
    assert_eq!((data.url.as_deref(), data.category.as_deref()), (Some("https://example.org/7"), Some("chat.message")));
    assert_eq!(data.users.len(), 2, "each once");
    // In-app needs no rule, so both are told.
    assert_eq!(deliveries(&world, run).await.len(), 2);
    // What is said of a known user changes nothing.
    let again = json!({ "recipients": [{ "external_id": "new", "email": "other@example.org" }] });
    call(&world, "POST", RUN, &again).await.expect(200);
    assert_eq!(get(&world, "/admin/users/new").await.expect(200)["email"], "new@example.org");
    // By the notiflow's id, and at the other mount.
    let id = world.store.category("chat.message").await.unwrap().unwrap().id;
    call(&world, "POST", &format!("/admin/v1/notiflows/{id}/run"), &json!({ "recipients": ["ext-anna"] })).await.expect(200);
}

#[tokio::test]
async fn a_topic_s_members_are_told() {
    let world = world().await.with_categories().await;
    let members = json!({ "users": ["ext-anna", "ext-ben"] });
    world.call(ADMIN, "PUT", "/watchbell/v1/topics/deploys/users", &members).await.expect(204);
    let run = call(&world, "POST", RUN, &json!({ "topic": "deploys", "data": { "title": "T" } })).await.expect(200);
    while world.store.fan_out().await.unwrap() {}
    assert_eq!(deliveries(&world, run["notiflow_run_id"].as_str().unwrap()).await.len(), 2);
    // Nobody has to be there.
    call(&world, "POST", RUN, &json!({ "topic": "nobody's" })).await.expect(200);
}

#[tokio::test]
async fn a_repeated_request_is_one_run_and_another_one_a_conflict() {
    let world = world().await.with_categories().await;
    let body = json!({ "recipients": ["ext-anna", "made"], "data": { "title": "T", "n": 1 } });
    let first = keyed(&world, RUN, "key", &body).await.expect(200);
    world.clock.advance(std::time::Duration::from_mins(5));
    // The same, however it is written.
    let spaced = r#"{ "data": {"n":1, "title":"T"}, "recipients": ["ext-anna", "made"] }"#;
    let request = Request::builder().method("POST").uri(RUN).header("idempotency-key", "key");
    let request = request.header("x-notiflows-api-key", PUBLIC_KEY).header("x-notiflows-secret-key", SECRET_KEY);
    assert_eq!(world.send(request.body(Body::from(spaced)).unwrap()).await.expect(200), first);
    assert_eq!(deliveries(&world, first["notiflow_run_id"].as_str().unwrap()).await.len(), 2, "told once");
    let conflict = json!({ "idempotency_key": "key" });
    let others = [
        (RUN, json!({ "recipients": ["ext-anna", "made"], "data": { "title": "T", "n": 2 } })),
        (RUN, json!({ "recipients": ["ext-anna", "somebody-new"], "data": { "title": "T", "n": 1 } })),
        ("/admin/notiflows/chat.mention/run", body.clone()),
    ];
    for (path, other) in &others {
        check(&keyed(&world, path, "key", other).await, 409, "conflict", &conflict);
    }
    get(&world, "/admin/users/somebody-new").await.expect(404);
    // Another key is another run; so is every request without one, and another pair's with the same.
    assert_ne!(keyed(&world, RUN, "key2", &body).await.expect(200), first);
    let one = call(&world, "POST", RUN, &body).await.expect(200);
    assert_ne!(call(&world, "POST", RUN, &body).await.expect(200), one);
    let (public, secret) = pair(&world, &json!({ "name": "other", "role": "admin", "pair": true })).await;
    let request = Request::builder().method("POST").uri(RUN).header("idempotency-key", "key");
    let request = request.header("x-notiflows-api-key", public).header("x-notiflows-secret-key", secret);
    assert_ne!(world.send(request.body(Body::from(body.to_string())).unwrap()).await.expect(200), first);
    for key in ["", "\u{e4}", &"x".repeat(256)] {
        let answer = keyed(&world, RUN, key, &body).await;
        check(&answer, 400, "bad_request", &json!({ "reason": "invalid_param", "param": "idempotency-key" }));
    }
}

#[tokio::test]
async fn requests_at_the_same_time_with_one_key_are_one_run() {
    let world = world().await.with_categories().await;
    let body = json!({ "recipients": ["ext-anna", "x1", "x2"], "data": { "title": "T" } });
    let answers = futures::future::join_all((0..8).map(|_| keyed(&world, RUN, "same", &body))).await;
    let runs: std::collections::BTreeSet<String> = answers.iter().map(|answer| answer.expect(200)["notiflow_run_id"].to_string()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(deliveries(&world, runs.first().unwrap().trim_matches('"')).await.len(), 3);
}

#[tokio::test]
async fn a_run_that_is_wrong_says_what_is_and_tells_nobody() {
    let world = world().await.with_categories().await;
    let table = [
        (json!({}), "recipients", "required"),
        (json!({ "recipients": null }), "recipients", "required"),
        (json!({ "recipients": [] }), "recipients", "invalid"),
        (json!({ "recipients": "ext-anna" }), "recipients", "invalid_type"),
        (json!({ "recipients": ["ext-anna"], "topic": "t" }), "topic", "invalid"),
        (json!({ "topic": "" }), "topic", "invalid"),
        (json!({ "topic": 5 }), "topic", "invalid_type"),
        (json!({ "topic": "t".repeat(256) }), "topic", "invalid"),
        (json!({ "recipients": [5] }), "recipients[0]", "invalid_type"),
        (json!({ "recipients": ["ok-1", ""] }), "recipients[1]", "invalid"),
        (json!({ "recipients": ["ok-1", { "email": "a@example.org" }] }), "recipients[1].external_id", "required"),
        (json!({ "recipients": ["ok-1", { "external_id": 5 }] }), "recipients[1].external_id", "invalid_type"),
        (json!({ "recipients": ["ok-1", "5"] }), "recipients", "invalid"),
        (json!({ "recipients": [{ "external_id": "ok-1", "email": "x" }] }), "recipients[0].email", "invalid"),
        (json!({ "recipients": [{ "external_id": "ok-1", "phone": "1" }] }), "recipients[0].phone", "invalid"),
        (json!({ "recipients": vec!["ok-1"; 1_001] }), "recipients", "invalid"),
        (json!({ "recipients": ["ok-1"], "data": "text" }), "data", "invalid_type"),
        (json!({ "recipients": ["ok-1"], "actor": [] }), "actor", "invalid_type"),
        (json!({ "recipients": ["ok-1"], "actor": {} }), "actor.external_id", "required"),
    ];
    for (body, field, reason) in table {
        check_field(&call(&world, "POST", RUN, &body).await, field, reason);
    }
    get(&world, "/admin/users/ok-1").await.expect(404);
    for notiflow in ["nope", "0190aaaa-0000-7000-8000-000000000000"] {
        let answer = call(&world, "POST", &format!("/admin/notiflows/{notiflow}/run"), &json!({ "recipients": ["ext-anna"] })).await;
        check(&answer, 404, "not_found", &json!({ "resource": "notiflow", "id": notiflow }));
        assert_eq!(answer.json()["error"]["message"], "Notiflow not found");
    }
    assert_eq!(world.get(ADMIN, "/watchbell/v1/deliveries").await.expect(200)["items"], json!([]));
    // Data may be anything: what is too long is cut, what is no text is left out.
    let odd = json!({ "recipients": ["ext-anna"], "data": { "title": "x".repeat(10_000), "message": "\u{7f}\r\n", "url": "javascript:x", "a": [1] } });
    call_as(&world, (PUBLIC_KEY, SECRET_KEY), "POST", RUN, odd.to_string()).await.expect(200);
    assert_eq!(world.get(ADMIN, "/watchbell/v1/dead-letters").await.expect(200)["items"], json!([]));
}
