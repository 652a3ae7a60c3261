//! Hosts that are lost without a word: connections that stand answer nothing, and nobody closes them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use watchbell_tests::bed::{Bed, run, with_database};
use watchbell_tests::database::{Database, Kind};
use watchbell_tests::postgres_server::PostgresServer;
use watchbell_tests::process::Process;
use watchbell_tests::proxy::{Mood, Proxy};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

/// From the beginning of a silence that only old connections have, or from the end of one that all have, to normal flow.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// A probe's patience.
const PROBED_WITHIN: Duration = Duration::from_secs(5);

fn events(name: &str, count: usize, person: &Person) -> Vec<(String, Value)> {
    (0..count).map(|n| format!("{name}-{n}")).map(|id| (id.clone(), alert(&id, &[person]))).collect()
}

/// Whether it says that it is ready, within a probe's patience.
async fn is_ready(process: &Process) -> bool {
    let api = process.api();
    let asked = api.try_call(Method::GET, "/-/ready", &[], None);
    wait::in_time(PROBED_WITHIN, "an answer to a probe", asked).await.is_some_and(|answer| answer.status == 200)
}

#[test]
fn a_postgresql_host_that_goes_silent_costs_less_than_ten_seconds() {
    with_database(Kind::Sqlite, async |_| {
        let server = PostgresServer::start().await;
        let database = Database::on_server(&server.url()).await;
        let proxy = Proxy::before(server.port()).await;
        let behind = database.url().replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
        let mut bed = Bed::new(Arc::new(database)).await;
        bed.settings.set("DATABASE__URL", &behind).set("LEASE__HEARTBEAT_S", "1").set("LEASE__LEASE_S", "6");
        let mut process = Process::serve(&bed.settings, &[]);
        process.ready().await;
        let anna = Person::without_telegram(&process.api(), 1).await;
        anna.high(&process.api(), "SMS", 0).await;
        bed.nats.publish_all("alert", events("before", 50, &anna)).await;
        bed.outbox().reaches(50).await;

        // Those that stand; new ones work.
        for round in 0..2 {
            let sent = bed.outbox().len();
            let publish = bed.nats.publish_all("alert", events(&format!("frozen-{round}"), 50, &anna));
            proxy.freeze();
            publish.await;
            wait::in_time(BACK_WITHIN, "normal flow", bed.outbox().reaches(sent + 50)).await;
        }

        // All of them, and new ones are taken without a word.
        let sent = bed.outbox().len();
        proxy.is(Mood::Mute);
        bed.nats.publish_all("alert", events("mute", 50, &anna)).await;
        assert!(!is_ready(&process).await, "nothing can be committed");
        proxy.is(Mood::Well);
        wait::in_time(BACK_WITHIN, "normal flow", bed.outbox().reaches(sent + 50)).await;
        assert!(is_ready(&process).await);

        // Each answer comes late: slow, but nothing is lost, and it is over when that is.
        let sent = bed.outbox().len();
        proxy.is(Mood::Late(Duration::from_secs(3)));
        bed.nats.publish_all("alert", events("late", 50, &anna)).await;
        wait::pause(Duration::from_secs(5)).await;
        proxy.is(Mood::Well);
        wait::in_time(BACK_WITHIN, "normal flow", bed.outbox().reaches(sent + 50)).await;
        assert_eq!(bed.database.number("SELECT count(*) FROM dead_letters").await, 0);
        process.kill().await;
    });
}

#[test]
fn a_nats_server_that_goes_silent_costs_less_than_ten_seconds() {
    run(Kind::Sqlite, async |bed| {
        let proxy = Proxy::before(bed.nats.port()).await;
        bed.settings.set("NATS__URL", &format!("nats://127.0.0.1:{}", proxy.port()));
        let mut process = Process::serve(&bed.settings, &[]);
        process.ready().await;
        let anna = Person::without_telegram(&process.api(), 1).await;
        anna.high(&process.api(), "SMS", 0).await;
        bed.nats.publish_all("alert", events("before", 50, &anna)).await;
        bed.outbox().reaches(50).await;
        proxy.freeze();
        bed.nats.publish_all("alert", events("frozen", 50, &anna)).await;
        wait::in_time(BACK_WITHIN, "normal flow", bed.outbox().reaches(100)).await;
        proxy.is(Mood::Mute);
        wait::until("the silence to be noticed", async || !is_ready(&process).await).await;
        bed.nats.publish_all("alert", events("mute", 50, &anna)).await;
        proxy.is(Mood::Well);
        wait::in_time(BACK_WITHIN, "normal flow", bed.outbox().reaches(150)).await;
        assert_eq!(bed.database.number("SELECT count(*) FROM dead_letters").await, 0);
        process.kill().await;
    });
}
