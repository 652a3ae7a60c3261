//! What belongs to one user: a user name, and a verified email address. And how much one user may have.

use watchbell_core::UserId;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::device::DeviceKind;
use watchbell_store::StoreError;
use watchbell_store::directory::{NewContact, NewUser, UserFilter};

use crate::contacts::contact;
use crate::harness::{BY, Bed, named};
use crate::rules::rule;

on_both![
    a_user_name_belongs_to_one_user,
    a_verified_email_belongs_to_one_user,
    an_unverified_email_is_nobody_s,
    of_two_who_are_verified_at_once_one_is,
    one_mailbox_is_one_contact_however_it_is_spelt,
    nobody_has_more_than_one_may_have,
];

async fn claim(bed: &Bed, user: UserId, email: &str, status: ContactStatus) -> Result<Contact, StoreError> {
    bed.store.create_contact(BY, user, NewContact { status, ..contact(ContactKind::Email, email) }).await
}

async fn whose(bed: &Bed, email: &str) -> Option<UserId> {
    let filter = UserFilter { email: Some(email.to_owned()), limit: 10, ..UserFilter::default() };
    let (users, count) = bed.store.users(&filter).await.unwrap();
    assert!(count <= 1);
    users.first().map(|user| user.id)
}

#[track_caller]
fn is_taken<T: std::fmt::Debug>(result: Result<T, StoreError>, what: &str) {
    let taken = result.map_err(|error| matches!(error, StoreError::Taken(taken) if taken == what));
    assert!(matches!(taken, Err(true)), "{taken:?}");
}

async fn a_user_name_belongs_to_one_user(bed: &Bed) {
    let (anna, ben) = (bed.user("Anna").await, bed.user("ben").await);
    is_taken(bed.store.create_user(BY, named("anna")).await, "username");
    is_taken(bed.store.replace_user(BY, ben.id, named("ANNA"), &[]).await, "username");
    bed.store.replace_user(BY, anna.id, named("anna"), &[]).await.unwrap();
    let tries = (0..4).map(|_| {
        let store = bed.store.clone();
        tokio::spawn(async move { store.create_user(BY, named("cleo")).await })
    });
    let mut made = 0;
    for one in tries.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(_) => made += 1,
            refused => is_taken(refused, "username"),
        }
    }
    assert_eq!(made, 1);
}

async fn a_verified_email_belongs_to_one_user(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    claim(bed, anna, "Anna@example.org", ContactStatus::Ok).await.unwrap();
    is_taken(claim(bed, ben, "anna@example.org", ContactStatus::Ok).await, "email");
    let new = NewUser { email: Some("anna@EXAMPLE.org".to_owned()), ..named("cleo") };
    is_taken(bed.store.create_user(BY, new).await, "email");
    let own = claim(bed, ben, "ben@example.org", ContactStatus::Ok).await.unwrap();
    is_taken(bed.store.replace_contact(BY, ben, own.id, contact(ContactKind::Email, "anna@example.org")).await, "email");
    let claimed = claim(bed, ben, "anna@example.org", ContactStatus::Locked).await.unwrap();
    is_taken(bed.store.set_contact_status(BY, ben, claimed.id, ContactStatus::Ok).await, "email");
    // Nothing of what was refused is there.
    assert_eq!(bed.number("SELECT COUNT(*) FROM users").await, 2);
    assert_eq!((whose(bed, "ANNA@example.org").await, whose(bed, "ben@example.org").await), (Some(anna), Some(ben)));
}

async fn an_unverified_email_is_nobody_s(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    for status in [ContactStatus::Locked, ContactStatus::Blacklisted] {
        let email = format!("{}@example.org", status.as_str().to_lowercase());
        claim(bed, ben, &email, status).await.unwrap();
        assert_eq!(whose(bed, &email).await, None);
    }
    // Whoever is not verified is in nobody's way.
    claim(bed, anna, "locked@example.org", ContactStatus::Ok).await.unwrap();
    assert_eq!(whose(bed, "locked@example.org").await, Some(anna));
    // A phone number is no email, and may be many users'.
    for user in [anna, ben] {
        bed.store.create_contact(BY, user, contact(ContactKind::Phone, "+4915112345678")).await.unwrap();
    }
}

async fn of_two_who_are_verified_at_once_one_is(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    for round in 0..10 {
        let email = format!("{round}@example.org");
        let mut tries = Vec::new();
        for user in [anna, ben] {
            let claimed = claim(bed, user, &email, ContactStatus::Locked).await.unwrap();
            let store = bed.store.clone();
            tries.push(tokio::spawn(async move { store.set_contact_status(BY, user, claimed.id, ContactStatus::Ok).await }));
        }
        let mut verified = 0;
        for one in tries {
            match one.await.unwrap() {
                Ok(_) => verified += 1,
                refused => is_taken(refused, "email"),
            }
        }
        assert_eq!(verified, 1, "round {round}");
    }
}

async fn one_mailbox_is_one_contact_however_it_is_spelt(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let first = claim(bed, anna, "anna@example.org", ContactStatus::Locked).await.unwrap();
    let again = claim(bed, anna, "ANNA@example.org", ContactStatus::Ok).await;
    assert!(matches!(again, Err(StoreError::DuplicateContact(id)) if id == first.id), "{again:?}");
    // Its own spelling may change.
    bed.store.replace_contact(BY, anna, first.id, contact(ContactKind::Email, "Anna@example.org")).await.unwrap();
}

async fn nobody_has_more_than_one_may_have(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let quotas = bed.options.quotas;
    let full = |result: Result<(), StoreError>, what: &str, most: i64| {
        assert!(matches!(&result, Err(StoreError::Full { what: of, most: limit }) if *of == what && *limit == most), "{result:?}");
    };
    let tries = (0..quotas.contacts + 4).map(|at| {
        let store = bed.store.clone();
        let new = contact(ContactKind::Email, &format!("{at}@example.org"));
        tokio::spawn(async move { store.create_contact(BY, anna, new).await.map(drop) })
    });
    let mut made = 0;
    for one in tries.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(()) => made += 1,
            refused => full(refused, "contacts", quotas.contacts),
        }
    }
    assert_eq!(made, quotas.contacts);
    for at in 0..quotas.devices {
        bed.store.add_device(BY, anna, DeviceKind::Fcm, &at.to_string(), None, false).await.unwrap();
    }
    full(bed.store.add_device(BY, anna, DeviceKind::Fcm, "more", None, false).await.map(drop), "devices", quotas.devices);
    bed.store.add_device(BY, anna, DeviceKind::Fcm, "0", Some("{}"), false).await.unwrap();
    bed.store.add_device(BY, ben, DeviceKind::Fcm, "more", None, false).await.unwrap();
    full(bed.store.add_device(BY, anna, DeviceKind::Fcm, "more", None, true).await.map(drop), "devices", quotas.devices);
    let email = bed.store.contacts(anna, None).await.unwrap()[0].id;
    for _ in 0..quotas.rules {
        bed.store.create_rule(BY, anna, rule(Some(email), 0)).await.unwrap();
    }
    full(bed.store.create_rule(BY, anna, rule(Some(email), 0)).await.map(drop), "rules", quotas.rules);
    let link = async |at: i64| bed.store.start_telegram_link(BY, anna, &at.to_string(), bed.now().plus_s(900)).await;
    for at in 0..quotas.telegram_links {
        link(at).await.unwrap();
    }
    full(link(99).await, "links that nobody has opened yet", quotas.telegram_links);
    bed.clock.advance(std::time::Duration::from_mins(15));
    link(99).await.unwrap();
}
