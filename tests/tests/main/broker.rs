//! NATS that is away.

use futures::StreamExt;
use serde_json::Value;
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::broker::structured;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{on_both, wait};

on_both!(nats_may_be_away_at_the_start_and_go_away_later, outcomes_are_published);

/// Waits until the server says so.
async fn says_ready(bed: &Bed, status: u16, nats: &str) {
    wait::until(&format!("/-/ready to answer {status}"), async || {
        let answer = bed.api().get("/-/ready").await;
        answer.status.as_u16() == status && answer.body["nats"] == nats
    })
    .await;
}

async fn nats_may_be_away_at_the_start_and_go_away_later(bed: &mut Bed) {
    bed.nats.kill().await;
    bed.start().await;
    says_ready(bed, 503, "down").await;
    bed.api().get("/-/healthy").await.expect(200);
    // The API is up, and so is intake over HTTP.
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    bed.api().post("/watchbell/v1/events", &structured("alert", "1", bed.now(), &alert("A-1", &[&anna]))).await.expect(202);
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    bed.nats.up().await;
    says_ready(bed, 200, "up").await;
    bed.publish("alert", "2", &alert("A-2", &[&anna])).await;
    bed.outbox().expect(2, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    bed.nats.kill().await;
    says_ready(bed, 503, "down").await;
    bed.nats.up().await;
    says_ready(bed, 200, "up").await;
    bed.publish("alert", "3", &alert("A-3", &[&anna])).await;
    bed.outbox().expect(3, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
}

async fn outcomes_are_published(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    let client = bed.nats.client().await;
    let mut outcomes = client.subscribe("watchbell.out.>").await.unwrap();
    client.flush().await.unwrap();
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    let outcome = wait::within("an outcome", outcomes.next()).await.unwrap();
    assert_eq!(outcome.subject.as_str(), "watchbell.out.sent");
    let body: Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!((&body["alertId"], &body["userId"], &body["channel"]), (&"A-1".into(), &anna.id.into(), &"sms".into()), "{body}");
    let text = body.to_string();
    assert!(!text.contains(&anna.phone) && !text.contains("on fire"), "neither addresses nor texts leave: {text}");
}
