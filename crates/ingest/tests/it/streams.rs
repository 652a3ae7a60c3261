//! Streams that somebody else made, in any way that holds the events: what is in them is read and watched, and what is not is
//! not asked for.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, RetentionPolicy, Source, StorageType, Stream};
use watchbell_core::decode::RejectReason;

use crate::harness::{Running, alert, all_acknowledged, consumer, publish, settings, until};
use crate::server::NatsServer;
use crate::sink::alert_ids;

const KINDS: [&str; 4] = ["alert", "update", "duty", "subscription"];

fn documented() -> Config {
    let subjects = KINDS.iter().map(|kind| format!("watchbell.events.{kind}")).collect();
    Config { name: "WATCHBELL".to_owned(), subjects, ..Config::default() }
}

async fn made(server: &NatsServer, config: Config) -> Stream {
    let context = async_nats::jetstream::new(server.client().await);
    context.create_stream(config).await.unwrap();
    context.get_stream("WATCHBELL").await.unwrap()
}

async fn is_read(running: &Running, server: &NatsServer, id: &str) {
    publish(&server.client().await, "watchbell.events.alert", alert(id)).await;
    running.sink.wait_for(id, |seen| alert_ids(&seen.accepted).contains(&id)).await;
}

/// Events that are gone before they are read raise the alarm, whatever subjects the stream has.
async fn alarms(running: &Running, server: &NatsServer, stream: &Stream) {
    let client = server.client().await;
    let end = || async { stream.get_info().await.unwrap().state.last_sequence };
    all_acknowledged(&client, "watchbell-alert", 1).await;
    let before = running.connection.counters().counts().missed;
    running.sink.away.store(true, std::sync::atomic::Ordering::SeqCst);
    for at in 0..700 {
        publish(&client, "watchbell.events.alert", alert(&format!("gone-{}-{at}", end().await))).await;
    }
    stream.purge().await.unwrap();
    until("the alarm", || async { running.connection.counters().counts().missed > before }).await;
    running.sink.away.store(false, std::sync::atomic::Ordering::SeqCst);
}

#[tokio::test]
async fn one_with_exactly_the_documented_subjects_is_watched() {
    let server = NatsServer::start().await;
    let stream = made(&server, documented()).await;
    let running = Running::start(&settings(&server)).await;
    is_read(&running, &server, "A1").await;
    let client = server.client().await;
    for kind in KINDS {
        until("its consumer", || async { consumer(&client, &format!("watchbell-{kind}")).await.is_some() }).await;
    }
    assert!(consumer(&client, "watchbell-deeper").await.is_none(), "nothing deeper is in it");
    alarms(&running, &server, &stream).await;
    running.stop().await;
}

#[tokio::test]
async fn one_that_holds_less_is_watched_and_what_it_is_given_later_is_read() {
    let server = NatsServer::start().await;
    let subjects = vec!["watchbell.events.alert".to_owned(), "orders.>".to_owned()];
    let config = Config { subjects, max_age: Duration::from_mins(10), ..documented() };
    let stream = made(&server, config.clone()).await;
    let running = Running::start(&settings(&server)).await;
    is_read(&running, &server, "A1").await;
    publish(&server.client().await, "orders.new", b"not ours".to_vec()).await;
    alarms(&running, &server, &stream).await;
    let context = async_nats::jetstream::new(server.client().await);
    let more = Config { subjects: [config.subjects.clone(), vec!["watchbell.events.update".to_owned()]].concat(), ..config };
    context.update_stream(&more).await.unwrap();
    let client = server.client().await;
    publish(&client, "watchbell.events.update", br#"{"id":"u","alertId":"A1","status":"ACCEPTED"}"#.to_vec()).await;
    running.sink.wait_for("what it holds now", |seen| alert_ids(&seen.accepted).iter().filter(|id| **id == "A1").count() >= 2).await;
    assert_eq!(running.sink.seen().rejected, [], "other people's subjects are not read");
    running.stop().await;
}

#[tokio::test]
async fn deeper_subjects_of_a_stream_are_dead_letters_however_it_names_them() {
    let server = NatsServer::start().await;
    let mut config = documented();
    config.subjects.push("watchbell.events.alert.*".to_owned());
    config.subjects.push("watchbell.events.foo".to_owned());
    made(&server, config).await;
    let running = Running::start(&settings(&server)).await;
    let client = server.client().await;
    for subject in ["watchbell.events.alert.eu", "watchbell.events.foo"] {
        publish(&client, subject, alert("A1")).await;
    }
    let rejected = running.sink.rejected(2).await;
    assert!(rejected.iter().all(|letter| letter.reason == RejectReason::UnknownKind), "{rejected:?}");
    is_read(&running, &server, "A2").await;
    running.stop().await;
}

#[tokio::test]
async fn a_work_queue_raises_no_false_alarm() {
    let server = NatsServer::start().await;
    let config = Config { retention: RetentionPolicy::WorkQueue, storage: StorageType::Memory, ..documented() };
    let stream = made(&server, config).await;
    let running = Running::start(&settings(&server)).await;
    is_read(&running, &server, "A1").await;
    let client = server.client().await;
    // Of one kind many go by, while one of another kind waits.
    running.sink.away.store(true, std::sync::atomic::Ordering::SeqCst);
    publish(&client, "watchbell.events.update", br#"{"id":"u","alertId":"A1","status":"ACCEPTED"}"#.to_vec()).await;
    for at in 0..50 {
        publish(&client, "watchbell.events.alert", alert(&format!("B{at}"))).await;
    }
    running.sink.wait_for("tries", |seen| seen.failed > 4).await;
    running.sink.away.store(false, std::sync::atomic::Ordering::SeqCst);
    until("all to be gone", || async { stream.get_info().await.unwrap().state.messages == 0 }).await;
    assert_eq!(running.connection.counters().counts().missed, 0);
    running.stop().await;
}

#[tokio::test]
async fn a_mirror_is_read() {
    let server = NatsServer::start().await;
    let context = async_nats::jetstream::new(server.client().await);
    context.create_stream(Config { name: "ORIGIN".to_owned(), ..documented() }).await.unwrap();
    let mirror = Some(Source { name: "ORIGIN".to_owned(), ..Source::default() });
    let stream = made(&server, Config { subjects: Vec::new(), mirror, ..documented() }).await;
    let running = Running::start(&settings(&server)).await;
    is_read(&running, &server, "A1").await;
    alarms(&running, &server, &stream).await;
    running.stop().await;
}
