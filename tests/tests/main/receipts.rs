//! What providers report afterwards, and what a recipient answers.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::broker::structured;
use watchbell_tests::on_both;
use watchbell_tests::stand_ins::TWILIO_TOKEN;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{twilio_calls, wait};

on_both!(
    a_receipt_says_that_a_message_arrived,
    a_key_pressed_in_a_call_accepts_the_alert,
    an_answer_is_told_even_if_the_broker_was_away_as_it_was_given,
);

/// Posts a callback as Twilio would; the answer's status.
pub async fn call_back(bed: &Bed, path: &str, form: &[(&str, &str)], token: &str) -> u16 {
    twilio_calls::call_back(bed, path, form, token).await.status.as_u16()
}

/// The provider's id of what was sent last.
pub async fn message_id(bed: &Bed, delivery: &str) -> String {
    let delivery = bed.api().delivery(delivery).await;
    delivery["attemptLog"][0]["messageId"].as_str().unwrap().to_owned()
}

async fn a_receipt_says_that_a_message_arrived(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    let sent = bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    let delivery = sent[0].delivery.clone().expect("a message names its delivery in its callback");
    let path = format!("/callbacks/twilio?delivery={delivery}");
    bed.quiet().await;
    let sid = message_id(bed, &delivery).await;
    let form = [("MessageSid", sid.as_str()), ("MessageStatus", "delivered")];
    assert_eq!(call_back(bed, &path, &form, "somebody else's token").await, 403);
    assert_eq!(call_back(bed, &path, &[("MessageSid", "SM1"), ("MessageStatus", "delivered")], TWILIO_TOKEN).await, 204);
    assert_eq!(bed.api().states("alert=A-1").await, ["sent"], "of another message");
    assert_eq!(call_back(bed, &path, &form, TWILIO_TOKEN).await, 204);
    assert_eq!(bed.api().states("alert=A-1").await, ["delivered"]);
    // A late one that knows less changes nothing.
    assert_eq!(call_back(bed, &path, &[("MessageSid", &sid), ("MessageStatus", "undelivered")], TWILIO_TOKEN).await, 204);
    assert_eq!(bed.api().states("alert=A-1").await, ["delivered"]);
}

async fn a_key_pressed_in_a_call_accepts_the_alert(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben) = (Person::without_telegram(bed.api(), 1).await, Person::without_telegram(bed.api(), 2).await);
    anna.high(bed.api(), "VOICE", 0).await;
    ben.high(bed.api(), "SMS", 5).await;
    // Over HTTP, so that both events' times are the test's clock's.
    bed.api().post("/watchbell/v1/events", &structured("alert", "1", bed.now(), &alert("A-1", &[&anna, &ben]))).await.expect(202);
    bed.quiet().await;
    let sent = bed.outbox().expect(1, "call", |sent| sent.is(Channel::Voice, &anna.phone)).await;
    assert!(sent[0].text.contains("<Gather") && sent[0].text.contains("Press 1 if you have it"), "{sent:?}");
    let sid = message_id(bed, sent[0].delivery.as_deref().unwrap()).await;
    let client = bed.nats.client().await;
    let mut answers = client.subscribe("watchbell.out.answered").await.unwrap();
    client.flush().await.unwrap();
    bed.advance(Duration::from_secs(60)).await;
    let path = format!("/callbacks/twilio/gather?delivery={}", sent[0].delivery.clone().unwrap());
    assert_eq!(call_back(bed, &path, &[("CallSid", &sid), ("Digits", "1")], TWILIO_TOKEN).await, 200);
    let answer = wait::within("an answer", answers.next()).await.unwrap();
    let mut answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer["time"].take().is_string());
    let expected = json!({
        "alertId": "A-1", "round": 1, "user": anna.id, "channel": "voice", "delivery": sent[0].delivery, "action": "accept", "time": null,
    });
    assert_eq!(answer, expected);
    bed.advance(Duration::from_secs(3_600)).await;
    assert_eq!(bed.outbox().len(), 1);
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "cancelled"]);
}

/// Answers that the broker has not been told of, and that nobody is telling it of.
async fn untold(bed: &Bed) -> usize {
    bed.store().take_answers(10, bed.now()).await.unwrap().len()
}

async fn an_answer_is_told_even_if_the_broker_was_away_as_it_was_given(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "VOICE", 0).await;
    bed.api().post("/watchbell/v1/events", &structured("alert", "1", bed.now(), &alert("A-1", &[&anna]))).await.expect(202);
    bed.quiet().await;
    let sent = bed.outbox().expect(1, "call", |sent| sent.is(Channel::Voice, &anna.phone)).await;
    let delivery = sent[0].delivery.clone().unwrap();
    let sid = message_id(bed, &delivery).await;
    bed.nats.kill().await;
    let path = format!("/callbacks/twilio/gather?delivery={delivery}");
    assert_eq!(call_back(bed, &path, &[("CallSid", &sid), ("Digits", "1")], TWILIO_TOKEN).await, 200);
    // Whoever has it tries for a while, and then somebody else may.
    bed.clock.advance(Duration::from_secs(15));
    assert_eq!(untold(bed).await, 1, "it waits");
    bed.nats.up().await;
    wait::until("the answer to be told", async || {
        bed.clock.advance(Duration::from_secs(1));
        untold(bed).await == 0
    })
    .await;
}
