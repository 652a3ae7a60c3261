//! Verifying contacts.

use std::time::Duration;

use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::{Channel, Reason, Secret, UserId};
use watchbell_store::directory::NewContact;
use watchbell_store::history::{Delivery, DeliveryFilter};
use watchbell_store::queue::{Call, Finished, Next, Ranks};
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
    an_address_is_written_to_so_often_whoever_claims_it,
    of_two_who_ask_for_a_code_to_one_address_at_once_one_gets_it,
    a_user_is_sent_so_many_codes_and_all_users_together_are,
    codes_are_longer_and_tries_end_where_somebody_guesses,
    a_code_is_kept_no_longer_than_it_is_needed,
    a_user_who_has_an_email_keeps_it_when_another_proves_it,
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

async fn claimed(bed: &Bed, user: UserId, kind: ContactKind, target: &str) -> Contact {
    let new = NewContact { status: ContactStatus::Locked, ..contact(kind, target) };
    bed.store.create_contact(BY, user, new).await.unwrap()
}

/// Neither a contact that is made again nor another user begins anew.
async fn an_address_is_written_to_so_often_whoever_claims_it(bed: &Bed) {
    let most = bed.options.verification.codes_per_target;
    for at in 0..most {
        let user = bed.user(&format!("user-{at}")).await.id;
        let phone = claimed(bed, user, ContactKind::Phone, "+4915112345678").await;
        bed.store.start_verification(BY, user, phone.id, Secret::new("12345678")).await.unwrap();
        bed.store.delete_contact(BY, user, None, phone.id, true).await.unwrap();
        let again = claimed(bed, user, ContactKind::Phone, "+4915112345678").await;
        let too_soon = bed.store.start_verification(BY, user, again.id, Secret::new("12345678")).await;
        assert_eq!(why(too_soon), VerificationError::TooSoon { retry_s: 60 });
        bed.store.delete_user(BY, user).await.unwrap();
        bed.clock.advance(Duration::from_mins(1));
    }
    let user = bed.user("late").await.id;
    let phone = claimed(bed, user, ContactKind::Phone, "+4915112345678").await;
    let refused = bed.store.start_verification(BY, user, phone.id, Secret::new("12345678")).await;
    let retry_s = 24 * 3_600 - most * 60;
    assert_eq!(why(refused), VerificationError::OutOfCodes { whose: "this address", retry_s });
    let other = claimed(bed, user, ContactKind::Phone, "+4915112345679").await;
    bed.store.start_verification(BY, user, other.id, Secret::new("12345678")).await.unwrap();
    bed.clock.advance(Duration::from_secs(retry_s.unsigned_abs()));
    bed.store.start_verification(BY, user, phone.id, Secret::new("12345678")).await.unwrap();
}

async fn of_two_who_ask_for_a_code_to_one_address_at_once_one_gets_it(bed: &Bed) {
    let mut tries = Vec::new();
    for name in ["anna", "ben", "cleo"] {
        let user = bed.user(name).await.id;
        let email = claimed(bed, user, ContactKind::Email, &format!("{name}@example.org")).await;
        // The same mailbox, spelt in another way each time.
        bed.execute(&format!("UPDATE contacts SET target = '{}@example.org' WHERE id = {}", ["One", "oNe", "onE"][tries.len()], email.id))
            .await;
        let store = bed.store.clone();
        tries.push(tokio::spawn(async move { store.start_verification(BY, user, email.id, Secret::new("12345678")).await }));
    }
    let mut sent = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => sent += 1,
            refused => assert_eq!(why(refused), VerificationError::TooSoon { retry_s: 60 }),
        }
    }
    assert_eq!(sent, 1);
}

async fn a_user_is_sent_so_many_codes_and_all_users_together_are(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let ask = async |user: UserId, at: i64| {
        let phone = claimed(bed, user, ContactKind::Phone, &format!("+49151{at:08}")).await;
        bed.store.start_verification(BY, user, phone.id, Secret::new("12345678")).await
    };
    let limits = &bed.options.verification;
    for at in 0..limits.codes_per_user {
        ask(anna, at).await.unwrap();
    }
    let day = 24 * 3_600;
    assert_eq!(why(ask(anna, 90).await), VerificationError::OutOfCodes { whose: "this user", retry_s: day });
    ask(ben, 91).await.unwrap();
    bed.execute(&format!("UPDATE verification_budgets SET codes = {} WHERE scope = 'all'", limits.codes_in_all)).await;
    assert_eq!(why(ask(ben, 92).await), VerificationError::OutOfCodes { whose: "all users together", retry_s: day });
    bed.clock.advance(Duration::from_secs(day.unsigned_abs()));
    ask(ben, 93).await.unwrap();
}

async fn codes_are_longer_and_tries_end_where_somebody_guesses(bed: &Bed) {
    let user = bed.user("mallory").await.id;
    let wrong = async |contact: &Contact| why(bed.store.confirm_verification(BY, user, contact.id, "000000").await);
    let mut email = claimed(bed, user, ContactKind::Email, "victim@example.org").await;
    for tried in 0..bed.options.verification.wrong_per_user {
        if tried % 5 == 0 {
            bed.store.delete_contact(BY, user, None, email.id, true).await.unwrap();
            email = claimed(bed, user, ContactKind::Email, "victim@example.org").await;
            bed.store.start_verification(BY, user, email.id, Secret::new("12345678")).await.unwrap();
            bed.clock.advance(Duration::from_mins(1));
        }
        assert_eq!(wrong(&email).await, VerificationError::Wrong { tries_left: 4 - tried % 5 });
    }
    let retry_s = 24 * 3_600 - 6 * 60;
    let right = bed.store.confirm_verification(BY, user, email.id, "12345678").await;
    assert_eq!(why(right), VerificationError::OutOfTries { retry_s });
    // Whoever else has the address is not kept from proving it, with a longer code.
    let owner = bed.user("owner").await.id;
    let own = claimed(bed, owner, ContactKind::Email, "victim@example.org").await;
    bed.store.start_verification(BY, owner, own.id, Secret::new("12345678")).await.unwrap();
    let short = bed.store.confirm_verification(BY, owner, own.id, "123456").await;
    assert_eq!(why(short), VerificationError::Wrong { tries_left: 4 });
    assert_eq!(bed.store.confirm_verification(BY, owner, own.id, "12345678").await.unwrap().status, ContactStatus::Ok);
}

async fn a_code_is_kept_no_longer_than_it_is_needed(bed: &Bed) {
    let kept = async || bed.number("SELECT COUNT(*) FROM events WHERE data LIKE '%123456%'").await;
    let (user, email) = locked(bed, ContactKind::Email, "anna@example.org").await;
    bed.store.start_verification(BY, user, email.id, Secret::new("12345678")).await.unwrap();
    assert_eq!(bed.number("SELECT COUNT(*) FROM events WHERE data LIKE '%12345678%'").await, 0, "six digits are enough");
    assert_eq!(kept().await, 1, "its message has not gone out");
    // It waits to be tried again, and then it is out.
    let epoch = bed.store.open_session("test", "worker", &[Channel::Email], std::time::Duration::from_hours(1)).await.unwrap();
    let again = Next::Retry { at: bed.now(), reason: Reason::PassingFault { code: None } };
    for (next, rest) in [(again, 1), (Next::Sent, 0)] {
        let id = bed.store.claim(epoch, Channel::Email, Ranks::All, 1).await.unwrap().remove(0).id;
        let call = Call { id: id.clone(), provider: "smtp".to_owned(), is_bundle: false };
        assert_eq!(bed.store.begin(epoch, &[call]).await.unwrap(), std::slice::from_ref(&id));
        bed.store.finish(epoch, &[Finished { id, is_bundle: false, attempt: None, next, pause: None, receipt_by: None }]).await.unwrap();
        assert_eq!(kept().await, rest);
    }
    bed.clock.advance(Duration::from_mins(1));
    bed.store.start_verification(BY, user, email.id, Secret::new("12345678")).await.unwrap();
    assert_eq!(kept().await, 1);
    bed.store.confirm_verification(BY, user, email.id, "123456").await.unwrap();
    assert_eq!(kept().await, 0);
}

async fn a_user_who_has_an_email_keeps_it_when_another_proves_it(bed: &Bed) {
    let (anna, email) = locked(bed, ContactKind::Email, "team@example.org").await;
    let ben = bed.user("ben").await.id;
    bed.store.create_contact(BY, ben, contact(ContactKind::Email, "team@example.org")).await.unwrap();
    bed.store.start_verification(BY, anna, email.id, Secret::new("12345678")).await.unwrap();
    let taken = bed.store.confirm_verification(BY, anna, email.id, "123456").await;
    assert!(matches!(taken, Err(StoreError::Taken("email"))), "{taken:?}");
}
