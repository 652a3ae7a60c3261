//! Monitoring tools that know nothing of Watchbell but a URL and a key.

use serde_json::{Value, json};
use watchbell_tests::alertmanager::Alertmanager;
use watchbell_tests::bed::Bed;
use watchbell_tests::client::Client;
use watchbell_tests::team::Person;
use watchbell_tests::{on_both, wait};

on_both!(alertmanager_pages_by_each_of_its_receivers, what_tools_send_wrong_is_kept_and_named);
on_both!(what_could_not_be_read_is_read_once_the_configuration_is_mended);

/// Anna, who gets an SMS for every HIGH alert, and a key for tools.
async fn anna_and_key(bed: &mut Bed) -> (Person, String) {
    for (name, kind) in [("PROM", "alertmanager"), ("PD", "pagerduty"), ("OG", "opsgenie")] {
        bed.settings.set(&format!("INTAKE__{name}__KIND"), kind).set(&format!("INTAKE__{name}__DEFAULT_RESPONDERS"), r#"["1"]"#);
    }
    bed.settings.set("INTAKE__PD__RESPONDERS", r#"["{{ labels.owner }}"]"#);
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    let made = bed.api().post("/watchbell/v1/keys", &json!({ "name": "tools", "role": "publisher" })).await.expect(201);
    (anna, made["key"].as_str().unwrap().to_owned())
}

async fn alertmanager_pages_by_each_of_its_receivers(bed: &mut Bed) {
    let (anna, key) = anna_and_key(bed).await;
    bed.clock.set(wait::now());
    let intake = |name: &str| format!("{}/watchbell/v1/intake/{name}", bed.api().base());
    let to = |receiver: &str| json!({ "receiver": receiver, "matchers": [format!("to=\"{receiver}\"")] });
    let config = json!({
        "route": {
            "receiver": "webhook",
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "2s",
            "routes": [to("pagerduty"), to("opsgenie")],
        },
        "receivers": [
            { "name": "webhook", "webhook_configs": [{ "url": intake("prom"), "http_config": { "authorization": { "credentials": key } } }] },
            { "name": "pagerduty", "pagerduty_configs": [{ "url": intake("pd"), "routing_key": key }] },
            { "name": "opsgenie", "opsgenie_configs": [{ "api_url": intake("og"), "api_key": key }] },
        ],
    });
    let alertmanager = Alertmanager::start(&config).await;
    for receiver in ["webhook", "pagerduty", "opsgenie"] {
        let labels = json!({ "alertname": format!("Down-{receiver}"), "to": receiver, "severity": "critical", "instance": "db1" });
        alertmanager.tell(&labels, &json!({ "summary": format!("db1 down by {receiver}") }), None).await;
    }
    for receiver in ["webhook", "pagerduty", "opsgenie"] {
        bed.outbox().expect(1, receiver, |sent| sent.to == anna.phone && sent.text.contains(receiver)).await;
    }
    // It repeats each of them every two seconds.
    let again = "SELECT count(*) FROM audit WHERE action = 'event.intake'";
    let told = bed.database.number(again).await;
    wait::until("the repetitions", async || bed.database.number(again).await >= told + 2).await;
    assert_eq!(bed.outbox().len(), 3, "what is repeated is no second page");
    for receiver in ["webhook", "pagerduty", "opsgenie"] {
        let labels = json!({ "alertname": format!("Down-{receiver}"), "to": receiver, "severity": "critical", "instance": "db1" });
        alertmanager.tell(&labels, &json!({}), Some(&wait::now().to_string())).await;
    }
    let resolved = "SELECT count(*) FROM alerts WHERE state = 'resolved'";
    wait::until("all to be resolved", async || bed.database.number(resolved).await == 3).await;
    assert_eq!(bed.outbox().len(), 3);
    assert_eq!(bed.database.number("SELECT count(*) FROM dead_letters").await, 0);
}

async fn what_tools_send_wrong_is_kept_and_named(bed: &mut Bed) {
    let (anna, key) = anna_and_key(bed).await;
    let (api, nobody) = (bed.api().with_key(&key), bed.api().with_key(""));
    let wrong = bed.api().with_key("wb_wrong");
    let letters = async || bed.database.number("SELECT count(*) FROM dead_letters").await;
    let refused = async |api: &Client, path: &str, body: &Value, status: u16, member: &str, kept: i64| {
        let before = letters().await;
        let answer = api.post(&format!("/watchbell/v1/intake/{path}"), body).await.expect(status);
        assert!(!answer[member].is_null(), "{path}: {answer}");
        assert_eq!(letters().await - before, kept, "{path}: {answer}");
    };
    // Each in the form of the original.
    refused(&wrong, "prom", &json!({}), 401, "error", 0).await;
    refused(&wrong, "og/v2/alerts", &json!({}), 401, "requestId", 0).await;
    refused(&nobody, "pd", &json!({ "routing_key": "wrong", "event_action": "trigger" }), 401, "errors", 0).await;
    refused(&nobody, "pd", &json!({ "event_action": "trigger" }), 401, "errors", 0).await;
    refused(&nobody, "pd", &json!({ "routing_key": key, "event_action": "fly" }), 400, "errors", 1).await;
    refused(&api, "prom", &json!({ "alerts": "none" }), 400, "error", 1).await;
    refused(&api, "og/v2/alerts/1/dance", &json!({}), 400, "requestId", 1).await;
    refused(&api, "nowhere", &json!({}), 404, "error", 0).await;
    // A key of another intake opens nothing else, and what was sent with it is kept, without the key.
    let made = bed.api().post("/watchbell/v1/keys", &json!({ "name": "prom", "role": "publisher", "intake": "prom" })).await.expect(201);
    let of_prom = bed.api().with_key(made["key"].as_str().unwrap());
    refused(&of_prom, "og/v2/alerts", &json!({ "message": "m" }), 403, "requestId", 1).await;
    refused(&nobody, "pd", &json!({ "routing_key": made["key"], "event_action": "trigger", "dedup_key": "k" }), 403, "errors", 1).await;
    let kept = bed.api().get("/watchbell/v1/dead-letters?limit=1").await.expect(200);
    let kept = bed.api().get(&format!("/watchbell/v1/dead-letters/{}", kept["items"][0]["id"])).await.expect(200);
    assert!(kept.to_string().contains("intake prom alone") && !kept.to_string().contains(made["key"].as_str().unwrap()), "{kept}");
    of_prom.post("/watchbell/v1/events", &json!({})).await.expect(403);
    of_prom.get("/watchbell/v1/keys").await.expect(403);
    let unknown = json!({ "name": "x", "role": "publisher", "intake": "nowhere" });
    let told = bed.api().post("/watchbell/v1/keys", &unknown).await.expect(400);
    assert!(told.to_string().contains("og, pd, prom"), "{told}");
    bed.quiet().await;
    assert_eq!(bed.outbox().len(), 0);
    // What of a batch can be read is told; and whom nobody knows is told by whoever is the default.
    let batch = json!({ "alerts": [5, { "labels": { "alertname": "Half" }, "fingerprint": "h" }] });
    of_prom.post("/watchbell/v1/intake/prom/", &batch).await.expect(202);
    let lost = json!({
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": "k1",
        "payload": { "summary": "Lost", "source": "s", "severity": "critical", "custom_details": { "owner": "nobody-at-all" } },
    });
    let answer = nobody.post("/watchbell/v1/intake/pd/v2/enqueue", &lost).await.expect(202);
    assert_eq!(answer["dedup_key"], "k1");
    bed.quiet().await;
    for text in ["Half", "Lost"] {
        bed.outbox().expect(1, text, |sent| sent.to == anna.phone && sent.text.contains(text)).await;
    }
    // The same key opened again after its end pages again.
    nobody.post("/watchbell/v1/intake/pd", &json!({ "routing_key": key, "event_action": "resolve", "dedup_key": "k1" })).await.expect(202);
    nobody.post("/watchbell/v1/intake/pd", &lost).await.expect(202);
    bed.quiet().await;
    assert_eq!(bed.outbox().len(), 3);
    // Its client asks what became of a request.
    let made = api.post("/watchbell/v1/intake/og/v2/alerts", &json!({ "message": "m", "alias": "a/1" })).await.expect(202);
    let asked = format!("/watchbell/v1/intake/og/v2/alerts/requests/{}", made["requestId"].as_str().unwrap());
    let told = api.get(&asked).await.expect(200);
    assert_eq!((&told["data"]["success"], &told["data"]["alias"]), (&json!(true), &json!("a/1")));
    // A note changes nothing, and its client hears of success.
    let noted = api.post("/watchbell/v1/intake/og/v2/alerts/a%2F1/notes", &json!({ "note": "n" })).await.expect(202);
    let told = api.get(&format!("/watchbell/v1/intake/og/v2/alerts/requests/{}", noted["requestId"].as_str().unwrap())).await.expect(200);
    assert_eq!(told["data"]["success"], true, "{told}");
    api.get("/watchbell/v1/intake/og/v2/alerts/requests/3f2b1c4d-0000-4000-8000-000000000000").await.expect(404);
    // Nothing of a dry run is kept.
    let before = bed.database.number("SELECT count(*) FROM events").await;
    let shown = api.post("/watchbell/v1/intake/prom?dry_run=true", &batch).await.expect(200);
    assert_eq!(
        (&shown["events"][0]["event"]["data"]["responders"], &shown["unreadable"][0]),
        (&json!(["1"]), &json!("alerts[0] is no object"))
    );
    assert_eq!(bed.database.number("SELECT count(*) FROM events").await, before);
}

async fn what_could_not_be_read_is_read_once_the_configuration_is_mended(bed: &mut Bed) {
    bed.settings.set("INTAKE__TOOL__KIND", "alertmanager").set("INTAKE__TOOL__DEFAULT_RESPONDERS", r#"["1"]"#);
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    let made = bed.api().post("/watchbell/v1/keys", &json!({ "name": "tools", "role": "publisher" })).await.expect(201);
    let key = made["key"].as_str().unwrap();
    // The tool is Opsgenie's client, by a path of its own; and one that has nothing but a query.
    let keyless = bed.api().with_key("");
    keyless.post(&format!("/watchbell/v1/intake/tool/{key}/v2/alerts"), &json!({ "message": "m1", "alias": "a1" })).await.expect(400);
    keyless.get(&format!("/watchbell/v1/intake/tool?key={key}&name=q1")).await.expect(400);
    let kept = bed.api().get("/watchbell/v1/dead-letters").await.expect(200);
    let ids: Vec<&Value> = kept["items"].as_array().unwrap().iter().map(|letter| &letter["id"]).collect();
    let shown = bed.api().get(&format!("/watchbell/v1/dead-letters/{}", ids[0])).await.expect(200);
    assert!(shown.to_string().contains("q1") && !shown.to_string().contains(key), "{shown}");
    for id in &ids {
        bed.api().post(&format!("/watchbell/v1/dead-letters/{id}/replay"), &json!({})).await.expect(409);
    }
    bed.stop().await;
    bed.settings.set("INTAKE__TOOL__KIND", "opsgenie");
    bed.start().await;
    for _ in 0..2 {
        // The second time nothing is missing any more.
        bed.api().post(&format!("/watchbell/v1/dead-letters/{}/replay", ids[1]), &json!({})).await.expect(202);
        bed.quiet().await;
        bed.outbox().expect(1, "SMS", |sent| sent.to == anna.phone && sent.text.contains("m1")).await;
        assert_eq!(bed.outbox().len(), 1);
    }
    bed.stop().await;
    bed.settings.set("INTAKE__TOOL__KIND", "generic").set("INTAKE__TOOL__ALERT_ID", "{{ alert.name }}");
    bed.start().await;
    bed.api().post(&format!("/watchbell/v1/dead-letters/{}/replay", ids[0]), &json!({})).await.expect(202);
    bed.quiet().await;
    bed.outbox().expect(1, "SMS", |sent| sent.to == anna.phone && sent.text.contains("q1")).await;
}
