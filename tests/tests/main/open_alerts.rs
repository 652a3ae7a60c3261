//! Alerts that nobody resolves: they are closed after a while, and until then cost those who change their rules nothing.

use std::time::Duration;

use serde_json::json;
use watchbell_store::facts::AlertState;
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::database::Kind;
use watchbell_tests::team::{Person, alert, update};
use watchbell_tests::{on_both, wait};

on_both!(an_alert_that_nobody_resolves_is_closed, a_change_touches_what_is_pending_and_nothing_else);

#[test]
fn a_change_costs_the_same_whatever_is_open() {
    run(Kind::Postgres, async |bed| {
        bed.start().await;
        let anna = Person::without_telegram(bed.api(), 1).await;
        anna.high(bed.api(), "SMS", 0).await;
        let mut open = 0;
        let mut medians = Vec::new();
        for count in [0, 10_000, 30_000] {
            forgotten(bed, &anna, open, count).await;
            open = count;
            let mut took = Vec::new();
            for _ in 0..9 {
                let began = wait::now();
                let rule = anna.high(bed.api(), "EMAIL", 30).await;
                bed.api().delete(&format!("{}/{rule}", anna.rules("alerts"))).await.expect(204);
                took.push((wait::now() - began) / 2);
            }
            took.sort_unstable();
            medians.push(took[took.len() / 2]);
            println!(
                "a change of a responder of {count} open alerts takes {:?} (median), {:?} at most",
                took[took.len() / 2],
                took[took.len() - 1]
            );
        }
        // As long as a busy machine allows for.
        assert!(medians[2] < medians[0] * 3 + Duration::from_millis(20), "{medians:?}");
    });
}

/// Alerts number `from` to `to` for Anna, which she was told of three hours ago and nobody has resolved.
async fn forgotten(bed: &Bed, anna: &Person, from: usize, to: usize) {
    let told_at = bed.now().plus_s(-3 * 3_600);
    let (at, prefix, id) = (told_at.as_millis(), watchbell_core::ids::id_floor(told_at), anna.id);
    let history = format!(
        r#"[{{"what":"alert","priority":"HIGH","at":{{"source":"s","time":null,"received_at":{at}}},"base_at":{at},"event_id":"E-' || n || '","named":[[{id},1]]}}]"#
    );
    let inserts = [
        format!(
            "INSERT INTO alerts (id, state, priority, summary, round, since_round, event_id, history, updated_at) \
             SELECT 'F-' || n, 'open', 'HIGH', 's', 1, 1, 'E-' || n, '{history}', {at} FROM numbers"
        ),
        format!(
            "INSERT INTO responders (alert_id, round, user_id, base_at, event_id) SELECT 'F-' || n, 1, {id}, {at}, 'E-' || n FROM numbers"
        ),
        format!(
            "INSERT INTO deliveries (id, scope, subject, event_id, alert_id, user_id, purpose, cause, channel, address, rules, critical, rank, \
             due_at, ready_at, state, attempts, created_at, updated_at) SELECT '{prefix}' || lpad(n::text, 16, '0'), 'alert:1:F-' || n, \
             'alert:F-' || n, 'E-' || n, 'F-' || n, {id}, 'rule', 'alert_high', 'sms', '…', '[1]', FALSE, 0, {at}, {at}, 'sent', 1, {at}, {at} \
             FROM numbers"
        ),
    ];
    for insert in inserts {
        let numbers = format!("WITH numbers AS (SELECT generate_series({} , {to}) AS n)", from + 1);
        bed.database.number(&format!("{numbers}, made AS ({insert} RETURNING 1) SELECT count(*) FROM made")).await;
    }
}

/// A day more than `retention.open_alerts_days`.
const LONG: Duration = Duration::from_hours(8 * 24);

async fn an_alert_that_nobody_resolves_is_closed(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.rule(bed.api(), "updates", json!({ "method": "EMAIL", "type": "ALERT_RESOLVED" })).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.publish("alert", "2", &alert("A-2", &[&anna])).await;
    bed.advance(LONG / 2).await;
    // Heard of again, it stays open.
    bed.publish("update", "3", &update("A-2", "ESCALATED", None)).await;
    bed.advance(LONG / 2).await;
    let state = async |id: &str| bed.store().alert(id).await.unwrap().unwrap().state;
    wait::until("the alert to be closed", async || state("A-1").await == AlertState::Resolved).await;
    assert_eq!(state("A-2").await, AlertState::Open);
    assert_eq!(bed.database.number("SELECT count(*) FROM responders").await, 1);
    bed.quiet().await;
    assert_eq!(bed.outbox().len(), 2, "nobody is told that it is closed");
    // Another event of it begins a new round.
    bed.publish("alert", "4", &alert("A-1", &[&anna])).await;
    assert_eq!(bed.outbox().len(), 3);
    assert_eq!(state("A-1").await, AlertState::Open);
}

async fn a_change_touches_what_is_pending_and_nothing_else(bed: &mut Bed) {
    bed.settings.set("SCHEDULER__FALLBACK_EMAIL", "off");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    let sms = anna.high(bed.api(), "SMS", 0).await;
    let late = anna.high(bed.api(), "EMAIL", 30).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.advance(Duration::from_mins(10)).await;
    // Twenty minutes are left of the rule that is pending, and of a new one fifteen.
    let new = anna.high(bed.api(), "SMS", 25).await;
    let pending = "SELECT count(*) FROM deliveries WHERE state = 'scheduled'";
    assert_eq!(bed.database.number(pending).await, 2);
    for rule in [late, new] {
        bed.api().delete(&format!("{}/{rule}", anna.rules("alerts"))).await.expect(204);
    }
    assert_eq!(bed.database.number(pending).await, 0);
    // Nothing is pending any more, but the alert is younger than the new rule's delay.
    anna.high(bed.api(), "EMAIL", 30).await;
    assert_eq!(bed.database.number(pending).await, 1);
    bed.advance(Duration::from_mins(25)).await;
    assert_eq!(bed.outbox().len(), 2);
    // Past all its steps, no change makes it due again.
    bed.advance(Duration::from_mins(10)).await;
    bed.api().delete(&format!("{}/{sms}", anna.rules("alerts"))).await.expect(204);
    anna.high(bed.api(), "SMS", 0).await;
    bed.quiet().await;
    assert_eq!((bed.outbox().len(), bed.database.number(pending).await), (2, 0));
    // Whom it did not reach is told when they can be, even without a rule of that delay.
    bed.publish("alert", "2", &alert("A-2", &[&anna])).await;
    assert_eq!(bed.outbox().len(), 3);
}
