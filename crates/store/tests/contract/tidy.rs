//! What has been kept long enough is deleted, a little at a time; what is still needed stays, however old it is.

use watchbell_core::{DeliveryId, EventId, Timestamp};

use watchbell_store::housekeeping::Cutoffs;

use crate::harness::{Bed, START};

on_both![what_is_old_goes_in_small_batches_and_what_is_needed_stays];

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn what_is_old_goes_in_small_batches_and_what_is_needed_stays(bed: &Bed) {
    let user = bed.user("anna").await.id;
    let days_ago = |days: i64| Timestamp::from_millis(START - days * DAY_MS);
    // Days of age, state.
    let deliveries = [(91, "sent"), (92, "failed"), (93, "cancelled"), (94, "delivered"), (95, "scheduled"), (96, "held"), (89, "sent")];
    for (age, state) in deliveries {
        let id = DeliveryId::derive(days_ago(age), &[state]);
        bed.delivery(id.as_str(), user, state).await;
    }
    // Days of age, and the state of the alert that is rendered from it.
    let events = [(31, None), (32, None), (33, Some("open")), (34, Some("resolved")), (35, Some("accepted")), (29, Some("resolved"))];
    for (age, alert) in events {
        let (at, id) = (days_ago(age), EventId::derive(days_ago(age), "event"));
        let (id, ms) = (id.as_str(), at.as_millis());
        bed.execute(&format!(
            "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ('{id}', '{id}', 'alert', {ms}, {ms}, 'alert:A-{age}', '{{}}')"
        ))
        .await;
        let Some(state) = alert else { continue };
        bed.execute(&format!(
            "INSERT INTO alerts (id, state, priority, summary, round, since_round, event_id, updated_at) \
             VALUES ('A-{age}', '{state}', 'HIGH', 's', 1, 1, '{id}', {ms})"
        ))
        .await;
    }
    for age in [91, 89] {
        bed.execute(&format!(
            "INSERT INTO unreachable (scope, user_id, event_id, at) VALUES ('event:{age}', {user}, 'E', {})",
            days_ago(age).as_millis()
        ))
        .await;
    }
    let count = async |table: &str| bed.number(&format!("SELECT COUNT(*) FROM {table}")).await;
    let mut left = (count("deliveries").await, count("events").await, count("alerts").await);
    let mut rounds = 0;
    for (age, at) in [(61, days_ago(61)), (62, days_ago(62)), (63, days_ago(63)), (59, days_ago(59))] {
        let ms = at.as_millis();
        bed.execute(&format!(
            "INSERT INTO dead_letters (subject, reason, detail, headers, payload, received_at, created_at) \
             VALUES ('s', 'r', 'd{age}', '[]', '', {ms}, {ms})"
        ))
        .await;
        bed.execute(&format!("INSERT INTO audit (at, action, object) VALUES ({ms}, 'a', 'o{age}')")).await;
    }
    let before = Cutoffs { deliveries: days_ago(90), events: days_ago(30), dead_letters: days_ago(60), audit: days_ago(62) };
    while bed.store.tidy(&before, 2).await.unwrap() {
        let now = (count("deliveries").await, count("events").await, count("alerts").await);
        assert!(left.0 - now.0 <= 2 && left.1 - now.1 <= 2 && left.2 - now.2 <= 2, "{left:?} {now:?}");
        left = now;
        rounds += 1;
        assert!(rounds < 10, "there is an end to it");
    }
    let found = [count("deliveries").await, count("events").await, count("alerts").await];
    // Pending ones and a younger one; what an open alert is rendered from and a younger one.
    assert_eq!(found, [3, 2, 2]);
    assert_eq!(count("unreachable").await, 1);
    assert_eq!((count("dead_letters").await, count("dead_letters WHERE detail = 'd59'").await), (1, 1));
    // One of its own for the user that was made, and two that are not older.
    assert_eq!((count("audit WHERE action = 'a'").await, count("audit WHERE object = 'o63'").await), (3, 0));
    assert_eq!(bed.number("SELECT COUNT(*) FROM deliveries WHERE state IN ('scheduled', 'held')").await, 2);
    assert_eq!(bed.number("SELECT COUNT(*) FROM alerts WHERE id IN ('A-33', 'A-29')").await, 2);
}
