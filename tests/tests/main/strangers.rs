//! Whoever connects takes nothing away from who is paged.

use tokio::net::TcpStream;
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::process::Process;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

on_both![silent_connections_take_no_descriptors_from_providers];

/// More connections than the process may open files, none of which says a word.
async fn silent_connections_take_no_descriptors_from_providers(bed: &mut Bed) {
    let mut process = Process::serve_with_few_files(&bed.settings, 300);
    process.ready().await;
    let api = process.api();
    let anna = Person::without_telegram(&api, 1).await;
    anna.high(&api, "SMS", 0).await;
    let address = api.base().trim_start_matches("http://").to_owned();
    let mut silent = Vec::new();
    for _ in 0..320 {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    for at in 0..20 {
        let name = format!("A-{at}");
        bed.nats.publish("alert", &name, wait::now(), &alert(&name, &[&anna])).await;
    }
    bed.outbox().reaches(20).await;
    // And whoever has something to say is heard.
    api.get("/-/ready").await.expect(200);
    drop(silent);
    assert!(!process.log().contains("Too many open files"), "{}", process.log());
    process.kill().await;
}
