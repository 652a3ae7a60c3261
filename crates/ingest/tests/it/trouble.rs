//! Whoever keeps events cannot: what is acknowledged then, and what comes again.

use std::sync::atomic::Ordering;

use watchbell_ingest::NatsSettings;

use crate::harness::{Running, alert, all_acknowledged, consumer, publish, settings, stream_exists, until};
use crate::server::NatsServer;
use crate::sink::{TestSink, alert_ids};

#[tokio::test]
async fn what_cannot_be_kept_now_holds_up_nothing_and_comes_again() {
    let server = NatsServer::start().await;
    let running = Running::start_with(&settings(&server), TestSink::hindering("A7")).await;
    let client = server.client().await;
    stream_exists(&client).await;
    for at in 0..40 {
        publish(&client, "watchbell.events.alert", alert(&format!("A{at}"))).await;
    }
    running.sink.wait_for("all the others", |seen| alert_ids(&seen.accepted).len() >= 39).await;
    let info = consumer(&client, "watchbell-alert").await.unwrap();
    assert!(info.ack_floor.stream_sequence < 8, "it is not acknowledged");
    running.sink.hinder_no_more();
    let seen = running.sink.wait_for("it", |seen| alert_ids(&seen.accepted).contains(&"A7")).await;
    assert_eq!(seen.rejected, [], "it is not to blame");
    all_acknowledged(&client, "watchbell-alert", 40).await;
    running.stop().await;
}

#[tokio::test]
async fn an_event_whose_dead_letter_is_not_kept_is_not_acknowledged() {
    let server = NatsServer::start().await;
    let sink = TestSink::refusing("A1");
    sink.keeps_no_dead_letters.store(true, Ordering::SeqCst);
    let running = Running::start_with(&NatsSettings { ack_wait_s: 2, ..settings(&server) }, sink).await;
    let client = server.client().await;
    let dead = client.subscribe("watchbell.dead.>").await.unwrap();
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", alert("A1")).await;
    publish(&client, "watchbell.events.alert", b"no json".to_vec()).await;
    publish(&client, "watchbell.events.alert", alert("A2")).await;
    running.sink.wait_for("what can be used, and several tries", |seen| !seen.accepted.is_empty() && seen.failed > 8).await;
    let info = consumer(&client, "watchbell-alert").await.unwrap();
    assert_eq!((info.ack_floor.stream_sequence, running.sink.seen().rejected.len()), (0, 0));
    running.sink.keeps_no_dead_letters.store(false, Ordering::SeqCst);
    running.sink.rejected(2).await;
    all_acknowledged(&client, "watchbell-alert", 3).await;
    drop(dead);
    running.stop().await;
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_kept_as_it_is_is_kept_without_its_payload() {
    let server = NatsServer::start().await;
    let sink = TestSink::default();
    sink.refuses_payloads.store(true, Ordering::SeqCst);
    let running = Running::start_with(&settings(&server), sink).await;
    let client = server.client().await;
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", b"no json".to_vec()).await;
    let rejected = running.sink.rejected(1).await;
    assert_eq!((rejected[0].original.payload.len(), rejected[0].detail.as_str()), (0, "the payload cannot be kept either"));
    until("it to be acknowledged", || async { consumer(&client, "watchbell-alert").await.is_some_and(|info| info.num_ack_pending == 0) })
        .await;
    running.stop().await;
}
