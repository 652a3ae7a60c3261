//! When an alert's pages go out, and when they no longer do.

use std::time::Duration;

use serde_json::json;
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::team::{Person, alert, update};

on_both!(a_delayed_step_goes_out_on_time_and_not_before, an_accepted_alert_sends_no_further_page, a_resolved_alert_sends_no_further_page);
on_both!(an_escalation_calls_in_others_and_goes_on_with_the_first, whoever_accepts_is_not_told_so);
on_both!(a_rule_that_changes_moves_what_is_pending, a_rule_that_is_deleted_cancels_what_is_pending, pending_steps_survive_a_restart);
on_both!(who_has_no_rule_gets_one_email);

const MINUTE: Duration = Duration::from_secs(60);

async fn a_delayed_step_goes_out_on_time_and_not_before(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 5).await;
    anna.high(bed.api(), "VOICE", 15).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.advance(MINUTE * 5 - Duration::from_millis(1)).await;
    assert!(bed.outbox().is_empty());
    bed.advance(Duration::from_millis(1)).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    bed.advance(MINUTE * 10 - Duration::from_millis(1)).await;
    assert_eq!(bed.outbox().len(), 1);
    bed.advance(Duration::from_millis(1)).await;
    bed.outbox().expect(1, "call", |sent| sent.is(Channel::Voice, &anna.phone)).await;
    bed.advance(MINUTE * 600).await;
    assert_eq!(bed.outbox().len(), 2);
}

async fn an_accepted_alert_sends_no_further_page(bed: &mut Bed) {
    closes(bed, "ACCEPTED", "the alert was accepted").await;
}

async fn a_resolved_alert_sends_no_further_page(bed: &mut Bed) {
    closes(bed, "RESOLVED", "the alert was resolved").await;
}

async fn closes(bed: &mut Bed, status: &str, reason: &str) {
    bed.start().await;
    let (anna, ben) = (Person::create(bed.api(), 1).await, Person::create(bed.api(), 2).await);
    anna.high(bed.api(), "PUSH", 0).await;
    anna.high(bed.api(), "SMS", 5).await;
    ben.high(bed.api(), "EMAIL", 6).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna, &ben])).await;
    bed.outbox().expect(1, "push message", |sent| sent.channel == Channel::Push).await;
    bed.advance(MINUTE).await;
    bed.publish("update", "2", &update("A-1", status, None)).await;
    bed.advance(MINUTE * 60).await;
    assert_eq!(bed.outbox().len(), 1, "{:?}", bed.outbox().all());
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "cancelled", "cancelled"]);
    for delivery in bed.api().deliveries("alert=A-1&state=cancelled").await {
        assert_eq!(delivery["reason"], reason);
    }
    // The same alert again, later: accepted stays accepted, resolved begins a new round.
    bed.publish("alert", "3", &alert("A-1", &[&anna, &ben])).await;
    bed.advance(MINUTE * 60).await;
    assert_eq!(bed.outbox().len(), if status == "ACCEPTED" { 1 } else { 4 });
}

async fn an_escalation_calls_in_others_and_goes_on_with_the_first(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben) = (Person::create(bed.api(), 1).await, Person::create(bed.api(), 2).await);
    anna.high(bed.api(), "SMS", 10).await;
    ben.high(bed.api(), "SMS", 0).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.advance(MINUTE * 5).await;
    let mut escalated = update("A-1", "ESCALATED", None);
    escalated["responders"] = json!([ben.id]);
    bed.publish("update", "2", &escalated).await;
    let sent = bed.outbox().expect(1, "SMS to the new responder", |sent| sent.is(Channel::Sms, &ben.phone)).await;
    assert!(sent[0].text.contains("A-1 is on fire"), "{sent:?}");
    assert_eq!(bed.outbox().len(), 1);
    bed.advance(MINUTE * 5).await;
    bed.outbox().expect(1, "SMS to the first responder", |sent| sent.is(Channel::Sms, &anna.phone)).await;
}

async fn whoever_accepts_is_not_told_so(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben, cleo) = (Person::create(bed.api(), 1).await, Person::create(bed.api(), 2).await, Person::create(bed.api(), 3).await);
    for person in [&anna, &ben, &cleo] {
        person.high(bed.api(), "VOICE", 120).await;
        person.rule(bed.api(), "updates", json!({ "method": "SMS", "type": "ALERT_ACCEPTED" })).await;
    }
    bed.publish("alert", "1", &alert("A-1", &[&anna, &ben])).await;
    let mut accepted = update("A-1", "ACCEPTED", Some(&anna));
    accepted["notify"] = json!([cleo.id]);
    bed.publish("update", "2", &accepted).await;
    for person in [&ben, &cleo] {
        let sent = bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &person.phone)).await;
        assert!(sent[0].text.contains("Accepted by User001 Test: A-1 is on fire"), "{sent:?}");
    }
    assert_eq!(bed.outbox().len(), 2);
}

async fn a_rule_that_changes_moves_what_is_pending(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    let rule = anna.high(bed.api(), "SMS", 30).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.advance(MINUTE * 10).await;
    let path = format!("{}/{rule}", anna.rules("alerts"));
    let change = async |bed: &Bed, method: &str, delay_min: u8| {
        let body = anna.rule_body(json!({ "method": method, "type": "HIGH_PRIORITY", "delayMin": delay_min }));
        bed.api().put(&path, &body).await.expect(200);
        bed.quiet().await;
    };
    // Later, then by another channel, then at a time that has passed: due at once.
    change(bed, "SMS", 60).await;
    bed.advance(MINUTE * 40).await;
    assert!(bed.outbox().is_empty());
    change(bed, "EMAIL", 55).await;
    assert!(bed.outbox().is_empty());
    change(bed, "EMAIL", 20).await;
    bed.outbox().expect(1, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    bed.advance(MINUTE * 600).await;
    assert_eq!(bed.outbox().len(), 1);
    // A new rule's elapsed step is not fired after the fact.
    anna.high(bed.api(), "PUSH", 0).await;
    bed.quiet().await;
    assert_eq!(bed.outbox().len(), 1);
}

async fn a_rule_that_is_deleted_cancels_what_is_pending(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    let rule = anna.high(bed.api(), "SMS", 30).await;
    anna.high(bed.api(), "PUSH", 40).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.api().delete(&format!("{}/{rule}", anna.rules("alerts"))).await.expect(204);
    bed.advance(MINUTE * 60).await;
    bed.outbox().expect(1, "push message", |sent| sent.is(Channel::Push, &anna.device)).await;
    assert_eq!(bed.outbox().len(), 1);
    assert_eq!(bed.api().states("alert=A-1").await, ["cancelled", "sent"]);
}

async fn pending_steps_survive_a_restart(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben) = (Person::create(bed.api(), 1).await, Person::create(bed.api(), 2).await);
    for person in [&anna, &ben] {
        person.high(bed.api(), "SMS", 10).await;
    }
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.publish("alert", "2", &alert("A-2", &[&ben])).await;
    bed.publish("update", "3", &update("A-2", "ACCEPTED", None)).await;
    bed.stop().await;
    bed.start().await;
    bed.advance(MINUTE * 5).await;
    bed.stop().await;
    // What was due while it was down goes out at once.
    bed.clock.advance(MINUTE * 10);
    assert!(bed.outbox().is_empty());
    bed.start().await;
    bed.quiet().await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    assert_eq!(bed.outbox().len(), 1);
    // Events that came while nobody listened are read afterwards, each once.
    bed.stop().await;
    bed.nats.publish("alert", "4", bed.now(), &alert("A-4", &[&anna])).await;
    bed.nats.publish("alert", "4", bed.now(), &alert("A-4", &[&anna])).await;
    bed.start().await;
    bed.advance(MINUTE * 10).await;
    bed.outbox().expect(1, "SMS about the later alert", |sent| sent.text.contains("A-4")).await;
    assert_eq!(bed.outbox().len(), 2);
}

async fn who_has_no_rule_gets_one_email(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben) = (Person::create(bed.api(), 1).await, Person::create(bed.api(), 2).await);
    anna.rule(bed.api(), "alerts", json!({ "method": "SMS", "type": "LOW_PRIORITY" })).await;
    ben.high(bed.api(), "SMS", 0).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna, &ben])).await;
    let sent = bed.outbox().expect(1, "fallback email", |sent| sent.is(Channel::Email, &anna.email)).await;
    assert!(sent[0].text.contains("A-1 is on fire") && sent[0].text.contains("you have no notification rule"), "{sent:?}");
    assert_eq!(bed.outbox().len(), 2, "{:?}", bed.outbox().all());
    let deliveries = bed.api().deliveries(&format!("user={}", anna.id)).await;
    assert_eq!(deliveries[0]["purpose"], "fallback", "{deliveries:?}");
}
