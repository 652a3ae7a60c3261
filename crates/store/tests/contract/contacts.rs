//! Contacts: no target twice, one primary number, none deleted under a rule.

use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::{ContactId, UserId};
use watchbell_store::StoreError;
use watchbell_store::access::AuditFilter;
use watchbell_store::directory::{NewContact, NewUser};

use crate::harness::{BY, Bed};
use crate::rules::{HIGH, rule};

on_both![
    a_target_is_there_once_for_one_user,
    a_target_made_by_many_at_once_is_made_once,
    setting_the_primary_number_moves_it,
    another_target_needs_verifying_and_the_same_one_does_not,
    a_replacement_cannot_take_another_contact_s_target,
    a_contact_that_rules_use_is_deleted_with_them_or_not_at_all,
    an_admin_sets_any_status,
    contacts_of_many_users_come_in_one_list,
    somebody_else_s_contact_is_not_found,
    what_is_blacklisted_stays_so_whatever_becomes_of_the_contact,
    every_change_raises_the_version_and_is_audited,
];

pub fn contact(kind: ContactKind, target: &str) -> NewContact {
    NewContact { kind, target: target.to_owned(), region: None, primary: None, status: ContactStatus::Ok }
}

fn phone(number: &str, primary: Option<bool>) -> NewContact {
    NewContact { region: Some("DE".to_owned()), primary, ..contact(ContactKind::Phone, number) }
}

async fn primaries(bed: &Bed, user: UserId) -> Vec<ContactId> {
    bed.store.contacts(user, None).await.unwrap().into_iter().filter(|c| c.primary).map(|c| c.id).collect()
}

async fn a_target_is_there_once_for_one_user(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await, bed.user("ben").await);
    let new = contact(ContactKind::Email, "team@example.org");
    let first = bed.store.create_contact(BY, anna.id, new.clone()).await.unwrap();
    assert_eq!(bed.store.contact(anna.id, Some(ContactKind::Email), first.id).await.unwrap(), Some(first.clone()));
    match bed.store.create_contact(BY, anna.id, new.clone()).await {
        Err(StoreError::DuplicateContact(id)) => assert_eq!(id, first.id),
        other => panic!("{other:?}"),
    }
    // Another user's is in nobody's way until it is verified.
    bed.store.create_contact(BY, ben.id, NewContact { status: ContactStatus::Locked, ..new.clone() }).await.unwrap();
    assert!(matches!(bed.store.create_contact(BY, UserId(999), new).await, Err(StoreError::NotFound("user"))));
}

async fn contacts_of_many_users_come_in_one_list(bed: &Bed) {
    let (anna, ben, cleo) = (bed.user("anna").await, bed.user("ben").await, bed.user("cleo").await);
    for (user, target) in [(&ben, "b@example.org"), (&anna, "a@example.org"), (&ben, "bb@example.org"), (&cleo, "c@example.org")] {
        bed.store.create_contact(BY, user.id, contact(ContactKind::Email, target)).await.unwrap();
    }
    let found = bed.store.contacts_of(&[ben.id, UserId(999), anna.id]).await.unwrap();
    let targets: Vec<&str> = found.iter().map(|contact| contact.target.as_str()).collect();
    assert_eq!(targets, ["a@example.org", "b@example.org", "bb@example.org"]);
    assert_eq!(bed.store.contacts_of(&[]).await.unwrap(), []);
}

async fn a_target_made_by_many_at_once_is_made_once(bed: &Bed) {
    let anna = bed.user("anna").await;
    let tries = (0..8).map(|_| {
        let store = bed.store.clone();
        tokio::spawn(async move { store.create_contact(BY, anna.id, contact(ContactKind::Email, "a@example.org")).await })
    });
    let tries: Vec<_> = tries.collect();
    let mut made: Vec<Contact> = Vec::new();
    let mut duplicates = Vec::new();
    for one in tries {
        match one.await.unwrap() {
            Ok(contact) => made.push(contact),
            Err(StoreError::DuplicateContact(id)) => duplicates.push(id),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((made.len(), duplicates), (1, vec![made[0].id; 7]));
}

async fn setting_the_primary_number_moves_it(bed: &Bed) {
    let anna = bed.user("anna").await;
    let first = bed.store.create_contact(BY, anna.id, phone("+4915100000001", Some(true))).await.unwrap();
    assert!(first.primary);
    let second = bed.store.create_contact(BY, anna.id, phone("+4915100000002", Some(true))).await.unwrap();
    assert_eq!(primaries(bed, anna.id).await, [second.id]);
    let plain = bed.store.create_contact(BY, anna.id, phone("+4915100000003", None)).await.unwrap();
    assert!(!plain.primary);
    bed.store.replace_contact(BY, anna.id, first.id, phone("+4915100000001", Some(true))).await.unwrap();
    assert_eq!(primaries(bed, anna.id).await, [first.id]);
    // Not told: it stays.
    bed.store.replace_contact(BY, anna.id, first.id, phone("+4915100000009", None)).await.unwrap();
    assert_eq!(primaries(bed, anna.id).await, [first.id]);
    let cleared = bed.store.replace_contact(BY, anna.id, first.id, phone("+4915100000009", Some(false))).await.unwrap();
    assert!(!cleared.primary);
    // Only numbers can be.
    let email = NewContact { primary: Some(true), ..contact(ContactKind::Email, "a@example.org") };
    assert!(!bed.store.create_contact(BY, anna.id, email).await.unwrap().primary);
    assert_eq!(primaries(bed, anna.id).await, []);
}

async fn another_target_needs_verifying_and_the_same_one_does_not(bed: &Bed) {
    let anna = bed.user("anna").await;
    let made = bed.store.create_contact(BY, anna.id, phone("+4915100000001", None)).await.unwrap();
    let locked =
        |number: &str, region: &str| NewContact { status: ContactStatus::Locked, region: Some(region.to_owned()), ..phone(number, None) };
    let same = bed.store.replace_contact(BY, anna.id, made.id, locked("+4915100000001", "AT")).await.unwrap();
    assert_eq!((same.status, same.region.as_deref()), (ContactStatus::Ok, Some("AT")));
    let other = bed.store.replace_contact(BY, anna.id, made.id, locked("+4915100000002", "DE")).await.unwrap();
    assert_eq!((other.id, other.status, other.target.as_str()), (made.id, ContactStatus::Locked, "+4915100000002"));
}

async fn a_replacement_cannot_take_another_contact_s_target(bed: &Bed) {
    let anna = bed.user("anna").await;
    let first = bed.store.create_contact(BY, anna.id, contact(ContactKind::Email, "a@example.org")).await.unwrap();
    let second = bed.store.create_contact(BY, anna.id, contact(ContactKind::Email, "b@example.org")).await.unwrap();
    let taken = bed.store.replace_contact(BY, anna.id, second.id, contact(ContactKind::Email, "a@example.org")).await;
    assert!(matches!(taken, Err(StoreError::DuplicateContact(id)) if id == first.id), "{taken:?}");
    // Nor can an email become a phone number.
    let other_kind = bed.store.replace_contact(BY, anna.id, second.id, phone("+4915100000001", None)).await;
    assert!(matches!(other_kind, Err(StoreError::NotFound("contact"))));
    assert_eq!(bed.store.contact(anna.id, None, second.id).await.unwrap(), Some(second));
}

async fn a_contact_that_rules_use_is_deleted_with_them_or_not_at_all(bed: &Bed) {
    let anna = bed.user("anna").await;
    let made = bed.store.create_contact(BY, anna.id, contact(ContactKind::Email, "a@example.org")).await.unwrap();
    let one = bed.store.create_rule(BY, anna.id, rule(Some(made.id), 0)).await.unwrap();
    let two = bed.store.create_rule(BY, anna.id, rule(Some(made.id), 60)).await.unwrap();
    let free = bed.store.create_rule(BY, anna.id, rule(None, 120)).await.unwrap();
    match bed.store.delete_contact(BY, anna.id, Some(ContactKind::Email), made.id, false).await {
        Err(StoreError::ContactInUse(rules)) => assert_eq!(rules, [one.id.0, two.id.0]),
        other => panic!("{other:?}"),
    }
    bed.store.delete_contact(BY, anna.id, Some(ContactKind::Email), made.id, true).await.unwrap();
    assert_eq!(bed.store.contacts(anna.id, None).await.unwrap(), []);
    assert_eq!(bed.store.rules(anna.id, free.surface, HIGH).await.unwrap(), [free]);
    let again = bed.store.delete_contact(BY, anna.id, None, made.id, true).await;
    assert!(matches!(again, Err(StoreError::NotFound("contact"))));
}

async fn an_admin_sets_any_status(bed: &Bed) {
    let anna = bed.user("anna").await;
    let made = bed.store.create_contact(BY, anna.id, contact(ContactKind::Email, "a@example.org")).await.unwrap();
    for status in [ContactStatus::Blacklisted, ContactStatus::Locked, ContactStatus::Ok] {
        assert_eq!(bed.store.set_contact_status(BY, anna.id, made.id, status).await.unwrap().status, status);
        assert_eq!(bed.store.contact(anna.id, None, made.id).await.unwrap().unwrap().status, status);
    }
}

async fn somebody_else_s_contact_is_not_found(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await, bed.user("ben").await);
    let hers = bed.store.create_contact(BY, anna.id, contact(ContactKind::Email, "a@example.org")).await.unwrap();
    assert_eq!(bed.store.contact(ben.id, None, hers.id).await.unwrap(), None);
    assert_eq!(bed.store.contact(anna.id, Some(ContactKind::Phone), hers.id).await.unwrap(), None);
    let new = contact(ContactKind::Email, "b@example.org");
    assert!(matches!(bed.store.replace_contact(BY, ben.id, hers.id, new).await, Err(StoreError::NotFound("contact"))));
    assert!(matches!(bed.store.delete_contact(BY, ben.id, None, hers.id, true).await, Err(StoreError::NotFound("contact"))));
    let phone = Some(ContactKind::Phone);
    assert!(matches!(bed.store.delete_contact(BY, anna.id, phone, hers.id, true).await, Err(StoreError::NotFound("contact"))));
    let status = bed.store.set_contact_status(BY, ben.id, hers.id, ContactStatus::Blacklisted).await;
    assert!(matches!(status, Err(StoreError::NotFound("contact"))));
    assert_eq!(bed.store.contact(anna.id, None, hers.id).await.unwrap(), Some(hers));
}

async fn every_change_raises_the_version_and_is_audited(bed: &Bed) {
    let anna = bed.user("anna").await;
    let version = async || bed.number("SELECT version FROM users").await;
    let made = bed.store.create_contact(BY, anna.id, contact(ContactKind::Email, "a@example.org")).await.unwrap();
    assert_eq!(version().await, 2);
    bed.store.replace_contact(BY, anna.id, made.id, contact(ContactKind::Email, "b@example.org")).await.unwrap();
    assert_eq!(version().await, 3);
    bed.store.set_contact_status(BY, anna.id, made.id, ContactStatus::Locked).await.unwrap();
    assert_eq!(version().await, 4);
    bed.store.delete_contact(BY, anna.id, None, made.id, false).await.unwrap();
    assert_eq!(version().await, 5);
    let audit = bed.store.audit(&AuditFilter { limit: 10, ..AuditFilter::default() }).await.unwrap();
    let actions: Vec<&str> = audit.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["contact.delete", "contact.status", "contact.replace", "contact.create", "user.create"]);
    assert!(audit[..4].iter().all(|entry| entry.object == format!("users/{}/contacts/{}", anna.id, made.id)));
}

/// An admin's word is about the address: it is not taken back by whoever deletes the contact and makes it again, whether they
/// write it otherwise, are another user, or come by another way.
async fn what_is_blacklisted_stays_so_whatever_becomes_of_the_contact(bed: &Bed) {
    use ContactStatus::{Blacklisted, Locked, Ok};
    let store = &bed.store;
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let email = |target: &str| contact(ContactKind::Email, target);
    let kept = store.create_contact(BY, anna, email("pager@example.org")).await.unwrap();
    store.set_contact_status(BY, anna, kept.id, Blacklisted).await.unwrap();
    // While it is there, others who claim it get no code sent to it either.
    let bens = store.create_contact(BY, ben, NewContact { status: Locked, ..email("pager@example.org") }).await.unwrap();
    assert_eq!(bens.status, Blacklisted);
    store.delete_contact(BY, ben, None, bens.id, false).await.unwrap();
    // There and back.
    let away = store.replace_contact(BY, anna, kept.id, email("other@example.org")).await.unwrap();
    assert_eq!(away.status, Ok);
    let back = store.replace_contact(BY, anna, kept.id, NewContact { status: Locked, ..email("Pager@Example.org") }).await.unwrap();
    assert_eq!(back.status, Blacklisted);
    // Deleted and made again, by an admin too.
    store.delete_contact(BY, anna, None, kept.id, false).await.unwrap();
    let again = store.create_contact(BY, anna, email("PAGER@example.org")).await.unwrap();
    assert_eq!(again.status, Blacklisted);
    // With the user.
    store.delete_user(BY, anna).await.unwrap();
    let named = NewUser { email: Some("pager@example.org".to_owned()), ..crate::harness::named("anna again") };
    let anna = store.create_user(BY, named).await.unwrap().id;
    let first = store.contacts(anna, None).await.unwrap().remove(0);
    assert_eq!(first.status, Blacklisted);
    // A chat that is linked anew.
    let chat = store.create_contact(BY, anna, contact(ContactKind::Telegram, "4711")).await.unwrap();
    store.set_contact_status(BY, anna, chat.id, Blacklisted).await.unwrap();
    for (user, chat_id, status) in [(anna, "4712", Ok), (anna, "4711", Blacklisted), (ben, "4711", Blacklisted), (ben, "4712", Ok)] {
        store.start_telegram_link(BY, user, chat_id, bed.now().plus_s(60)).await.unwrap();
        assert_eq!(store.finish_telegram_link(chat_id, chat_id).await.unwrap(), Some(user));
        let chats = store.contacts(user, Some(ContactKind::Telegram)).await.unwrap();
        assert_eq!(chats.iter().map(|chat| (chat.target.as_str(), chat.status)).collect::<Vec<_>>(), [(chat_id, status)]);
    }
    // Another address of the same kind, and the same text of another kind, are none of it.
    assert_eq!(store.create_contact(BY, anna, contact(ContactKind::Slack, "4711")).await.unwrap().status, Ok);
    // Until an admin says otherwise.
    assert_eq!(store.set_contact_status(BY, anna, first.id, Ok).await.unwrap().status, Ok);
    store.delete_contact(BY, anna, None, first.id, false).await.unwrap();
    assert_eq!(store.create_contact(BY, anna, email("pager@example.org")).await.unwrap().status, Ok);
}
