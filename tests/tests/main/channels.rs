//! Every channel with every kind of event that its rules allow.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::stand_ins::Sent;
use watchbell_tests::team::{METHODS, Person, alert, update};

on_both!(high_alerts_reach_every_channel, low_alerts_reach_every_channel, updates_reach_every_channel_but_voice);
on_both!(duty_reminders_reach_every_channel_but_voice, subscriptions_reach_email_sms_and_push);

/// The methods that all kinds but alerts have.
fn without_voice() -> impl Iterator<Item = (&'static str, Channel)> {
    METHODS.into_iter().filter(|(method, _)| *method != "VOICE")
}

/// One person for each method, with just one rule.
async fn people(bed: &Bed, methods: impl Iterator<Item = (&'static str, Channel)>, kind: &str, fields: Value) -> Vec<(Channel, Person)> {
    let mut people = Vec::new();
    for (number, (method, channel)) in (1..).zip(methods) {
        let person = Person::create(bed.api(), number).await;
        let mut rule = fields.clone();
        rule["method"] = method.into();
        person.rule(bed.api(), kind, rule).await;
        people.push((channel, person));
    }
    people
}

/// Each of them got one message by their channel, with the right credentials, that says `words`; and nobody anything else.
async fn expect_one_each(bed: &Bed, people: &[(Channel, Person)], words: &[&str]) {
    bed.quiet().await;
    for (channel, person) in people {
        let sent = bed.outbox().expect(1, &format!("message by {channel}"), |sent| sent.is(*channel, person.address(*channel))).await;
        let Sent { text, authorized, accepted, .. } = &sent[0];
        assert!(*authorized && *accepted, "{sent:?}");
        for word in words {
            assert!(text.contains(word), "{channel}: {word:?} is missing in {text:?}");
        }
        let mut deliveries = bed.api().deliveries(&format!("user={}", person.id)).await;
        // Subscription events are in everybody's inbox beside.
        deliveries.retain(|delivery| delivery["channel"] != "in_app");
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        assert_eq!((&deliveries[0]["state"], &deliveries[0]["channel"]), (&json!("sent"), &json!(channel)), "{deliveries:?}");
    }
    assert_eq!(bed.outbox().len(), people.len());
}

async fn high_alerts_reach_every_channel(bed: &mut Bed) {
    bed.start().await;
    let people = people(bed, METHODS.into_iter(), "alerts", json!({ "type": "HIGH_PRIORITY", "delayMin": 0 })).await;
    let responders: Vec<&Person> = people.iter().map(|(_, person)| person).collect();
    let mut data = alert("A-4711", &responders);
    data["summary"] = "checkout answers 500".into();
    bed.publish("alert", "1", &data).await;
    expect_one_each(bed, &people, &["checkout answers 500"]).await;
    // One access token does for all messages.
    assert_eq!(bed.stand_ins.http.tokens(), 1);
}

async fn low_alerts_reach_every_channel(bed: &mut Bed) {
    bed.start().await;
    let people = people(bed, METHODS.into_iter(), "alerts", json!({ "type": "LOW_PRIORITY" })).await;
    let responders: Vec<&Person> = people.iter().map(|(_, person)| person).collect();
    let mut data = alert("A-4712", &responders);
    data["priority"] = "LOW".into();
    bed.publish("alert", "1", &data).await;
    expect_one_each(bed, &people, &["A-4712 is on fire"]).await;
}

async fn updates_reach_every_channel_but_voice(bed: &mut Bed) {
    // Nobody has a rule for the alert itself, and there is no fallback: what comes is the update alone.
    bed.settings.set("SCHEDULER__FALLBACK_EMAIL", "off");
    bed.start().await;
    let actor = Person::without_telegram(bed.api(), 99).await;
    let mut people = Vec::new();
    for (number, (method, channel)) in (1..).zip(without_voice()) {
        let person = Person::create(bed.api(), number).await;
        for kind in ["ALERT_ACCEPTED", "ALERT_RESOLVED", "ALERT_ESCALATED"] {
            person.rule(bed.api(), "updates", json!({ "method": method, "type": kind })).await;
        }
        people.push((channel, person));
    }
    for (status, word) in [("ACCEPTED", "Accepted"), ("RESOLVED", "Resolved"), ("ESCALATED", "Escalated")] {
        let responders: Vec<&Person> = people.iter().map(|(_, person)| person).collect();
        let name = format!("A-{status}");
        let before = bed.outbox().len();
        bed.publish("alert", &format!("{name}-1"), &alert(&name, &responders)).await;
        assert_eq!(bed.outbox().len(), before, "nobody has a rule for the alert itself");
        bed.publish("update", &format!("{name}-2"), &update(&name, status, Some(&actor))).await;
        for (channel, person) in &people {
            let is_it = |sent: &Sent| sent.is(*channel, person.address(*channel)) && sent.text.contains(&name);
            let sent = bed.outbox().expect(1, &format!("{status} by {channel}"), is_it).await;
            let text = &sent[0].text;
            assert!(text.contains(&format!("{word} by User099 Test: {name} is on fire")), "{channel}: {text:?}");
        }
        assert_eq!(bed.outbox().len(), before + people.len());
    }
}

async fn duty_reminders_reach_every_channel_but_voice(bed: &mut Bed) {
    bed.start().await;
    let people = people(bed, without_voice(), "duties", json!({ "type": "ON_CALL", "beforeMin": 30 })).await;
    for (_, person) in &people {
        let data = json!({
            "dutyId": format!("D-{}", person.id), "userId": person.id, "schedule": "Checkout, first line", "status": "SCHEDULED",
            "startsAt": bed.now().plus_s(3_600).to_string(), "endsAt": bed.now().plus_s(9 * 3_600).to_string(),
        });
        bed.publish("duty", &format!("duty-{}", person.id), &data).await;
    }
    assert!(bed.outbox().is_empty(), "half an hour is left");
    bed.advance(Duration::from_secs(1_800)).await;
    expect_one_each(bed, &people, &["Checkout, first line", "30 minutes"]).await;
}

async fn subscriptions_reach_email_sms_and_push(bed: &mut Bed) {
    bed.start().await;
    let methods = METHODS.into_iter().filter(|(method, _)| ["EMAIL", "SMS", "PUSH"].contains(method));
    let people = people(bed, methods, "subscriptions", json!({})).await;
    let users: Vec<i64> = people.iter().map(|(_, person)| person.id).collect();
    let data = json!({ "title": "Maintenance tonight", "message": "Ten slow minutes at 22:00 UTC", "users": users });
    bed.publish("subscription", "1", &data).await;
    expect_one_each(bed, &people, &["Maintenance tonight", "Ten slow minutes at 22:00 UTC"]).await;
}
