//! Reading deliveries, and replaying failed ones.

use std::time::Duration;

use watchbell_core::delivery::State;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, DeliveryId, EventId, Reason, RuleId, Timestamp, UserId};
use watchbell_store::access::AuditFilter;
use watchbell_store::history::DeliveryFilter;
use watchbell_store::{Scope, StoreError};

use crate::harness::{BY, Bed, START};

on_both![
    deliveries_are_filtered_and_paged_newest_first,
    deliveries_of_an_event_are_found_when_the_event_is_deleted,
    a_delivery_that_cannot_be_read_hides_no_other_one,
    what_may_be_moving_is_the_newest_the_due_and_what_was_asked_for,
    a_delivery_is_shown_with_its_attempts,
    a_failed_delivery_is_replayed_once,
    unreachable_users_are_listed_newest_first,
];

fn id(text: &str) -> DeliveryId {
    DeliveryId(text.to_owned())
}

async fn what_may_be_moving_is_the_newest_the_due_and_what_was_asked_for(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    for (id, state) in [("D1", "scheduled"), ("D2", "sent"), ("D3", "held"), ("D4", "sent"), ("D5", "sent")] {
        bed.delivery(id, anna, state).await;
    }
    let lately = async |again: &[DeliveryId], soon| {
        let mut found: Vec<String> = bed.store.lately(again, soon, 1).await.unwrap().into_iter().map(|found| found.id.0).collect();
        found.sort();
        found
    };
    // What is held waits for a time that somebody chose: nothing is about to become of it.
    assert_eq!(lately(&[], bed.now()).await, ["D1", "D5"]);
    assert_eq!(lately(&[], bed.now().plus_ms(-1)).await, ["D5"]);
    assert_eq!(lately(&[id("D2"), id("D5"), id("D9")], bed.now()).await, ["D1", "D2", "D5"]);
    // What a worker has claimed is being sent.
    bed.execute("UPDATE ready_queue SET rank = 3 WHERE id = 'D1'").await;
    assert_eq!(lately(&[], bed.now()).await, ["D1", "D5"]);
}

async fn deliveries_are_filtered_and_paged_newest_first(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    for (id, user, state) in [("D1", anna, "sent"), ("D2", ben, "failed"), ("D3", anna, "scheduled"), ("D4", anna, "failed")] {
        bed.delivery(id, user, state).await;
        bed.clock.advance(Duration::from_mins(1));
    }
    bed.execute(
        "UPDATE deliveries SET channel = 'sms', alert_id = NULL, event_id = 'E2', scope = 'event:E2', subject = 'event:E2' WHERE id = 'D1'",
    )
    .await;
    bed.execute(
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ('E2', 'e', 'subscription', 0, 0, 'event:E2', '{}')",
    )
    .await;
    bed.execute(&format!("UPDATE deliveries SET updated_at = {} WHERE id = 'D2'", START + 500_000)).await;

    let minute = |minutes: i64| Some(Timestamp::from_millis(START).plus_s(minutes * 60));
    let all = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
    let table: [(DeliveryFilter, &[&str]); 15] = [
        (all.clone(), &["D4", "D3", "D2", "D1"]),
        (DeliveryFilter { limit: 2, ..all.clone() }, &["D4", "D3"]),
        (DeliveryFilter { limit: 0, ..all.clone() }, &[]),
        (DeliveryFilter { limit: 2, before: Some(id("D3")), ..all.clone() }, &["D2", "D1"]),
        (DeliveryFilter { user: Some(anna), ..all.clone() }, &["D4", "D3", "D1"]),
        (DeliveryFilter { user: Some(UserId(999)), ..all.clone() }, &[]),
        (DeliveryFilter { alert: Some("A-1".to_owned()), ..all.clone() }, &["D4", "D3", "D2"]),
        (DeliveryFilter { event: Some(EventId("E2".to_owned())), ..all.clone() }, &["D1"]),
        (DeliveryFilter { channel: Some(Channel::Sms), ..all.clone() }, &["D1"]),
        (DeliveryFilter { state: Some(State::Failed), ..all.clone() }, &["D4", "D2"]),
        (DeliveryFilter { state: Some(State::Failed), user: Some(ben), ..all.clone() }, &["D2"]),
        (DeliveryFilter { from: minute(1), ..all.clone() }, &["D4", "D3", "D2"]),
        (DeliveryFilter { from: minute(1), to: minute(3), ..all.clone() }, &["D3", "D2"]),
        (DeliveryFilter { changed_after: minute(2), ..all.clone() }, &["D4", "D2"]),
        (DeliveryFilter { user: Some(anna), alert: Some("A-1".to_owned()), before: Some(id("D4")), ..all }, &["D3"]),
    ];
    for (filter, expected) in table {
        let found = bed.store.deliveries(&filter).await.unwrap();
        let found: Vec<&str> = found.iter().map(|delivery| delivery.id.as_str()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

async fn deliveries_of_an_event_are_found_when_the_event_is_deleted(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let event = EventId::derive(bed.now(), "e");
    for (at, of) in [(bed.now(), &event), (bed.now(), &EventId("E1".to_owned())), (bed.now().plus_s(1), &event)] {
        let id = DeliveryId::derive(at, &[of.as_str()]);
        bed.delivery(id.as_str(), anna, "sent").await;
        bed.execute(&format!("UPDATE deliveries SET event_id = '{of}' WHERE id = '{id}'")).await;
    }
    let filter = DeliveryFilter { event: Some(event), limit: 10, ..DeliveryFilter::default() };
    // What is of another time was planned anew; that is all that is lost with the event.
    assert_eq!(bed.store.deliveries(&filter).await.unwrap().len(), 1);
}

async fn a_delivery_that_cannot_be_read_hides_no_other_one(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    for number in 1..=8 {
        bed.delivery(&format!("D{number}"), anna, "sent").await;
    }
    for (id, nonsense) in [("D7", "scope = 'nonsense'"), ("D6", "channel = 'pigeon'"), ("D4", "rules = 'none'"), ("D2", "state = 'lost'")] {
        bed.execute(&format!("UPDATE deliveries SET {nonsense} WHERE id = '{id}'")).await;
    }
    let page = async |limit: i64, before: Option<&str>| {
        let filter = DeliveryFilter { limit, before: before.map(id), ..DeliveryFilter::default() };
        let found = bed.store.deliveries(&filter).await.unwrap();
        found.into_iter().map(|delivery| delivery.id.0).collect::<Vec<_>>()
    };
    assert_eq!(page(10, None).await, ["D8", "D5", "D3", "D1"]);
    assert_eq!(page(3, None).await, ["D8", "D5", "D3"]);
    assert_eq!(page(3, Some("D8")).await, ["D5", "D3", "D1"]);
    bed.execute(&format!("INSERT INTO unreachable (scope, user_id, event_id, at) VALUES ('nonsense', {anna}, 'E1', 1)")).await;
    assert_eq!(bed.store.unreachable(10).await.unwrap(), []);
}

async fn a_delivery_is_shown_with_its_attempts(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    bed.delivery("D1", anna, "sent").await;
    for number in [2, 1] {
        let line = format!(r#"[{number},{START},"smtp","Retry","451",null,null]"#);
        bed.execute(&format!("UPDATE deliveries SET attempt_log = attempt_log || '{line}\n' WHERE id = 'D1'")).await;
    }
    let (delivery, attempts) = bed.store.delivery(&id("D1")).await.unwrap().unwrap();
    assert_eq!(delivery.scope, Scope::Alert { id: "A-1".to_owned(), round: 1 });
    assert_eq!((delivery.user_name.as_deref(), delivery.high, delivery.rules), (Some("anna"), true, vec![RuleId(7)]));
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((attempts[0].class, attempts[0].code.as_deref(), attempts[0].latency_ms), (Class::Retry, Some("451"), None));
    assert_eq!(bed.store.delivery(&id("D9")).await.unwrap(), None);
}

async fn a_failed_delivery_is_replayed_once(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    bed.delivery("D1", anna, "failed").await;
    bed.delivery("D2", anna, "cancelled").await;
    bed.execute("UPDATE deliveries SET attempts = 6, begun_at = 1").await;
    bed.clock.advance(Duration::from_mins(10));
    let wake = bed.store.wakes().watch(Channel::Email);
    assert!(bed.store.replay_delivery(BY, &id("D1")).await.unwrap());
    assert!(wake.has_changed().unwrap());
    let (delivery, _) = bed.store.delivery(&id("D1")).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.reason, delivery.attempts), (State::Scheduled, Some(Reason::Replayed), 6));
    assert_eq!((delivery.due_at, delivery.ready_at, delivery.updated_at), (bed.now(), bed.now(), bed.now()));
    assert!(!bed.store.replay_delivery(BY, &id("D1")).await.unwrap());
    assert!(!bed.store.replay_delivery(BY, &id("D2")).await.unwrap());
    assert!(matches!(bed.store.replay_delivery(BY, &id("D9")).await, Err(StoreError::NotFound("delivery"))));
    assert_eq!(bed.store.audit(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.unwrap()[0].object, "deliveries/D1");
}

async fn unreachable_users_are_listed_newest_first(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    for (event, at) in [("E1", 1_000), ("E2", 3_000), ("E3", 2_000)] {
        bed.execute(&format!("INSERT INTO unreachable (scope, user_id, event_id, at) VALUES ('event:{event}', {anna}, '{event}', {at})"))
            .await;
    }
    let event = |text: &str| EventId(text.to_owned());
    let expected = [
        (Scope::Event(event("E2")), anna, event("E2"), Timestamp::from_millis(3_000)),
        (Scope::Event(event("E3")), anna, event("E3"), Timestamp::from_millis(2_000)),
    ];
    assert_eq!(bed.store.unreachable(2).await.unwrap(), expected);
}
