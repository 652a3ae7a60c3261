//! Test messages to contacts.

use std::time::Duration;

use watchbell_core::contact::{Contact, ContactKind};
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::{Channel, UserId};
use watchbell_store::StoreError;

use crate::contacts::contact;
use crate::harness::{BY, Bed};

async fn phone(bed: &Bed, name: &str) -> (UserId, Contact) {
    let user = bed.user(name).await.id;
    (user, bed.store.create_contact(BY, user, contact(ContactKind::Phone, "+4915112345678")).await.unwrap())
}

fn waits(result: Result<impl std::fmt::Debug, StoreError>) -> (&'static str, i64) {
    match result {
        Err(StoreError::TooManyTests { per, retry_s, .. }) => (per, retry_s),
        other => panic!("{other:?}"),
    }
}

async fn a_test_goes_the_way_of_every_message(bed: &Bed) {
    let (user, phone) = phone(bed, "anna").await;
    let wake = bed.store.wakes().watch(Channel::Voice);
    let id = bed.store.send_test(BY, user, phone.id, Channel::Voice).await.unwrap();
    assert!(wake.has_changed().unwrap());
    let (delivery, _) = bed.store.delivery(&id).await.unwrap().unwrap();
    assert_eq!((delivery.purpose, delivery.channel, delivery.state), (Purpose::Test, Channel::Voice, State::Scheduled));
    assert_eq!((delivery.contact_id, delivery.due_at), (Some(phone.id), bed.now()));
    // A change of the user is no reason to take it back.
    bed.store.create_contact(BY, user, contact(ContactKind::Email, "anna@example.org")).await.unwrap();
    assert_eq!(bed.store.delivery(&id).await.unwrap().unwrap().0.state, State::Scheduled);
    assert_eq!(bed.number("SELECT count(*) FROM audit WHERE action = 'contact.test'").await, 1);
    let nobody = bed.user("ben").await.id;
    assert!(matches!(bed.store.send_test(BY, nobody, phone.id, Channel::Sms).await, Err(StoreError::NotFound("contact"))));
}

async fn an_address_is_tried_so_often_whoever_has_it(bed: &Bed) {
    let (anna, of_anna) = phone(bed, "anna").await;
    let (ben, of_ben) = phone(bed, "ben").await;
    bed.store.send_test(BY, anna, of_anna.id, Channel::Sms).await.unwrap();
    bed.clock.advance(Duration::from_secs(20));
    // Neither the channel nor the user makes it another address.
    assert_eq!(waits(bed.store.send_test(BY, anna, of_anna.id, Channel::Voice).await), ("minute", 40));
    assert_eq!(waits(bed.store.send_test(BY, ben, of_ben.id, Channel::Sms).await), ("minute", 40));
    for _ in 1..10 {
        bed.clock.advance(Duration::from_mins(1));
        bed.store.send_test(BY, ben, of_ben.id, Channel::Sms).await.unwrap();
    }
    bed.clock.advance(Duration::from_mins(1));
    let (per, retry_s) = waits(bed.store.send_test(BY, anna, of_anna.id, Channel::Sms).await);
    assert!(per == "day" && retry_s > 23 * 3_600, "{retry_s}");
    bed.clock.advance(Duration::from_hours(24));
    bed.store.send_test(BY, anna, of_anna.id, Channel::Sms).await.unwrap();
}

on_both!(a_test_goes_the_way_of_every_message, an_address_is_tried_so_often_whoever_has_it);
