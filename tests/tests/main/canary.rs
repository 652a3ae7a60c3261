//! The canary: the whole way, to nobody.

use std::time::Duration;

use watchbell_tests::bed::{Bed, run};
use watchbell_tests::database::Kind;
use watchbell_tests::figures::Figures;
use watchbell_tests::on_both;
use watchbell_tests::process::Process;
use watchbell_tests::team::Person;
use watchbell_tests::wait;

on_both!(a_canary_goes_the_whole_way_and_is_in_nobodys_sight, canaries_are_sent_by_themselves);

async fn a_canary_goes_the_whole_way_and_is_in_nobodys_sight(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    for count in 1..=2 {
        bed.clock.advance(Duration::from_secs(1));
        let arrived = bed.api().post("/watchbell/v1/canary", &serde_json::json!({})).await.expect(200);
        let delivery = bed.api().delivery(arrived["deliveryId"].as_str().unwrap()).await;
        assert_eq!((delivery["state"].as_str(), delivery["channel"].as_str()), (Some("sent"), Some("in_app")), "{delivery}");
        let seen = Figures::of(bed.api()).await;
        assert_eq!(seen.count("watchbell_canary_seconds_count", &[]), count, "{}", seen.text);
        assert_eq!(seen.count("watchbell_events_total", &["kind=\"subscription\"", "result=\"accepted\""]), count);
        assert_eq!(seen.count("watchbell_nats_accepted_total", &[]), count, "it came over NATS as all events do");
    }
    assert!(bed.outbox().is_empty(), "nobody was told");
    assert_eq!(bed.database.number("SELECT count(*) FROM notifications").await, 0);
    assert_eq!(bed.database.number("SELECT count(*) FROM unreachable").await, 0);
    let users = bed.api().get("/api/users").await.expect(200);
    assert!(users.to_string().contains(&anna.email) && !users.to_string().contains("canary"), "{users}");
    // Only for who may do anything.
    let made = bed.api().post("/watchbell/v1/keys", &serde_json::json!({ "name": "r", "role": "reader" })).await.expect(201);
    let reader = bed.api().with_key(made["key"].as_str().unwrap());
    reader.post("/watchbell/v1/canary", &serde_json::json!({})).await.expect(403);
}

async fn canaries_are_sent_by_themselves(bed: &mut Bed) {
    bed.settings.set("CANARY__EVERY_S", "60").set("NATS__URL", "");
    bed.start().await;
    for count in 1..=3 {
        wait::until("a canary to arrive", async || {
            // A longer step would look to others as if the process had stood still.
            bed.clock.advance(Duration::from_secs(2));
            wait::pause(Duration::from_millis(20)).await;
            Figures::of(bed.api()).await.count("watchbell_canary_seconds_count", &[]) >= count
        })
        .await;
    }
}

/// Of several processes one sends; a canary that cannot arrive says so.
#[test]
fn a_canary_needs_all_roles() {
    run(Kind::Postgres, async |bed| {
        let mut api = Process::serve(&bed.settings, &["--roles", "api,scheduler"]);
        api.ready().await;
        let ingest = Process::serve(&bed.settings, &["--roles", "ingest"]);
        let missing = api.api().post("/watchbell/v1/canary", &serde_json::json!({})).await.expect(503);
        assert!(missing.to_string().contains("has not arrived within 10 s"), "{missing}");
        let worker = Process::serve(&bed.settings, &["--roles", "worker"]);
        worker.logged("worker.started").await;
        let arrived = api.api().post("/watchbell/v1/canary", &serde_json::json!({})).await.expect(200);
        assert!(arrived["tookMs"].as_i64().unwrap() < 5_000, "{arrived}");
        drop((ingest, worker));
    });
}
