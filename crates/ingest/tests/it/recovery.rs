//! What happens when the server, the stream or a consumer goes away, or holds what cannot be read.

use async_nats::jetstream::stream::Config;
use watchbell_core::decode::RejectReason;

use crate::harness::{Running, alert, all_acknowledged, consumer, publish, settings, stream_exists, until};
use crate::server::NatsServer;
use crate::sink::alert_ids;

#[tokio::test]
async fn a_server_that_is_absent_at_the_start_is_waited_for() {
    let mut server = NatsServer::absent();
    let running = Running::start(&settings(&server)).await;
    assert!(!running.connection.is_connected());
    assert!(!running.connection.publish("watchbell.wake.test", Vec::new()));
    server.up().await;
    let client = server.client().await;
    stream_exists(&client).await;
    assert!(running.connection.is_connected());
    assert!(running.connection.publish("watchbell.wake.test", Vec::new()));
    publish(&client, "watchbell.events.alert", alert("A1")).await;
    running.sink.accepted(1).await;
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_never_comes_does_not_hold_up_the_end() {
    let running = Running::start(&settings(&NatsServer::absent())).await;
    running.stop().await;
}

#[tokio::test]
async fn a_killed_server_loses_nothing() {
    let mut server = NatsServer::start().await;
    let running = Running::start(&settings(&server)).await;
    let client = server.client().await;
    stream_exists(&client).await;
    for at in 0..10 {
        publish(&client, "watchbell.events.alert", alert(&format!("A{at}"))).await;
    }
    running.sink.accepted(1).await;
    server.kill().await;
    until("the loss to be noticed", || async { !running.connection.is_connected() }).await;
    server.up().await;
    for at in 10..20 {
        publish(&server.client().await, "watchbell.events.alert", alert(&format!("A{at}"))).await;
    }
    let seen = running
        .sink
        .wait_for("all twenty", |seen| {
            let mut ids = alert_ids(&seen.accepted);
            ids.sort_unstable();
            ids.dedup();
            ids.len() == 20
        })
        .await;
    assert_eq!(seen.rejected, []);
    all_acknowledged(&server.client().await, "watchbell-alert", 20).await;
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_comes_back_empty_gets_its_stream_again() {
    let mut server = NatsServer::start().await;
    let running = Running::start(&settings(&server)).await;
    let client = server.client().await;
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", br#"{"alertId":"A1","priority":"LOW","summary":"s","responders":[7]}"#).await;
    running.sink.accepted(1).await;
    server.kill().await;
    server.forget_store();
    server.up().await;
    let client = server.client().await;
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", br#"{"alertId":"A2","priority":"LOW","summary":"s","responders":[7]}"#).await;
    // The same number in the stream, but another event.
    let events = running.sink.accepted(2).await;
    assert_eq!(alert_ids(&events), ["A1", "A2"]);
    assert_ne!(events[0].identity, events[1].identity);
    running.stop().await;
}

#[tokio::test]
async fn deleted_streams_and_consumers_are_made_again() {
    let server = NatsServer::start().await;
    let running = Running::start(&settings(&server)).await;
    let client = server.client().await;
    let context = async_nats::jetstream::new(client.clone());
    stream_exists(&client).await;

    let stream = context.get_stream("WATCHBELL").await.unwrap();
    stream.delete_consumer("watchbell-alert").await.unwrap();
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", alert("A1")).await;
    running.sink.accepted(1).await;

    context.delete_stream("WATCHBELL").await.unwrap();
    until("the stream to be made again", || async { consumer(&client, "watchbell-subscription").await.is_some() }).await;
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", alert("A2")).await;
    let events = running.sink.accepted(2).await;
    assert_eq!(alert_ids(&events), ["A1", "A2"]);
    running.stop().await;
}

#[tokio::test]
async fn a_stream_that_somebody_made_is_left_as_it_is() {
    let server = NatsServer::start().await;
    let client = server.client().await;
    let context = async_nats::jetstream::new(client.clone());
    let subjects = vec!["watchbell.events.alert".to_owned(), "watchbell.events.update".to_owned()];
    let made = Config { name: "WATCHBELL".to_owned(), subjects, max_messages: 1_000, ..Config::default() };
    let before = context.create_stream(made).await.unwrap().cached_info().config.clone();
    publish(&client, "watchbell.events.alert", alert("A1")).await;
    let running = Running::start(&settings(&server)).await;
    running.sink.accepted(1).await;
    assert_eq!(context.get_stream("WATCHBELL").await.unwrap().cached_info().config, before);
    running.stop().await;
}

#[tokio::test]
async fn events_that_were_purged_unread_raise_an_alarm() {
    let server = NatsServer::start().await;
    let running = Running::start(&settings(&server)).await;
    let client = server.client().await;
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", alert("A1")).await;
    running.sink.accepted(1).await;
    all_acknowledged(&client, "watchbell-alert", 1).await;
    running.sink.away.store(true, std::sync::atomic::Ordering::SeqCst);
    for at in 2..=700 {
        publish(&client, "watchbell.events.alert", alert(&format!("A{at}"))).await;
    }
    running.sink.wait_for("a failure", |seen| seen.failed >= 1).await;
    async_nats::jetstream::new(client.clone()).get_stream("WATCHBELL").await.unwrap().purge().await.unwrap();
    until("the alarm", || async { running.connection.counters().counts().missed > 0 }).await;
    running.sink.away.store(false, std::sync::atomic::Ordering::SeqCst);
    publish(&client, "watchbell.events.alert", alert("after")).await;
    running.sink.wait_for("the event after it", |seen| alert_ids(&seen.accepted).contains(&"after")).await;
    running.stop().await;
}

#[tokio::test]
async fn an_event_whose_headers_break_the_client_is_read_all_the_same() {
    let server = NatsServer::start().await;
    let settings = watchbell_ingest::NatsSettings { ack_wait_s: 1, ..settings(&server) };
    let running = Running::start(&settings).await;
    let client = server.client().await;
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", alert("A1")).await;
    server.publish_raw(b"watchbell.events.alert", b"NATS/1.0\r\nce-id: \xff\r\n\r\n", &alert("poison")).await;
    server.publish_raw(b"watchbell.events.duty", b"NATS/1.0\r\nno colon\r\n\r\n", b"{}").await;
    // Looks like a status of the server's, and is none.
    server.publish_raw(b"watchbell.events.alert", b"NATS/1.0 409 Consumer Deleted\r\n\r\n", &alert("A2")).await;
    publish(&client, "watchbell.events.alert", alert("A3")).await;

    let seen = running
        .sink
        .wait_for("all of them", |seen| {
            !seen.rejected.is_empty() && ["A1", "A2", "A3", "poison"].iter().all(|id| alert_ids(&seen.accepted).contains(id))
        })
        .await;
    // Only what says nothing is a dead letter.
    assert!(seen.rejected.iter().all(|letter| letter.reason == RejectReason::MissingField && letter.original.payload == b"{}"));
    all_acknowledged(&client, "watchbell-alert", 5).await;
    all_acknowledged(&client, "watchbell-duty", 3).await;
    running.stop().await;
}

#[tokio::test]
async fn a_commit_that_takes_long_is_not_delivered_again_meanwhile() {
    let server = NatsServer::start().await;
    // The clock of these tests makes the sign of life come every 7 ms of the second.
    let settings = watchbell_ingest::NatsSettings { ack_wait_s: 1, ..settings(&server) };
    let running = Running::start(&settings).await;
    let client = server.client().await;
    stream_exists(&client).await;
    running.sink.away.store(true, std::sync::atomic::Ordering::SeqCst);
    publish(&client, "watchbell.events.alert", alert("A1")).await;
    let failures_in_three_seconds = 3 * 1000 / 200;
    running.sink.wait_for("failures", |seen| seen.failed >= failures_in_three_seconds).await;
    assert_eq!(consumer(&client, "watchbell-alert").await.unwrap().num_redelivered, 0);
    running.sink.away.store(false, std::sync::atomic::Ordering::SeqCst);
    let events = running.sink.accepted(1).await;
    assert_eq!(events.len(), 1);
    assert_eq!(running.connection.counters().counts().redelivered, 0);
    running.stop().await;
}
