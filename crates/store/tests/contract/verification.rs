//! Verifying contacts.

use std::time::Duration;

use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::{Channel, Secret, UserId};
use watchbell_store::directory::NewContact;
use watchbell_store::history::{Delivery, DeliveryFilter};
use watchbell_store::{StoreError, VerificationError};

use crate::contacts::contact;
use crate::harness::{BY, Bed};

on_both![
    the_right_code_makes_a_contact_ok,
    a_code_goes_out_once_a_minute_and_replaces_the_last,
    five_wrong_tries_use_a_code_up,
    a_code_lives_fifteen_minutes,
    another_address_makes_the_code_void,
    only_a_locked_contact_is_sent_a_code,
];

async fn locked(bed: &Bed, kind: ContactKind, target: &str) -> (UserId, Contact) {
    let user = bed.user("anna").await.id;
    let new = NewContact { status: ContactStatus::Locked, ..contact(kind, target) };
    (user, bed.store.create_contact(BY, user, new).await.unwrap())
}

async fn sent(bed: &Bed) -> Vec<Delivery> {
    bed.store.deliveries(&DeliveryFilter { limit: 10, ..DeliveryFilter::default() }).await.unwrap()
}

fn why(result: Result<impl std::fmt::Debug, StoreError>) -> VerificationError {
    match result {
        Err(StoreError::Verification(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn the_right_code_makes_a_contact_ok(bed: &Bed) {
    let (user, phone) = locked(bed, ContactKind::Phone, "+4915112345678").await;
    assert_eq!(why(bed.store.confirm_verification(BY, user, phone.id, "123456").await), VerificationError::NotStarted);
    let wake = bed.store.wakes().watch(Channel::Sms);
    let until = bed.store.start_verification(BY, user, phone.id, Secret::new("123456")).await.unwrap();
    assert_eq!(until, bed.now().plus_s(900));
    assert!(wake.has_changed().unwrap());

    let sent = sent(bed).await;
    let [delivery] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((delivery.purpose, delivery.channel, delivery.state), (Purpose::Verification, Channel::Sms, State::Scheduled));
    assert_eq!((delivery.contact_id, delivery.address.as_str(), delivery.due_at), (Some(phone.id), "+49…5678", bed.now()));
    assert!(!delivery.high && delivery.rules.is_empty());
    let hash_like_code = "SELECT COUNT(*) FROM verifications WHERE code_hash LIKE '%123456%'";
    assert_eq!(bed.number(hash_like_code).await, 0);

    assert_eq!(why(bed.store.confirm_verification(BY, user, phone.id, "654321").await), VerificationError::Wrong { tries_left: 4 });
    let confirmed = bed.store.confirm_verification(BY, user, phone.id, "123456").await.unwrap();
    assert_eq!(confirmed, Contact { status: ContactStatus::Ok, ..phone.clone() });
    assert_eq!(why(bed.store.confirm_verification(BY, user, phone.id, "123456").await), VerificationError::AlreadyOk);
}

async fn a_code_goes_out_once_a_minute_and_replaces_the_last(bed: &Bed) {
    let (user, email) = locked(bed, ContactKind::Email, "anna@example.org").await;
    bed.store.start_verification(BY, user, email.id, Secret::new("111111")).await.unwrap();
    bed.clock.advance(Duration::from_millis(59_001));
    let again = bed.store.start_verification(BY, user, email.id, Secret::new("222222")).await;
    assert_eq!(why(again), VerificationError::TooSoon { retry_s: 1 });
    bed.clock.advance(Duration::from_millis(999));
    bed.store.start_verification(BY, user, email.id, Secret::new("333333")).await.unwrap();
    let states: Vec<State> = sent(bed).await.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [State::Scheduled, State::Cancelled]);
    assert_eq!(why(bed.store.confirm_verification(BY, user, email.id, "111111").await), VerificationError::Wrong { tries_left: 4 });
    bed.store.confirm_verification(BY, user, email.id, "333333").await.unwrap();
}

async fn five_wrong_tries_use_a_code_up(bed: &Bed) {
    let (user, email) = locked(bed, ContactKind::Email, "anna@example.org").await;
    bed.store.start_verification(BY, user, email.id, Secret::new("111111")).await.unwrap();
    for tries_left in (0..5).rev() {
        let wrong = bed.store.confirm_verification(BY, user, email.id, "999999").await;
        assert_eq!(why(wrong), VerificationError::Wrong { tries_left });
    }
    assert_eq!(why(bed.store.confirm_verification(BY, user, email.id, "111111").await), VerificationError::Exhausted);
    bed.clock.advance(Duration::from_mins(1));
    bed.store.start_verification(BY, user, email.id, Secret::new("222222")).await.unwrap();
    bed.store.confirm_verification(BY, user, email.id, "222222").await.unwrap();
}

async fn a_code_lives_fifteen_minutes(bed: &Bed) {
    let (user, email) = locked(bed, ContactKind::Email, "anna@example.org").await;
    bed.store.start_verification(BY, user, email.id, Secret::new("111111")).await.unwrap();
    bed.clock.advance(Duration::from_mins(15));
    assert_eq!(why(bed.store.confirm_verification(BY, user, email.id, "111111").await), VerificationError::Expired);
}

/// Otherwise a code that went to one's own address would open somebody else's.
async fn another_address_makes_the_code_void(bed: &Bed) {
    let (user, email) = locked(bed, ContactKind::Email, "anna@example.org").await;
    bed.store.start_verification(BY, user, email.id, Secret::new("111111")).await.unwrap();
    let new = NewContact { status: ContactStatus::Locked, ..contact(ContactKind::Email, "victim@example.org") };
    bed.store.replace_contact(BY, user, email.id, new).await.unwrap();
    assert_eq!(why(bed.store.confirm_verification(BY, user, email.id, "111111").await), VerificationError::NotStarted);
    assert_eq!(sent(bed).await[0].state, State::Cancelled);
    // Nor does it let codes go out faster.
    let again = bed.store.start_verification(BY, user, email.id, Secret::new("222222")).await;
    assert_eq!(why(again), VerificationError::TooSoon { retry_s: 60 });
}

async fn only_a_locked_contact_is_sent_a_code(bed: &Bed) {
    let (user, email) = locked(bed, ContactKind::Email, "anna@example.org").await;
    let start = async || bed.store.start_verification(BY, user, email.id, Secret::new("111111")).await;
    bed.store.set_contact_status(BY, user, email.id, ContactStatus::Ok).await.unwrap();
    assert_eq!(why(start().await), VerificationError::AlreadyOk);
    bed.store.set_contact_status(BY, user, email.id, ContactStatus::Blacklisted).await.unwrap();
    assert!(matches!(start().await, Err(StoreError::UnfitContact("blacklisted"))));
    let ben = bed.user("ben").await.id;
    let foreign = bed.store.start_verification(BY, ben, email.id, Secret::new("111111")).await;
    assert!(matches!(foreign, Err(StoreError::NotFound("contact"))));
    assert_eq!(sent(bed).await, []);
}
