//! Reminders of shifts.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::{Channel, Timestamp};
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::team::Person;

on_both!(reminders_come_before_the_shift, a_shift_that_moves_takes_its_reminders_along, a_shift_that_is_cancelled_reminds_nobody);
on_both!(a_late_shift_gets_its_nearest_reminder_only);

const MINUTE: Duration = Duration::from_secs(60);

/// Eight hours of Anna's.
fn shift(anna: &Person, starts_at: Timestamp, status: &str) -> Value {
    json!({
        "dutyId": "D-1", "userId": anna.id, "schedule": "Night watch", "status": status,
        "startsAt": starts_at.to_string(), "endsAt": starts_at.plus_s(8 * 3_600).to_string(),
    })
}

/// Anna, who is reminded an hour before by mail, and a quarter of an hour before by SMS.
async fn anna(bed: &Bed) -> Person {
    let anna = Person::create(bed.api(), 1).await;
    for (method, before_min) in [("EMAIL", 60), ("SMS", 15)] {
        anna.rule(bed.api(), "duties", json!({ "method": method, "type": "ON_CALL", "beforeMin": before_min })).await;
    }
    anna
}

async fn reminders_come_before_the_shift(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    let starts_at = bed.now() + MINUTE * 120;
    bed.publish("duty", "1", &shift(&anna, starts_at, "SCHEDULED")).await;
    bed.advance(MINUTE * 60 - Duration::from_millis(1)).await;
    assert!(bed.outbox().is_empty());
    bed.advance(Duration::from_millis(1)).await;
    let sent = bed.outbox().expect(1, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    assert!(sent[0].text.contains("Night watch") && sent[0].text.contains("in 1 hour"), "{sent:?}");
    // 08:00 in UTC was 09:00 in Berlin when the test began.
    assert!(sent[0].text.contains("11:00"), "{sent:?}");
    bed.advance(MINUTE * 45).await;
    let sent = bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    assert!(sent[0].text.contains("in 15 minutes"), "{sent:?}");
    bed.advance(MINUTE * 600).await;
    assert_eq!(bed.outbox().len(), 2);
}

async fn a_shift_that_moves_takes_its_reminders_along(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    let starts_at = bed.now() + MINUTE * 120;
    bed.publish("duty", "1", &shift(&anna, starts_at, "SCHEDULED")).await;
    bed.advance(MINUTE * 60).await;
    bed.outbox().expect(1, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    // The SMS is pending: it moves, and the mail is planned anew.
    bed.publish("duty", "2", &shift(&anna, starts_at + MINUTE * 120, "SCHEDULED")).await;
    bed.advance(MINUTE * 60).await;
    assert_eq!(bed.outbox().len(), 1, "nothing at the old time");
    bed.advance(MINUTE * 60).await;
    bed.outbox().expect(2, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    bed.advance(MINUTE * 45).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    bed.advance(MINUTE * 600).await;
    assert_eq!(bed.outbox().len(), 3);
}

async fn a_shift_that_is_cancelled_reminds_nobody(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    let starts_at = bed.now() + MINUTE * 120;
    bed.publish("duty", "1", &shift(&anna, starts_at, "SCHEDULED")).await;
    bed.advance(MINUTE * 60).await;
    bed.publish("duty", "2", &shift(&anna, starts_at, "CANCELLED")).await;
    // Who had been reminded is told once, by the channel of the last reminder.
    let sent = bed.outbox().expect(2, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    assert!(sent[1].text.contains("cancelled") && sent[1].text.contains("Night watch"), "{sent:?}");
    bed.advance(MINUTE * 600).await;
    assert_eq!(bed.outbox().len(), 2);
    // Nobody had been reminded of this one yet.
    let mut other = shift(&anna, bed.now() + MINUTE * 120, "SCHEDULED");
    other["dutyId"] = "D-2".into();
    bed.publish("duty", "3", &other).await;
    other["status"] = "CANCELLED".into();
    bed.publish("duty", "4", &other).await;
    bed.advance(MINUTE * 600).await;
    assert_eq!(bed.outbox().len(), 2);
}

async fn a_late_shift_gets_its_nearest_reminder_only(bed: &mut Bed) {
    bed.start().await;
    let anna = anna(bed).await;
    bed.publish("duty", "1", &shift(&anna, bed.now() + MINUTE * 10, "SCHEDULED")).await;
    let sent = bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    assert!(sent[0].text.contains("in 10 minutes"), "{sent:?}");
    bed.advance(MINUTE * 600).await;
    assert_eq!(bed.outbox().len(), 1);
}
