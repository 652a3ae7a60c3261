//! How events come in, and what becomes of those that cannot be used.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::HeaderMap;
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::broker::{SOURCE, structured};
use watchbell_tests::team::{Person, alert, update};
use watchbell_tests::{on_both, wait};

on_both!(all_three_encodings_are_read, an_event_that_comes_again_changes_nothing, events_come_over_http_as_well);
on_both!(what_cannot_be_used_blocks_nothing_and_is_kept, a_dead_letter_is_played_again_when_it_can_be_used, a_topic_s_members_are_told);

/// Anna, who gets an SMS for every alert.
async fn anna(bed: &Bed) -> Person {
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna
}

async fn all_three_encodings_are_read(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    bed.nats.publish("alert", "1", bed.now(), &alert("A-binary", &[&anna])).await;
    bed.nats.publish_structured("alert", "2", bed.now(), &alert("A-structured", &[&anna])).await;
    bed.quiet().await;
    bed.nats.publish_plain("alert", "3", &alert("A-plain", &[&anna])).await;
    bed.quiet().await;
    // Plain data say no time of their own: their base is the broker's time, which is the machine's.
    assert_eq!(bed.outbox().len(), 2);
    // Nothing was heard of the alert for months then, but what is still to be sent keeps it open.
    bed.clock.set(wait::now());
    bed.quiet().await;
    for name in ["A-binary", "A-structured", "A-plain"] {
        bed.outbox().expect(1, name, |sent| sent.is(Channel::Sms, &anna.phone) && sent.text.contains(name)).await;
    }
    assert_eq!(bed.outbox().len(), 3);
}

async fn an_event_that_comes_again_changes_nothing(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    let data = alert("A-1", &[&anna]);
    for _ in 0..3 {
        bed.nats.publish("alert", "1", bed.now(), &data).await;
    }
    bed.nats.publish_structured("alert", "1", bed.now(), &data).await;
    bed.quiet().await;
    bed.advance(Duration::from_secs(3_600)).await;
    // Over HTTP it is the key's own event: another one, but of the same alert.
    let body = structured("alert", "1", bed.now(), &data);
    let answer = bed.api().post("/watchbell/v1/events", &body).await.expect(202);
    assert_eq!((&answer["events"][0]["duplicate"], &answer["events"][0]["planned"]), (&json!(false), &json!(0)), "{answer}");
    let answer = bed.api().post("/watchbell/v1/events", &body).await.expect(202);
    assert_eq!(answer["events"][0]["duplicate"], true, "{answer}");
    // Another id, the same alert: a responder who is named again gets no second plan.
    bed.publish("alert", "2", &data).await;
    assert_eq!(bed.outbox().len(), 1);
    assert_eq!(bed.api().deliveries("").await.len(), 1);
}

async fn events_come_over_http_as_well(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    let publisher = bed.api().post("/watchbell/v1/keys", &json!({ "name": "monitoring", "role": "publisher" })).await.expect(201);
    let api = bed.api().with_key(publisher["key"].as_str().unwrap());
    // Structured, and with a responder's public id.
    let user = bed.api().get(&format!("/watchbell/v1/users/{}", anna.id)).await.expect(200);
    let mut data = alert("A-1", &[&anna]);
    data["responders"] = json!([user["publicId"]]);
    let answer = api.post("/watchbell/v1/events", &structured("alert", "1", bed.now(), &data)).await.expect(202);
    assert_eq!((&answer["events"][0]["planned"], &answer["events"][0]["problems"]), (&json!(1), &json!([])), "{answer}");
    // Binary.
    let time = bed.now().to_string();
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "2"),
        ("ce-source", SOURCE),
        ("ce-type", "watchbell.events.alert"),
        ("ce-time", &time),
        ("content-type", "application/json"),
    ];
    let body = alert("A-2", &[&anna]).to_string();
    let answer = api.try_call(Method::POST, "/watchbell/v1/events", &headers, Some(body)).await.unwrap().expect(202);
    assert_eq!(answer["events"][0]["planned"], 1, "{answer}");
    // Plain, with its type beside it.
    let mut data = alert("A-3", &[&anna]);
    data["id"] = "3".into();
    data["type"] = "watchbell.events.alert".into();
    api.post("/watchbell/v1/events", &data).await.expect(202);
    bed.quiet().await;
    for name in ["A-1", "A-2", "A-3"] {
        bed.outbox().expect(1, name, |sent| sent.is(Channel::Sms, &anna.phone) && sent.text.contains(name)).await;
    }
    api.post("/watchbell/v1/events", &json!({ "id": "4", "type": "watchbell.events.alert" })).await.expect(400);
    api.get("/watchbell/v1/deliveries").await.expect(403);
}

/// Everything in the dead-letter table, oldest first.
async fn dead_letters(bed: &Bed) -> Vec<Value> {
    let mut page = bed.api().get("/watchbell/v1/dead-letters?limit=100").await.expect(200);
    let mut letters = page["items"].as_array_mut().map(std::mem::take).unwrap();
    letters.reverse();
    letters
}

async fn what_cannot_be_used_blocks_nothing_and_is_kept(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    let client = bed.nats.client().await.clone();
    let mut dead = client.subscribe("watchbell.dead.>").await.unwrap();
    client.flush().await.unwrap();
    let context = async_nats::jetstream::new(client);
    let send = async |subject: &str, payload: &[u8]| {
        let sent = context.publish_with_headers(subject.to_owned(), HeaderMap::new(), payload.to_vec().into()).await.unwrap();
        sent.await.unwrap();
    };
    bed.quiet().await;
    send("watchbell.events.alert", b"{\"alertId\":").await;
    send("watchbell.events.alert", b"\xff\xfe").await;
    send("watchbell.events.alert", b"{\"id\":\"x\",\"alertId\":\"A-x\"}").await;
    // Nobody has this name; Anna is told all the same.
    let mut data = alert("A-1", &[&anna]);
    data["responders"] = json!([anna.id, "nobody"]);
    bed.publish("alert", "1", &data).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    let letters = dead_letters(bed).await;
    assert_eq!(letters.len(), 4, "{letters:?}");
    // One batch: what is partly used is noted with what is used, the rest after that.
    let reasons: BTreeSet<&str> = letters.iter().filter_map(|letter| letter["reason"].as_str()).collect();
    assert_eq!(reasons, BTreeSet::from(["bad_json", "missing_field", "unknown_user"]), "{letters:?}");
    for letter in &letters {
        let message = wait::within("a dead letter on NATS", dead.next()).await.unwrap();
        assert!(message.subject.starts_with("watchbell.dead."), "{letter} {message:?}");
    }
}

async fn a_dead_letter_is_played_again_when_it_can_be_used(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    let mut data = alert("A-1", &[&anna]);
    data["responders"] = json!([anna.id, anna.id + 1]);
    bed.publish("alert", "1", &data).await;
    assert_eq!(bed.outbox().len(), 1);
    let letters = dead_letters(bed).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let ben = Person::without_telegram(bed.api(), 2).await;
    assert_eq!(ben.id, anna.id + 1);
    ben.high(bed.api(), "SMS", 0).await;
    for _ in 0..2 {
        // The second time nothing is missing any more.
        let path = format!("/watchbell/v1/dead-letters/{}/replay", letters[0]["id"]);
        bed.api().post(&path, &json!({})).await.expect(202);
        bed.quiet().await;
        bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &ben.phone)).await;
        assert_eq!(bed.outbox().len(), 2);
    }
}

async fn a_topic_s_members_are_told(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben, cleo) = (
        Person::without_telegram(bed.api(), 1).await,
        Person::without_telegram(bed.api(), 2).await,
        Person::without_telegram(bed.api(), 3).await,
    );
    for person in [&anna, &ben, &cleo] {
        person.rule(bed.api(), "subscriptions", json!({ "method": "SMS" })).await;
    }
    for member in [&anna, &ben] {
        bed.api().put(&format!("/watchbell/v1/topics/checkout/users/{}", member.id), &Value::Null).await.expect(204);
    }
    // Anna is a member and is named: she is told once.
    let data = json!({ "title": "Maintenance", "message": "Tonight", "topic": "checkout", "users": [anna.id] });
    bed.publish("subscription", "1", &data).await;
    for member in [&anna, &ben] {
        bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &member.phone)).await;
    }
    bed.publish("update", "2", &update("A-unknown", "RESOLVED", None)).await;
    assert_eq!(bed.outbox().len(), 2, "{:?}", bed.outbox().all());
}
