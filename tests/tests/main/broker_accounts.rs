//! NATS as `deploy/nats.conf` sets it up: each user may do what it needs, and no more.

use futures::StreamExt;
use serde_json::json;
use watchbell_core::Channel;
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::database::Kind;
use watchbell_tests::guarded_broker::GuardedNats;
use watchbell_tests::process::Process;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

#[test]
fn each_user_may_do_what_it_needs_and_no_more() {
    run(Kind::Sqlite, each_user_may_do_what_it_needs);
}

#[test]
fn a_cluster_of_three_goes_on_without_its_leader() {
    run(Kind::Sqlite, a_cluster_goes_on);
}

async fn each_user_may_do_what_it_needs(bed: &mut Bed) {
    let nats = GuardedNats::single().await;
    nats.configure(&mut bed.settings);
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let anna = Person::without_telegram(&api, 1).await;
    anna.high(&api, "SMS", 0).await;

    let reader = nats.login("reader").await;
    let mut outcomes = reader.client.subscribe("watchbell.out.*").await.unwrap();
    let mut dead = reader.client.subscribe("watchbell.dead.*").await.unwrap();
    reader.client.flush().await.unwrap();
    let publisher = nats.login("publisher").await;

    publisher.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    let outcome = wait::within("an outcome", outcomes.next()).await.unwrap();
    assert_eq!(outcome.subject.as_str(), "watchbell.out.sent");
    publisher.publish("alert", "2", &json!({ "alertId": "A-2", "responders": ["99"] })).await;
    let letter = wait::within("a dead letter", dead.next()).await.unwrap();
    assert_eq!(letter.subject.as_str(), "watchbell.dead.alert");
    // Of a kind that nobody knows: Watchbell makes a consumer for it.
    publisher.publish("weather", "3", &json!({})).await;
    let letter = wait::within("a dead letter of an unknown kind", dead.next()).await.unwrap();
    assert_eq!(letter.subject.as_str(), "watchbell.dead.unknown");
    api.post("/watchbell/v1/canary", &json!({})).await.expect(200);

    for guest in [&publisher, &reader] {
        for subject in [
            "watchbell.events.alert.eu",
            "watchbell.out.sent",
            "watchbell.wake.sms",
            "watchbell.dead.alert",
            "$JS.API.STREAM.INFO.WATCHBELL",
            "$JS.API.STREAM.DELETE.WATCHBELL",
            "$JS.API.CONSUMER.MSG.NEXT.WATCHBELL.watchbell-alert",
            "$JS.ACK.WATCHBELL.watchbell-alert.1.1.1.0.0",
        ] {
            guest.cannot_publish(subject).await;
        }
        for subject in [">", "watchbell.events.*", "watchbell.wake.*", "$JS.>"] {
            guest.cannot_subscribe(subject).await;
        }
    }
    publisher.cannot_subscribe("watchbell.out.*").await;
    reader.cannot_publish("watchbell.events.alert").await;
    // What only whoever owns the server should do.
    let own = nats.login("watchbell").await;
    for subject in ["$JS.API.STREAM.PURGE.WATCHBELL", "$JS.API.STREAM.DELETE.WATCHBELL", "$JS.API.STREAM.UPDATE.WATCHBELL"] {
        own.cannot_publish(subject).await;
    }
    own.cannot_publish("watchbell.events.alert").await;

    let log = process.terminate().await.log;
    assert!(!log.contains("NATS refuses"), "Watchbell was refused something:\n{log}");
}

async fn a_cluster_goes_on(bed: &mut Bed) {
    let mut nats = GuardedNats::cluster().await;
    nats.configure(&mut bed.settings);
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let anna = Person::without_telegram(&api, 1).await;
    anna.high(&api, "SMS", 0).await;
    let publisher = nats.login("publisher").await;

    publisher.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    let leader = nats.leader().await;
    nats.kill(leader).await;
    publisher.publish("alert", "2", &alert("A-2", &[&anna])).await;
    bed.outbox().expect(2, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    nats.up(leader).await;
    publisher.publish("alert", "3", &alert("A-3", &[&anna])).await;
    bed.outbox().expect(3, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
}
