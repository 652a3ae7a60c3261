//! Responders that are duties and escalation lists, from NATS to the stand-ins of providers.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::{Channel, Timestamp};
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::team::Person;

on_both!(whoever_is_on_duty_is_told_and_whoever_comes_on_duty_as_well, a_list_goes_on_over_a_restart_until_somebody_accepts);

const MINUTE: Duration = Duration::from_secs(60);

/// Somebody who gets an SMS at once for HIGH alerts.
async fn person(bed: &Bed, number: u16) -> Person {
    let person = Person::create(bed.api(), number).await;
    person.rule(bed.api(), "alerts", json!({ "method": "SMS", "type": "HIGH_PRIORITY", "delayMin": 0 })).await;
    person
}

fn shift(id: &str, person: &Person, starts_at: Timestamp, hours: i64) -> Value {
    json!({
        "dutyId": id, "userId": person.id, "schedule": "primary", "status": "SCHEDULED",
        "startsAt": starts_at.to_string(), "endsAt": starts_at.plus_s(hours * 3_600).to_string(),
    })
}

fn alert(id: &str, responder: &str) -> Value {
    json!({ "alertId": id, "priority": "HIGH", "summary": "Disk full", "responders": [responder] })
}

async fn whoever_is_on_duty_is_told_and_whoever_comes_on_duty_as_well(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben) = (person(bed, 1).await, person(bed, 2).await);
    bed.publish("duty", "1", &shift("D-1", &anna, bed.now().plus_s(-3_600), 2)).await;
    bed.publish("duty", "2", &shift("D-2", &ben, bed.now() + MINUTE * 62, 8)).await;
    bed.publish("alert", "3", &alert("A-1", "duty:primary")).await;
    bed.outbox().expect(1, "SMS to whoever is on duty", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    assert_eq!(bed.outbox().len(), 1);

    let found: Value = bed.api().get("/watchbell/v1/duties?days=1").await.expect(200);
    let primary = &found["items"][0];
    assert_eq!((primary["schedule"].as_str(), primary["onDuty"][0]["userId"].as_i64()), (Some("primary"), Some(anna.id)), "{found}");
    assert_eq!((primary["next"][0]["userId"].as_i64(), primary["gaps"].as_array().map(Vec::len)), (Some(ben.id), Some(2)), "{found}");

    bed.advance(MINUTE * 62).await;
    let sent = bed.outbox().expect(1, "SMS to whoever comes on duty", |sent| sent.is(Channel::Sms, &ben.phone)).await;
    assert!(sent[0].text.contains("on duty for primary"), "{sent:?}");
    let explained: Value = bed.api().get(&format!("/watchbell/v1/explain?user={}&alert=A-1", ben.id)).await.expect(200);
    assert!(explained["steps"][0]["namedAs"].as_str().is_some_and(|named_as| named_as.starts_with("as schedule primary")), "{explained}");
    assert_eq!(bed.outbox().len(), 2);
}

async fn a_list_goes_on_over_a_restart_until_somebody_accepts(bed: &mut Bed) {
    bed.start().await;
    let people = [person(bed, 1).await, person(bed, 2).await, person(bed, 3).await];
    bed.stop().await;
    let step = |at: usize| format!("{{ after_min = {}, responders = [\"{}\"] }}", at * 10, people[at].id);
    bed.settings.set("ESCALATIONS__DATABASE", &format!("{{ steps = [{}, {}, {}] }}", step(0), step(1), step(2)));
    bed.start().await;
    bed.publish("alert", "1", &alert("A-1", "escalation:database")).await;
    bed.outbox().expect(1, "SMS of the first step", |sent| sent.is(Channel::Sms, &people[0].phone)).await;
    bed.stop().await;
    bed.clock.advance(MINUTE * 12);
    bed.start().await;
    bed.outbox().expect(1, "SMS of the second step", |sent| sent.is(Channel::Sms, &people[1].phone)).await;
    bed.publish("update", "2", &json!({ "alertId": "A-1", "status": "ACCEPTED", "actor": people[1].id })).await;
    bed.advance(MINUTE * 60).await;
    assert_eq!(bed.outbox().len(), 2, "whoever would have been the third is left alone");
}
