//! Whoever accepts an alert has the Alertmanager that sent it be silent about it; real ones, with a real Prometheus before it.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_tests::alertmanager::Alertmanager;
use watchbell_tests::bed::Bed;
use watchbell_tests::prometheus::Prometheus;
use watchbell_tests::stand_ins::service::ServiceStandIn;
use watchbell_tests::team::Person;
use watchbell_tests::{on_both, wait};

on_both!(prometheus_pages_by_way_of_alertmanager, an_accept_silences_alertmanager_until_it_is_over);
on_both!(an_alertmanager_that_is_away_is_in_nobodys_way);

/// Anna, who gets an SMS for every HIGH alert, and a key for the tool.
async fn anna_and_key(bed: &mut Bed, alertmanager: Option<&str>) -> (Person, String) {
    bed.settings.set("INTAKE__PROM__KIND", "alertmanager").set("INTAKE__PROM__DEFAULT_RESPONDERS", r#"["1"]"#);
    if let Some(url) = alertmanager {
        bed.settings.set("INTAKE__PROM__ACKNOWLEDGE", "silence").set("INTAKE__PROM__ALERTMANAGER_URL", url);
    }
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    let made = bed.api().post("/watchbell/v1/keys", &json!({ "name": "tools", "role": "publisher" })).await.expect(201);
    bed.clock.set(wait::now());
    (anna, made["key"].as_str().unwrap().to_owned())
}

/// Sends everything to where `bed` listens.
fn config(bed: &Bed, key: &str) -> Value {
    let url = format!("{}/watchbell/v1/intake/prom", bed.api().base());
    json!({
        "route": { "receiver": "w", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "2s" },
        "receivers": [{ "name": "w", "webhook_configs": [{ "url": url, "http_config": { "authorization": { "credentials": key } } }] }],
    })
}

async fn state(bed: &Bed, state: &str) -> i64 {
    bed.database.number(&format!("SELECT count(*) FROM alerts WHERE state = '{state}'")).await
}

async fn prometheus_pages_by_way_of_alertmanager(bed: &mut Bed) {
    let (anna, key) = anna_and_key(bed, None).await;
    let alertmanager = Alertmanager::start(&config(bed, &key)).await;
    let prometheus = Prometheus::start(alertmanager.url()).await;
    bed.outbox().expect(1, "SMS", |sent| sent.to == anna.phone && sent.text.contains("db1 has no room")).await;
    prometheus.recover().await;
    wait::until("the alert to be resolved", async || state(bed, "resolved").await == 1).await;
    assert_eq!(bed.outbox().len(), 1);
}

async fn an_accept_silences_alertmanager_until_it_is_over(bed: &mut Bed) {
    // The address of an Alertmanager that is to come: it knows where Watchbell is only then.
    let port = watchbell_tests::broker::free_port();
    let (anna, key) = anna_and_key(bed, Some(&format!("http://127.0.0.1:{port}"))).await;
    let alertmanager = Alertmanager::start_at(port, &config(bed, &key)).await;
    let labels = json!({ "alertname": "Down", "severity": "critical", "instance": "db \"1\"" });
    alertmanager.tell(&labels, &json!({ "summary": "db1 down" }), None).await;
    bed.outbox().expect(1, "SMS", |sent| sent.to == anna.phone).await;
    let alerts = bed.api().get("/watchbell/v1/deliveries").await.expect(200);
    let id = alerts["items"][0]["alertId"].as_str().unwrap().to_owned();
    bed.publish("update", "u1", &json!({ "alertId": id, "status": "ACCEPTED", "actor": anna.id })).await;
    assert_eq!(state(bed, "accepted").await, 1);
    bed.clock.set(wait::now() + Duration::from_secs(2));
    let silences = async || alertmanager.get("/api/v2/silences").await;
    let active = async || silences().await.as_array().unwrap().iter().filter(|silence| silence["status"]["state"] == "active").count();
    wait::until("a silence", async || active().await == 1).await;
    let silence = silences().await[0].clone();
    assert_eq!((&silence["createdBy"], silence["matchers"].as_array().unwrap().len()), (&json!("Watchbell"), 3), "{silence}");
    assert!(silence["comment"].as_str().unwrap().starts_with("User001 Test has it"), "{silence}");
    // It ends there, and Alertmanager, which is silent about it, does not say so: it is asked.
    alertmanager.tell(&labels, &json!({}), Some(&wait::now().to_string())).await;
    wait::until("the alert to be resolved, and the silence to end", async || {
        bed.clock.advance(Duration::from_secs(31));
        state(bed, "resolved").await == 1 && active().await == 0
    })
    .await;
    wait::until("nothing to be left to do", async || bed.database.number("SELECT count(*) FROM silences").await == 0).await;
    assert_eq!(bed.outbox().len(), 1);
}

async fn an_alertmanager_that_is_away_is_in_nobodys_way(bed: &mut Bed) {
    let down = ServiceStandIn::start(|_| (503, String::new(), String::new())).await;
    let (anna, key) = anna_and_key(bed, Some(&down.url())).await;
    let tool = bed.api().with_key(&key);
    let alert = json!({ "alerts": [{ "status": "firing", "labels": { "alertname": "Down" }, "fingerprint": "f", "startsAt": wait::now().to_string() }] });
    tool.post("/watchbell/v1/intake/prom", &alert).await.expect(202);
    bed.outbox().expect(1, "SMS", |sent| sent.to == anna.phone).await;
    let alerts = bed.api().get("/watchbell/v1/deliveries").await.expect(200);
    let id = alerts["items"][0]["alertId"].as_str().unwrap().to_owned();
    bed.publish("update", "u1", &json!({ "alertId": id, "status": "ACCEPTED", "actor": anna.id })).await;
    bed.clock.advance(Duration::from_secs(2));
    down.expect(1, "GET", "/api/v2/alerts").await;
    assert_eq!(bed.database.number("SELECT count(*) FROM silences WHERE wanted").await, 1, "it is tried again");
    bed.publish("update", "u2", &json!({ "alertId": id, "status": "RESOLVED" })).await;
    // Nobody knows whether one was made, and the server does not say: it is asked until it does.
    wait::until("the server to be asked for silences", async || {
        bed.clock.advance(Duration::from_mins(2));
        !down.asked("GET", "/api/v2/silences").is_empty()
    })
    .await;
    assert_eq!(bed.database.number("SELECT count(*) FROM silences WHERE NOT wanted").await, 1);
}
