//! Leases: who may call a provider, and what becomes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use watchbell_core::event::{AlertData, Event, EventData, Occurrence, Original, Priority, SubscriptionData, UpdateData, UpdateStatus};
use watchbell_core::ids::Epoch;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, DeliveryId, Reason};
use watchbell_store::StoreError;
use watchbell_store::queue::{AddressFate, Attempt, Call, Finished, HeldLeases, Next, Ranks, Receipt, ReceiptOutcome};

use crate::harness::Bed;

/// One event of some kinds, with nobody in it.
pub fn events(bed: &Bed) -> Vec<Event> {
    let event = |identity: &str, data| Event {
        identity: identity.to_owned(),
        occurrence: Occurrence { source: "test".to_owned(), time: None, received_at: bed.now(), sequence: 0 },
        data,
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original::default(),
    };
    let alert = AlertData {
        alert_id: "A-1".to_owned(),
        priority: Some(Priority::High),
        summary: "s".to_owned(),
        responders: vec!["1".to_owned(), "nobody".to_owned()],
        ..AlertData::default()
    };
    let update = UpdateData {
        alert_id: "A-1".to_owned(),
        status: UpdateStatus::Accepted,
        actor: None,
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        answer: None,
        follow_up: None,
        url: None,
    };
    let news =
        SubscriptionData { title: "t".to_owned(), message: "m".to_owned(), users: vec!["1".to_owned()], ..SubscriptionData::default() };
    vec![event("alert", EventData::Alert(alert)), event("update", EventData::Update(update)), event("news", EventData::Subscription(news))]
}

const LEASE: Duration = Duration::from_secs(6);

async fn enter(bed: &Bed) -> Epoch {
    bed.store.open_session("test", "worker", &[Channel::Email], LEASE).await.unwrap()
}

/// Ready deliveries with ids `01D0`, `01D1`, ….
async fn ready(bed: &Bed, count: usize) {
    let user = bed.user("anna").await;
    bed.execute(&format!(
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ('E1', 'e1', 'subscription', 0, 0, 'event:E1', '{}')",
        r#"{"title":"t","message":"m"}"#
    ))
    .await;
    for n in 0..count {
        bed.delivery(&format!("01D{n}"), user.id, "scheduled").await;
    }
}

fn call(id: &DeliveryId) -> Call {
    Call { id: id.clone(), provider: "p".to_owned(), is_bundle: false }
}

async fn claim(bed: &Bed, epoch: Epoch, most: i64) -> Vec<DeliveryId> {
    bed.store.claim(epoch, Channel::Email, Ranks::All, most).await.unwrap().into_iter().map(|job| job.id).collect()
}

async fn begin(bed: &Bed, epoch: Epoch, ids: &[DeliveryId]) -> BTreeSet<DeliveryId> {
    let calls: Vec<Call> = ids.iter().map(call).collect();
    bed.store.begin(epoch, &calls).await.unwrap().into_iter().collect()
}

async fn two_workers_never_claim_the_same(bed: &Bed) {
    ready(bed, 20).await;
    let one = enter(bed).await;
    // SQLite has one process; its claims do not get into each other's way either.
    let other = if bed.is_sqlite() { one } else { enter(bed).await };
    let (a, b) = tokio::join!(claim(bed, one, 12), claim(bed, other, 12));
    let rest = claim(bed, one, 20).await;
    let all: BTreeSet<_> = a.iter().chain(&b).chain(&rest).collect();
    assert_eq!(all.len(), 20);
    assert_eq!(a.len() + b.len() + rest.len(), 20);
}

async fn what_was_cancelled_after_the_claim_is_not_begun(bed: &Bed) {
    ready(bed, 2).await;
    let epoch = enter(bed).await;
    let ids = claim(bed, epoch, 10).await;
    bed.execute("UPDATE deliveries SET state = 'cancelled', lease = NULL WHERE id = '01D0'").await;
    assert_eq!(begin(bed, epoch, &ids).await, BTreeSet::from([DeliveryId("01D1".to_owned())]));
}

async fn a_process_that_stood_still_begins_nothing_that_another_took(bed: &Bed) {
    ready(bed, 3).await;
    let frozen = enter(bed).await;
    let ids = claim(bed, frozen, 10).await;
    assert_eq!(ids.len(), 3);
    begin(bed, frozen, &ids[..1]).await;
    bed.clock.advance(std::time::Duration::from_secs(7));
    // Even before anybody noticed, its life has ended.
    assert!(begin(bed, frozen, &ids[1..2]).await.is_empty());
    let other = enter(bed).await;
    if !bed.is_sqlite() {
        assert!(bed.store.heartbeat(other, LEASE, &[]).await.unwrap().is_alive);
        bed.store.reap(other, &HeldLeases::default(), bed.now()).await.unwrap();
    }
    let taken: BTreeSet<_> = claim(bed, other, 10).await.into_iter().collect();
    assert_eq!(taken, ids.iter().cloned().collect());
    assert!(begin(bed, frozen, &ids).await.is_empty());
    assert!(matches!(bed.store.claim(frozen, Channel::Email, Ranks::All, 10).await, Err(StoreError::Lapsed)));
    assert!(!bed.store.heartbeat(frozen, LEASE, &[]).await.unwrap().is_alive);
    // What had begun may have gone out, and says so.
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE attempt_log LIKE '%Unknown%'").await, 1);
    // Its late answer does not touch what is another's now.
    let late = Finished { id: ids[0].clone(), is_bundle: false, attempt: None, next: Next::Sent, pause: None, receipt_by: None };
    assert!(bed.store.finish(frozen, &[late]).await.unwrap().is_empty());
}

async fn a_process_that_ends_in_order_gives_back_what_it_had_not_begun(bed: &Bed) {
    ready(bed, 2).await;
    let one = enter(bed).await;
    assert_eq!(claim(bed, one, 10).await.len(), 2);
    bed.store.close_session(one).await.unwrap();
    let other = enter(bed).await;
    assert_eq!(claim(bed, other, 10).await.len(), 2);
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE attempt_log <> ''").await, 0);
}

async fn a_receipt_that_overtakes_the_answer_is_kept(bed: &Bed) {
    ready(bed, 1).await;
    let epoch = enter(bed).await;
    let ids = claim(bed, epoch, 1).await;
    begin(bed, epoch, &ids).await;
    let receipt = |outcome| Receipt { outcome, ..receipt(&ids[0]) };
    assert_eq!(bed.store.receipts(vec![receipt(ReceiptOutcome::Delivered)]).await.unwrap(), [true]);
    let end = Finished { id: ids[0].clone(), is_bundle: false, attempt: None, next: Next::Sent, pause: None, receipt_by: None };
    assert_eq!(bed.store.finish(epoch, &[end]).await.unwrap(), ids);
    // Receipts come in any order; what arrived has arrived.
    bed.store.receipts(vec![receipt(ReceiptOutcome::Undelivered)]).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE state = 'delivered'").await, 1);
}

/// The delivery arrived, says the provider that was called for it.
pub fn receipt(id: &DeliveryId) -> Receipt {
    Receipt {
        delivery: id.clone(),
        provider: call(id).provider,
        channels: &[Channel::Email],
        message_id: None,
        outcome: ReceiptOutcome::Delivered,
        code: None,
    }
}

async fn a_receipt_of_anybody_else_changes_nothing(bed: &Bed) {
    ready(bed, 2).await;
    let epoch = enter(bed).await;
    let ids = claim(bed, epoch, 2).await;
    begin(bed, epoch, &ids).await;
    let attempt = |number, message_id: &str| Attempt {
        number,
        at: bed.now(),
        provider: call(&ids[0]).provider,
        class: Class::Accepted,
        code: None,
        message_id: Some(message_id.to_owned()),
        latency_ms: Some(1),
        goes_on: false,
        not_before: None,
    };
    let end =
        Finished { id: ids[0].clone(), is_bundle: false, attempt: Some(attempt(1, "M1")), next: Next::Sent, pause: None, receipt_by: None };
    bed.store.finish(epoch, &[end]).await.unwrap();
    let own = || Receipt { outcome: ReceiptOutcome::BadAddress, message_id: Some("M1".to_owned()), ..receipt(&ids[0]) };
    let others = vec![
        Receipt { provider: "another".to_owned(), ..own() },
        Receipt { channels: &[Channel::Voice, Channel::Sms], ..own() },
        Receipt { message_id: Some("M2".to_owned()), ..own() },
        // In flight: its id is not known yet, but its provider and channel are.
        Receipt { provider: "another".to_owned(), ..receipt(&ids[1]) },
        Receipt { channels: &[Channel::Voice], ..receipt(&ids[1]) },
        Receipt { delivery: DeliveryId("none".to_owned()), ..own() },
    ];
    assert_eq!(bed.store.receipts(others).await.unwrap(), [false; 6]);
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE state IN ('sent', 'sending')").await, 2);
    assert_eq!(bed.number("SELECT count(*) FROM contacts WHERE status <> 'OK'").await, 0);
    let theirs = vec![own(), Receipt { message_id: Some("M9".to_owned()), ..receipt(&ids[1]) }];
    assert_eq!(bed.store.receipts(theirs).await.unwrap(), [true, true]);
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE state IN ('undelivered', 'delivered')").await, 2);
}

async fn the_end_of_an_attempt_is_written_once(bed: &Bed) {
    ready(bed, 1).await;
    let epoch = enter(bed).await;
    let ids = claim(bed, epoch, 1).await;
    begin(bed, epoch, &ids).await;
    let end = || Finished {
        id: ids[0].clone(),
        is_bundle: false,
        attempt: None,
        next: Next::Failed { reason: Reason::BadMessage { code: None }, address: AddressFate::Keep },
        pause: None,
        receipt_by: None,
    };
    assert_eq!(bed.store.finish(epoch, &[end()]).await.unwrap().len(), 1);
    assert!(bed.store.finish(epoch, &[end()]).await.unwrap().is_empty());
    assert_eq!(bed.number("SELECT count(*) FROM unreachable").await, 1);
}

async fn a_storm_of_high_alerts_leaves_a_part_for_the_rest(bed: &Bed) {
    ready(bed, 40).await;
    bed.execute("UPDATE deliveries SET rank = 1 WHERE id IN ('01D7', '01D8')").await;
    bed.queue_anew().await;
    let epoch = enter(bed).await;
    let first: Vec<String> = claim(bed, epoch, 20).await.into_iter().map(|id| id.0).collect();
    assert_eq!(first.len(), 20);
    assert!(first.contains(&"01D7".to_owned()) && first.contains(&"01D8".to_owned()));
}

on_both![
    two_workers_never_claim_the_same,
    what_was_cancelled_after_the_claim_is_not_begun,
    a_process_that_stood_still_begins_nothing_that_another_took,
    a_process_that_ends_in_order_gives_back_what_it_had_not_begun,
    a_receipt_that_overtakes_the_answer_is_kept,
    a_receipt_of_anybody_else_changes_nothing,
    the_end_of_an_attempt_is_written_once,
    a_storm_of_high_alerts_leaves_a_part_for_the_rest,
];
