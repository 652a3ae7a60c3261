//! The way of an event when the server is well.

use std::collections::BTreeSet;

use async_nats::HeaderMap;
use futures::StreamExt;
use watchbell_core::decode::RejectReason;
use watchbell_core::event::EventKind;

use crate::harness::{Running, alert, all_acknowledged, consumer, publish, settings, stream_exists, until, within};
use crate::server::NatsServer;
use crate::sink::{TestSink, alert_ids, unavailable};

#[tokio::test]
async fn four_kinds_in_three_encodings_are_accepted_and_acknowledged() {
    let server = NatsServer::start().await;
    let running = Running::start(&settings(&server)).await;
    let client = server.client().await;
    stream_exists(&client).await;

    publish(&client, "watchbell.events.alert", alert("plain")).await;
    publish(
        &client,
        "watchbell.events.update",
        br#"{"specversion":"1.0","id":"u1","source":"/tests","type":"x","time":"2026-11-20T08:00:00Z","data":{"alertId":"A","status":"ACCEPTED"}}"#,
    )
    .await;
    let mut headers = HeaderMap::new();
    for (name, value) in [("ce-specversion", "1.0"), ("ce-id", "d%201"), ("ce-source", "/tests"), ("ce-type", "x")] {
        headers.insert(name, value);
    }
    let duty = r#"{"dutyId":"D","userId":"anna","startsAt":"2026-11-20T08:00:00Z","endsAt":"2026-11-20T16:00:00Z","schedule":"s","status":"SCHEDULED"}"#;
    let context = async_nats::jetstream::new(client.clone());
    context.publish_with_headers("watchbell.events.duty", headers, duty.into()).await.unwrap().await.unwrap();
    publish(&client, "watchbell.events.subscription", br#"{"title":"t","message":"m","topic":"news"}"#).await;

    let mut events = running.sink.accepted(4).await;
    events.sort_by_key(|event| event.data.kind());
    let kinds: Vec<EventKind> = events.iter().map(|event| event.data.kind()).collect();
    assert_eq!(kinds, [EventKind::Alert, EventKind::Update, EventKind::Duty, EventKind::Subscription]);
    let identities: Vec<&str> = events.iter().map(|event| event.identity.as_str()).collect();
    assert_eq!(identities[..3], ["json:nats:watchbell.events.alert:plain", "ce:nats:6:/tests:u1", "ce:nats:6:/tests:d 1"]);
    // The place in the stream, with the broker's time.
    assert_eq!(identities[3], format!("seq:WATCHBELL:4:{}", events[3].occurrence.received_at.as_millis()));
    assert!(events[3].occurrence.received_at.as_millis() > 1_700_000_000_000);
    for kind in ["alert", "update", "duty", "subscription"] {
        all_acknowledged(&client, &format!("watchbell-{kind}"), 1).await;
    }
    assert_eq!(running.connection.counters().counts().accepted, 4);
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_accepted() {
    let server = NatsServer::start().await;
    let running = Running::start_with(&settings(&server), TestSink::failing([unavailable(), unavailable()])).await;
    let client = server.client().await;
    stream_exists(&client).await;
    running.sink.away.store(true, std::sync::atomic::Ordering::SeqCst);
    for at in 0..20 {
        publish(&client, "watchbell.events.alert", alert(&format!("A{at}"))).await;
    }
    running.sink.wait_for("three failures", |seen| seen.failed >= 3).await;
    let info = consumer(&client, "watchbell-alert").await.unwrap();
    assert_eq!(info.ack_floor.stream_sequence, 0);
    running.sink.away.store(false, std::sync::atomic::Ordering::SeqCst);
    let events = running.sink.accepted(20).await;
    assert_eq!(alert_ids(&events).len(), 20);
    all_acknowledged(&client, "watchbell-alert", 20).await;
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_used_becomes_a_dead_letter_and_blocks_nothing() {
    let server = NatsServer::start().await;
    let running = Running::start(&settings(&server)).await;
    let client = server.client().await;
    let mut dead = client.subscribe("watchbell.dead.>").await.unwrap();
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", b"\xff\xfe".to_vec()).await;
    publish(&client, "watchbell.events.update", b"{".to_vec()).await;
    publish(&client, "watchbell.events.duty", b"{}".to_vec()).await;
    publish(&client, "watchbell.events.foo", alert("foo")).await;
    publish(&client, "watchbell.events.foo", alert("foo again")).await;
    publish(&client, "watchbell.events.bar", alert("bar")).await;
    publish(&client, "watchbell.events.alert.eu", alert("deeper")).await;
    publish(&client, "watchbell.events.alert", alert("good")).await;

    assert_eq!(alert_ids(&running.sink.accepted(1).await), ["good"]);
    let mut rejected = running.sink.rejected(7).await;
    rejected.sort_by(|a, b| (&a.original.subject, a.original.received_at).cmp(&(&b.original.subject, b.original.received_at)));
    let told: Vec<(&str, RejectReason)> = rejected.iter().map(|letter| (letter.original.subject.as_str(), letter.reason)).collect();
    assert_eq!(
        told,
        [
            ("watchbell.events.alert", RejectReason::BadJson),
            ("watchbell.events.alert.eu", RejectReason::UnknownKind),
            ("watchbell.events.bar", RejectReason::UnknownKind),
            ("watchbell.events.duty", RejectReason::MissingField),
            ("watchbell.events.foo", RejectReason::UnknownKind),
            ("watchbell.events.foo", RejectReason::UnknownKind),
            ("watchbell.events.update", RejectReason::BadJson),
        ]
    );
    assert_eq!(rejected[0].original.payload, b"\xff\xfe");
    // Published as well, with the reason and the payload as it came.
    let mut published = Vec::new();
    while published.len() < 7 {
        let message = within("dead letters on NATS", dead.next()).await.unwrap();
        let reason = message.headers.as_ref().and_then(|headers| headers.get("Watchbell-Reason")).map(ToString::to_string);
        published.push((message.subject.to_string(), reason.unwrap_or_default(), message.payload.to_vec()));
    }
    assert!(published.contains(&("watchbell.dead.update".to_owned(), "bad_json".to_owned(), b"{".to_vec())));
    assert!(published.contains(&("watchbell.dead.unknown".to_owned(), "unknown_kind".to_owned(), alert("bar"))));
    for name in ["watchbell-alert", "watchbell-update", "watchbell-duty", "watchbell-deeper"] {
        all_acknowledged(&client, name, 1).await;
    }
    assert_eq!(running.connection.counters().counts().rejected, 7);
    assert_eq!(running.connection.counters().counts().missed, 0);
    running.stop().await;
}

#[tokio::test]
async fn an_event_that_the_sink_refuses_does_not_hold_up_its_batch() {
    let server = NatsServer::start().await;
    let settings = settings(&server);
    // Filled before anybody reads, so that all come as one batch.
    let client = server.client().await;
    let first = Running::start(&settings).await;
    stream_exists(&client).await;
    first.stop().await;
    for id in ["A1", "A2", "A3", "A4", "A5"] {
        publish(&client, "watchbell.events.alert", alert(id)).await;
    }
    let running = Running::start_with(&settings, TestSink::refusing("A3")).await;
    let events = running.sink.accepted(4).await;
    // What the server still gave to the one that stopped comes again later.
    let accepted: BTreeSet<_> = alert_ids(&events).into_iter().collect();
    assert_eq!(accepted.into_iter().collect::<Vec<_>>(), ["A1", "A2", "A4", "A5"]);
    let rejected = running.sink.rejected(1).await;
    assert_eq!((rejected[0].reason, rejected[0].detail.as_str()), (RejectReason::Refused, "the row is refused"));
    all_acknowledged(&client, "watchbell-alert", 5).await;
    running.stop().await;
}

#[tokio::test]
async fn a_batch_is_handed_over_when_the_one_before_it_is_planned_and_not_yet_committed() {
    let server = NatsServer::start().await;
    let settings = watchbell_ingest::NatsSettings { batch: 1, ..settings(&server) };
    let running = Running::start_with(&settings, TestSink::gated()).await;
    let client = server.client().await;
    stream_exists(&client).await;
    for id in ["A1", "A2", "A3", "A4"] {
        publish(&client, "watchbell.events.alert", alert(id)).await;
    }
    let sink = running.sink.clone();
    let handed = async |count: usize| sink.wait_for("events", |seen| seen.handed.len() >= count).await.handed;
    assert_eq!(handed(1).await, ["A1"]);
    sink.gates().plan.add_permits(1);
    // While A1 is being committed, and A2 not planned, A3 waits for its turn.
    assert_eq!(handed(2).await, ["A1", "A2"]);
    sink.gates().plan.add_permits(1);
    assert_eq!(handed(3).await, ["A1", "A2", "A3"]);
    assert_eq!(sink.seen().accepted.len(), 0);
    let info = consumer(&client, "watchbell-alert").await.unwrap();
    assert_eq!(info.ack_floor.stream_sequence, 0);
    // Three are under way: the fourth is not even taken.
    sink.gates().plan.add_permits(1);
    sink.gates().commit.add_permits(1);
    assert_eq!(handed(4).await, ["A1", "A2", "A3", "A4"]);
    sink.gates().plan.add_permits(1);
    sink.gates().commit.add_permits(3);
    assert_eq!(alert_ids(&sink.accepted(4).await).len(), 4);
    all_acknowledged(&client, "watchbell-alert", 4).await;
    running.stop().await;
}

#[tokio::test]
async fn a_graceful_stop_hands_back_what_it_has_not_accepted() {
    let server = NatsServer::start().await;
    // Long enough that the test would fail if the second process had to wait for it.
    let settings = watchbell_ingest::NatsSettings { ack_wait_s: 3_600, batch: 10, ..settings(&server) };
    let running = Running::start(&settings).await;
    let client = server.client().await;
    stream_exists(&client).await;
    publish(&client, "watchbell.events.alert", alert("first")).await;
    running.sink.accepted(1).await;
    running.sink.away.store(true, std::sync::atomic::Ordering::SeqCst);
    for at in 0..50 {
        publish(&client, "watchbell.events.alert", alert(&format!("A{at}"))).await;
    }
    running.sink.wait_for("a failure", |seen| seen.failed >= 1).await;
    let before = running.sink.seen().accepted.len();
    running.stop().await;
    assert_eq!(before, 1);

    let next = Running::start(&settings).await;
    let events = next.sink.accepted(50).await;
    let mut ids = alert_ids(&events);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    all_acknowledged(&client, "watchbell-alert", 51).await;
    next.stop().await;
}

#[tokio::test]
async fn two_processes_share_a_flood() {
    let server = NatsServer::start().await;
    let settings = settings(&server);
    let one = Running::start(&settings).await;
    let other = Running::start(&settings).await;
    let client = server.client().await;
    stream_exists(&client).await;
    let context = async_nats::jetstream::new(client.clone());
    for at in 0..5_000 {
        // Acknowledged as a whole below.
        drop(context.publish("watchbell.events.alert", alert(&format!("A{at}")).into()).await.unwrap());
    }
    until("all events", || async { one.sink.seen().accepted.len() + other.sink.seen().accepted.len() >= 5_000 }).await;
    all_acknowledged(&client, "watchbell-alert", 5_000).await;
    let (one_seen, other_seen) = (one.sink.seen(), other.sink.seen());
    let mut ids: Vec<&str> = alert_ids(&one_seen.accepted);
    ids.extend(alert_ids(&other_seen.accepted));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5_000);
    one.stop().await;
    other.stop().await;
}
