//! Receipts that do not come, and those that say that a message did not arrive.

use std::time::Duration;

use watchbell_core::delivery::State;
use watchbell_core::ids::Epoch;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, DeliveryId, Reason};
use watchbell_store::history::Delivery;
use watchbell_store::queue::{Attempt, Call, Finished, Next, Ranks, Receipt, ReceiptOutcome};

use crate::harness::Bed;
use crate::queue::receipt;

/// One message of an open alert that its provider `p` took, and is to confirm within two minutes.
async fn sent(bed: &Bed) -> (Epoch, DeliveryId) {
    let user = bed.user("anna").await;
    bed.execute(&format!(
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ('E1', 'e1', 'subscription', 0, 0, 'event:E1', '{}')",
        r#"{"title":"t","message":"m"}"#
    ))
    .await;
    bed.execute(&format!("INSERT INTO responders (user_id, alert_id, round, base_at, event_id) VALUES ({}, 'A-1', 1, 0, 'E1')", user.id))
        .await;
    bed.delivery("01D0", user.id, "scheduled").await;
    let epoch = bed.store.open_session("test", "worker", &[Channel::Email], Duration::from_hours(1)).await.unwrap();
    let id = call(bed, epoch, "p", "M1").await;
    (epoch, id)
}

/// Claims the one delivery, calls that provider for it, which takes it.
async fn call(bed: &Bed, epoch: Epoch, provider: &str, message_id: &str) -> DeliveryId {
    let job = bed.store.claim(epoch, Channel::Email, Ranks::All, 10).await.unwrap().remove(0);
    bed.store.begin(epoch, &[Call { id: job.id.clone(), provider: provider.to_owned(), is_bundle: false }]).await.unwrap();
    let attempt = Attempt {
        number: job.attempts + 1,
        at: bed.now(),
        provider: provider.to_owned(),
        class: Class::Accepted,
        code: None,
        message_id: Some(message_id.to_owned()),
        latency_ms: Some(1),
        not_before: None,
        goes_on: false,
    };
    let end = Finished {
        id: job.id.clone(),
        is_bundle: false,
        attempt: Some(attempt),
        next: Next::Sent,
        pause: None,
        receipt_by: Some(bed.now().plus_s(120)),
    };
    assert_eq!(bed.store.finish(epoch, &[end]).await.unwrap(), std::slice::from_ref(&job.id));
    job.id
}

async fn overdue(bed: &Bed) -> Vec<(DeliveryId, u32)> {
    let all = bed.store.overdue(Channel::Email, 10).await.unwrap();
    all.into_iter().map(|one| (one.job.id, one.within_s)).collect()
}

async fn now(bed: &Bed, id: &DeliveryId) -> (Delivery, Vec<Attempt>) {
    bed.store.delivery(id).await.unwrap().unwrap()
}

fn says(id: &DeliveryId, provider: &str, message_id: &str, outcome: ReceiptOutcome) -> Receipt {
    Receipt { provider: provider.to_owned(), message_id: Some(message_id.to_owned()), outcome, ..receipt(id) }
}

async fn what_is_not_confirmed_in_time_goes_on_to_another_provider(bed: &Bed) {
    let (epoch, id) = sent(bed).await;
    assert_eq!(bed.store.next_overdue(&[Channel::Sms]).await.unwrap(), None);
    assert_eq!(bed.store.next_overdue(&[Channel::Sms, Channel::Email]).await.unwrap(), Some(bed.now().plus_s(120)));
    assert!(overdue(bed).await.is_empty());
    bed.clock.advance(Duration::from_mins(2));
    // Each is answered until it is settled: nobody has to live through it.
    for _ in 0..2 {
        assert_eq!(overdue(bed).await, [(id.clone(), 120)]);
    }
    let reason = Reason::NoReceipt { within_s: 120 };
    let wake = bed.store.wakes().watch(Channel::Email);
    // Two processes may settle the same.
    for _ in 0..2 {
        bed.store.settle_overdue(vec![(id.clone(), Some(reason.clone()))]).await.unwrap();
    }
    assert!(wake.has_changed().unwrap());
    let (delivery, attempts) = now(bed, &id).await;
    assert_eq!((delivery.state, delivery.reason), (State::Scheduled, Some(Reason::PassedOn { after: reason.boxed() })));
    assert!(attempts.len() == 1 && attempts[0].took_and_was_passed_on());
    assert_eq!(bed.store.next_overdue(&[Channel::Email]).await.unwrap(), None);
    // A loss that the first one tells now is nothing new; what the second one says counts.
    call(bed, epoch, "q", "M2").await;
    let said = vec![says(&id, "p", "M1", ReceiptOutcome::BadAddress), says(&id, "p", "M9", ReceiptOutcome::Delivered)];
    assert_eq!(bed.store.receipts(said).await.unwrap(), [true, false]);
    assert_eq!(now(bed, &id).await.0.state, State::Sent);
    assert_eq!(bed.number("SELECT count(*) FROM contacts WHERE status <> 'OK'").await, 0);
    bed.store.receipts(vec![says(&id, "q", "M2", ReceiptOutcome::Read)]).await.unwrap();
    let (delivery, _) = now(bed, &id).await;
    let receipts: Vec<_> = delivery.receipts.iter().map(|one| (one.provider.as_str(), one.outcome)).collect();
    assert_eq!(receipts, [("p", ReceiptOutcome::BadAddress), ("q", ReceiptOutcome::Read)]);
    assert_eq!(delivery.state, State::Delivered);
}

async fn what_arrived_after_all_is_not_sent_again(bed: &Bed) {
    let (epoch, id) = sent(bed).await;
    bed.clock.advance(Duration::from_mins(2));
    bed.store.settle_overdue(vec![(id.clone(), Some(Reason::NoReceipt { within_s: 120 }))]).await.unwrap();
    assert_eq!(bed.store.receipts(vec![says(&id, "p", "M1", ReceiptOutcome::Delivered)]).await.unwrap(), [true]);
    assert_eq!(now(bed, &id).await.0.state, State::Delivered);
    assert!(bed.store.claim(epoch, Channel::Email, Ranks::All, 10).await.unwrap().is_empty());
    assert_eq!(bed.number("SELECT count(*) FROM ready_queue").await, 0);
}

async fn nobody_waits_for_what_is_not_needed_any_more(bed: &Bed) {
    let (_, id) = sent(bed).await;
    bed.clock.advance(Duration::from_mins(2));
    bed.execute("DELETE FROM responders").await;
    // The alert was accepted between the look and the move, or before the look.
    bed.store.settle_overdue(vec![(id.clone(), Some(Reason::NoReceipt { within_s: 120 }))]).await.unwrap();
    assert_eq!(now(bed, &id).await.0.state, State::Sent);
    bed.execute("INSERT INTO awaited_receipts (id, channel, due_at) VALUES ('01D0', 'email', 0), ('gone', 'email', 0)").await;
    assert!(overdue(bed).await.is_empty());
    assert_eq!(bed.number("SELECT count(*) FROM awaited_receipts").await, 0);
}

async fn what_did_not_arrive_for_a_passing_reason_goes_on_to_another_provider(bed: &Bed) {
    let (epoch, id) = sent(bed).await;
    bed.store.receipts(vec![says(&id, "p", "M1", ReceiptOutcome::TryAgain)]).await.unwrap();
    let (delivery, attempts) = now(bed, &id).await;
    assert_eq!((delivery.state, delivery.ready_at), (State::Scheduled, bed.now()));
    assert!(attempts[0].took_and_was_passed_on());
    // Nobody else takes it, says the worker.
    let job = bed.store.claim(epoch, Channel::Email, Ranks::All, 10).await.unwrap().remove(0);
    let next = Next::Undelivered { reason: Reason::NoOtherProvider };
    let end = Finished { id: job.id.clone(), is_bundle: false, attempt: None, next, pause: None, receipt_by: None };
    bed.store.finish(epoch, &[end]).await.unwrap();
    assert_eq!(now(bed, &id).await.0.state, State::Undelivered);
    assert_eq!(bed.number("SELECT count(*) FROM unreachable").await, 1, "that is a final failure");
    assert_eq!(bed.number("SELECT count(*) FROM ready_queue").await, 0);
}

async fn a_loss_that_overtakes_the_answer_to_its_call_is_final(bed: &Bed) {
    let (epoch, id) = sent(bed).await;
    bed.execute("UPDATE deliveries SET state = 'scheduled', attempt_log = '', attempts = 0").await;
    bed.queue_anew().await;
    let job = bed.store.claim(epoch, Channel::Email, Ranks::All, 10).await.unwrap().remove(0);
    bed.store.begin(epoch, &[Call { id: job.id.clone(), provider: "p".to_owned(), is_bundle: false }]).await.unwrap();
    bed.store.receipts(vec![says(&id, "p", "M7", ReceiptOutcome::TryAgain)]).await.unwrap();
    assert_eq!(now(bed, &id).await.0.state, State::Undelivered);
    let end = Finished { id: job.id, is_bundle: false, attempt: None, next: Next::Sent, pause: None, receipt_by: None };
    bed.store.finish(epoch, &[end]).await.unwrap();
    assert_eq!(now(bed, &id).await.0.state, State::Undelivered, "what was heard is not forgotten");
}

on_both!(
    what_is_not_confirmed_in_time_goes_on_to_another_provider,
    what_arrived_after_all_is_not_sent_again,
    nobody_waits_for_what_is_not_needed_any_more,
    what_did_not_arrive_for_a_passing_reason_goes_on_to_another_provider,
    a_loss_that_overtakes_the_answer_to_its_call_is_final,
);
