//! Explaining takes nothing that others wait for.

use std::time::Duration;

use watchbell_core::contact::ContactKind;
use watchbell_core::event::{Event, EventData, Occurrence, Original, SubscriptionData};

use crate::contacts::contact;
use crate::harness::{BY, Bed};
use watchbell_store::inline::NoInlineDispatch;

on_both![an_event_is_explained_while_everything_is_locked, only_the_asked_user_is_planned_for];

fn news(bed: &Bed, users: &[&str]) -> Event {
    let data = SubscriptionData {
        title: "x".to_owned(),
        message: "y".to_owned(),
        users: users.iter().map(|user| (*user).to_owned()).collect(),
        ..SubscriptionData::default()
    };
    Event {
        identity: "ce:1:s:1".to_owned(),
        occurrence: Occurrence { source: "s".to_owned(), time: None, received_at: bed.now(), sequence: 0 },
        data: EventData::Subscription(data),
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original::default(),
    }
}

async fn an_event_is_explained_while_everything_is_locked(bed: &Bed) {
    let anna = bed.user("anna").await;
    bed.store.create_contact(BY, anna.id, contact(ContactKind::Email, "anna@example.org")).await.unwrap();
    let before = bed.number("SELECT (SELECT COUNT(*) FROM events) + (SELECT COUNT(*) FROM deliveries)").await;
    if bed.is_sqlite() {
        bed.execute("BEGIN IMMEDIATE").await;
    } else {
        // Whoever writes or locks a row of these waits from now on.
        bed.execute("BEGIN").await;
        bed.execute("LOCK TABLE users, contacts, alerts, events, deliveries, ready_queue IN EXCLUSIVE MODE").await;
    }
    let explained = bed.store.explain(news(bed, &[&anna.public_id]), anna.id);
    let (accepted, planned) = tokio::time::timeout(Duration::from_secs(5), explained).await.expect("it waits for a lock").unwrap();
    assert_eq!((planned.len(), accepted.problems.len()), (1, 0), "{planned:?}");
    bed.execute("ROLLBACK").await;
    let after = bed.number("SELECT (SELECT COUNT(*) FROM events) + (SELECT COUNT(*) FROM deliveries)").await;
    assert_eq!(before, after);
}

async fn only_the_asked_user_is_planned_for(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await, bed.user("ben").await);
    for user in [&anna, &ben] {
        let email = format!("{}@example.org", user.username);
        bed.store.create_contact(BY, user.id, contact(ContactKind::Email, &email)).await.unwrap();
    }
    let event = news(bed, &[&anna.id.to_string(), &ben.public_id, "nobody"]);
    let (accepted, planned) = bed.store.explain(event.clone(), ben.id).await.unwrap();
    let of: Vec<_> = planned.iter().map(|planned| planned.user_id).collect();
    assert_eq!((of, accepted.planned), (vec![ben.id], 1));
    bed.store.accept(&[event], None, &NoInlineDispatch).await.unwrap();
    assert_eq!(bed.number("SELECT COUNT(*) FROM deliveries").await, 2);
}
