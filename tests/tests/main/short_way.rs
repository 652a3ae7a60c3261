//! What is due when it is planned goes straight to a worker of the same process, without a claim.

use std::cell::Cell;

use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{on_both, wait};

on_both!(a_page_that_is_due_at_once_wakes_no_lane, a_page_for_which_there_is_no_room_is_claimed);

async fn a_page_that_is_due_at_once_wakes_no_lane(bed: &mut Bed) {
    bed.settings.set("BUNDLING__FIRST", "0").set("LIMITS__RECIPIENT__SMS", "{ calls = 100, per_s = 1 }");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    let pages = Cell::new(0);
    // The first ones may come while the lane still looks for others.
    wait::until("a page to go the short way", async || {
        let woken = bed.store().wakes().watch(Channel::Sms);
        pages.set(pages.get() + 1);
        let id = format!("A-{}", pages.get());
        bed.publish("alert", &id, &alert(&id, &[&anna])).await;
        assert_eq!(bed.outbox().len(), pages.get());
        !woken.has_changed().unwrap()
    })
    .await;
    let id = format!("A-{}", pages.get());
    let deliveries = bed.api().deliveries(&format!("alert={id}")).await;
    let delivery = bed.api().delivery(deliveries[0]["id"].as_str().unwrap()).await;
    assert_eq!((&delivery["state"], delivery["attemptLog"].as_array().unwrap().len()), (&"sent".into(), 1), "{delivery}");
}

async fn a_page_for_which_there_is_no_room_is_claimed(bed: &mut Bed) {
    bed.settings.set("PROVIDERS__TWILIO__IN_FLIGHT", "1");
    bed.start().await;
    let (anna, ben) = (Person::without_telegram(bed.api(), 1).await, Person::without_telegram(bed.api(), 2).await);
    anna.high(bed.api(), "SMS", 0).await;
    ben.high(bed.api(), "SMS", 0).await;
    let woken = bed.store().wakes().watch(Channel::Sms);
    bed.publish("alert", "1", &alert("A-1", &[&anna, &ben])).await;
    assert!(woken.has_changed().unwrap());
    assert_eq!(bed.outbox().counts().values().copied().collect::<Vec<_>>(), [1, 1]);
}
