//! Users: made, found, replaced, deleted.

use watchbell_core::access::Role;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::delivery::State;
use watchbell_core::ids::UserRef;
use watchbell_core::user::Hours;
use watchbell_core::{DeliveryId, Reason, Secret, UserId};
use watchbell_store::StoreError;
use watchbell_store::access::NewKey;
use watchbell_store::directory::{NewContact, NewUser, UserFilter};

use crate::harness::{BY, Bed, named};
use crate::rules::{HIGH, rule};

on_both![
    a_user_is_made_with_first_contacts_and_found_by_each_name,
    users_are_listed_in_pages_by_name_and_by_email,
    an_external_id_belongs_to_one_user,
    replacing_a_user_replaces_all_but_the_ids,
    an_address_takes_the_place_of_the_one_that_is_shown,
    deleting_a_user_cancels_what_is_pending_and_keeps_the_history,
    texts_that_are_not_there_find_nobody,
];

fn anna() -> NewUser {
    let quiet: Hours = serde_json::from_str(r#"{"start":"22:00","end":"07:00"}"#).unwrap();
    NewUser {
        external_id: Some("crew-7".to_owned()),
        first_name: "Anna".to_owned(),
        last_name: "Ånström".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        quiet_hours: Some(quiet),
        custom_fields: serde_json::json!({ "team": "blue", "odd": "a\u{0}b" }).as_object().unwrap().clone(),
        email: Some("Anna@example.org".to_owned()),
        phone: Some(("+4915112345678".to_owned(), "DE".to_owned())),
        ..named("anna")
    }
}

async fn a_user_is_made_with_first_contacts_and_found_by_each_name(bed: &Bed) {
    let made = bed.store.create_user(BY, anna()).await.unwrap();
    assert!(watchbell_core::ids::is_public_id('U', &made.public_id));
    assert_eq!((made.version, made.created_at, made.locale.as_str()), (1, bed.now(), "en"));
    assert_eq!(made.custom_fields, anna().custom_fields);
    for name in [made.id.to_string(), made.public_id.clone(), "crew-7".to_owned()] {
        let found = bed.store.user(&UserRef::parse(&name).unwrap()).await.unwrap();
        assert_eq!(found.as_ref(), Some(&made), "{name}");
    }
    let contacts = bed.store.contacts(made.id, None).await.unwrap();
    let brief: Vec<_> = contacts.iter().map(|c| (c.kind, c.target.as_str(), c.region.as_deref(), c.status)).collect();
    assert_eq!(
        brief,
        [
            (ContactKind::Email, "Anna@example.org", None, ContactStatus::Ok),
            (ContactKind::Phone, "+4915112345678", Some("DE"), ContactStatus::Ok),
        ]
    );
}

async fn users_are_listed_in_pages_by_name_and_by_email(bed: &Bed) {
    let anna = bed.store.create_user(BY, anna()).await.unwrap();
    let mut ids = vec![anna.id];
    for name in ["ben", "cleo", "dora"] {
        ids.push(bed.user(name).await.id);
    }
    let list = async |filter: UserFilter| {
        let (users, total) = bed.store.users(&filter).await.unwrap();
        (users.into_iter().map(|user| user.id).collect::<Vec<_>>(), total)
    };
    assert_eq!(list(UserFilter { limit: 100, ..UserFilter::default() }).await, (ids.clone(), 4));
    assert_eq!(list(UserFilter { offset: 1, limit: 2, ..UserFilter::default() }).await, (ids[1..3].to_vec(), 4));
    assert_eq!(list(UserFilter { username: Some("BEN".to_owned()), limit: 1, ..UserFilter::default() }).await, (vec![ids[1]], 1));
    let id = |at: usize| Some(ids[at]);
    assert_eq!(list(UserFilter { after: id(0), limit: 2, ..UserFilter::default() }).await, (ids[1..3].to_vec(), 3));
    assert_eq!(list(UserFilter { before: id(3), limit: 2, ..UserFilter::default() }).await, (ids[1..3].to_vec(), 3));
    let named = UserFilter { full_name: Some("ANNA \u{c5}nstr\u{f6}m".to_owned()), limit: 9, ..UserFilter::default() };
    assert_eq!(list(named).await, (vec![anna.id], 1));
    let now = Some(bed.now());
    assert_eq!(list(UserFilter { created_before: now, limit: 9, ..UserFilter::default() }).await, (vec![], 0));
    assert_eq!(list(UserFilter { created_after: now, limit: 9, ..UserFilter::default() }).await, (vec![], 0));
    let email = |email: &str| UserFilter { email: Some(email.to_owned()), limit: 10, ..UserFilter::default() };
    assert_eq!(list(email("aNNa@example.org")).await, (vec![anna.id], 1));
    // A phone number is no email.
    assert_eq!(list(email("+4915112345678")).await, (vec![], 0));
}

async fn an_external_id_belongs_to_one_user(bed: &Bed) {
    bed.store.create_user(BY, anna()).await.unwrap();
    let ben = bed.user("ben").await;
    let same = || NewUser { username: "annika".to_owned(), ..anna() };
    assert!(matches!(bed.store.create_user(BY, same()).await, Err(StoreError::Taken("external id"))));
    assert!(matches!(bed.store.replace_user(BY, ben.id, same(), &[]).await, Err(StoreError::Taken("external id"))));
    assert_eq!(bed.store.user(&UserRef::Id(ben.id)).await.unwrap(), Some(ben));
    assert_eq!(bed.store.users(&UserFilter::default()).await.unwrap().1, 2);
    assert_eq!(bed.number("SELECT COUNT(*) FROM contacts").await, 2);
}

async fn replacing_a_user_replaces_all_but_the_ids(bed: &Bed) {
    let made = bed.store.create_user(BY, anna()).await.unwrap();
    bed.clock.advance(std::time::Duration::from_secs(5));
    let new = NewUser { locale: "de-AT".to_owned(), email: Some("other@example.org".to_owned()), ..named("annika") };
    let replaced = bed.store.replace_user(BY, made.id, new, &[]).await.unwrap();
    assert_eq!((replaced.id, &replaced.public_id, replaced.created_at), (made.id, &made.public_id, made.created_at));
    assert_eq!((replaced.username.as_str(), replaced.timezone.as_str(), replaced.locale.as_str()), ("annika", "UTC", "de-AT"));
    assert_eq!((replaced.external_id, replaced.quiet_hours, replaced.custom_fields.len()), (None, None, 0));
    assert_eq!((replaced.version, replaced.updated_at), (2, bed.now()));
    assert_eq!(bed.store.contacts(made.id, None).await.unwrap().len(), 2);
    assert!(matches!(bed.store.replace_user(BY, UserId(999), named("nobody"), &[]).await, Err(StoreError::NotFound("user"))));
}

async fn deleting_a_user_cancels_what_is_pending_and_keeps_the_history(bed: &Bed) {
    let user = bed.store.create_user(BY, anna()).await.unwrap();
    let email = bed.store.contacts(user.id, Some(ContactKind::Email)).await.unwrap().remove(0);
    bed.store.create_rule(BY, user.id, rule(Some(email.id), 0)).await.unwrap();
    bed.store.add_members(BY, "storms", &[user.id]).await.unwrap();
    bed.store.add_key(BY, NewKey::new("anna's", "hash", Role::User, Some(user.id))).await.unwrap();
    bed.store.set_contact_status(BY, user.id, email.id, ContactStatus::Locked).await.unwrap();
    bed.store.start_verification(BY, user.id, email.id, Secret::new("123456")).await.unwrap();
    for (id, state) in [("D1", "scheduled"), ("D2", "held"), ("D3", "sent"), ("D4", "sending")] {
        bed.delivery(id, user.id, state).await;
    }
    bed.execute("UPDATE deliveries SET lease = 1 WHERE id = 'D1'").await;

    bed.store.delete_user(BY, user.id).await.unwrap();

    for (id, state) in [("D1", State::Cancelled), ("D2", State::Cancelled), ("D3", State::Sent), ("D4", State::Sending)] {
        let (delivery, _) = bed.store.delivery(&DeliveryId(id.to_owned())).await.unwrap().unwrap();
        assert_eq!((delivery.state, delivery.user_name), (state, None), "{id}");
        assert_eq!(delivery.reason, (state == State::Cancelled).then_some(Reason::UserDeleted), "{id}");
    }
    assert_eq!(bed.number("SELECT COUNT(*) FROM deliveries WHERE state = 'scheduled' OR lease IS NOT NULL").await, 0);
    for table in ["users", "contacts", "rules", "topic_members", "keys", "verifications"] {
        assert_eq!(bed.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert!(matches!(bed.store.delete_user(BY, user.id).await, Err(StoreError::NotFound("user"))));
    assert!(matches!(bed.store.contacts(user.id, None).await, Err(StoreError::NotFound("user"))));
    assert!(matches!(bed.store.rules(user.id, watchbell_core::rule::Surface::Ilert, HIGH).await, Err(StoreError::NotFound("user"))));
    assert!(matches!(bed.store.devices(user.id).await, Err(StoreError::NotFound("user"))));
}

/// Nothing that a surface could let through may be more than "not found".
async fn texts_that_are_not_there_find_nobody(bed: &Bed) {
    bed.user("anna").await;
    for text in ["U4DNY931HHJS5", "' OR 1=1 --", "%", "crew-7", "日本"] {
        assert_eq!(bed.store.user(&UserRef::Name(text.to_owned())).await.unwrap(), None, "{text}");
    }
    for id in [0, -1, i64::MAX, i64::MIN] {
        assert_eq!(bed.store.user(&UserRef::Id(UserId(id))).await.unwrap(), None, "{id}");
    }
    // PostgreSQL cannot even be asked for a NUL; that is an error, no panic, and the next question is answered.
    let _ = bed.store.user(&UserRef::Name("a\0b".to_owned())).await;
    assert_eq!(bed.store.users(&UserFilter { limit: -1, offset: -1, ..UserFilter::default() }).await.unwrap().1, 1);
}

async fn an_address_takes_the_place_of_the_one_that_is_shown(bed: &Bed) {
    let user = bed.store.create_user(BY, anna()).await.unwrap();
    let address = |kind, target: &str, status| NewContact { kind, target: target.to_owned(), region: None, primary: None, status };
    let put = async |addresses: &[NewContact]| bed.store.replace_user(BY, user.id, named("anna"), addresses).await;
    let there = async || {
        let contacts = bed.store.contacts(user.id, None).await.unwrap();
        contacts.into_iter().map(|c| (c.target, c.status, c.primary)).collect::<Vec<_>>()
    };
    let second = bed.store.create_contact(BY, user.id, address(ContactKind::Phone, "+4915100000002", ContactStatus::Ok)).await.unwrap();
    let other = bed.store.create_contact(BY, user.id, address(ContactKind::Email, "other@example.org", ContactStatus::Ok)).await.unwrap();
    put(&[
        address(ContactKind::Email, "moved@example.org", ContactStatus::Locked),
        address(ContactKind::Phone, &second.target, ContactStatus::Locked),
    ])
    .await
    .unwrap();
    let expected = [
        ("moved@example.org", ContactStatus::Locked, false),
        ("+4915112345678", ContactStatus::Ok, false),
        // Known already, so its status stays; it becomes the primary one.
        ("+4915100000002", ContactStatus::Ok, true),
        ("other@example.org", ContactStatus::Ok, false),
    ];
    assert_eq!(there().await, expected.map(|(target, status, primary)| (target.to_owned(), status, primary)));
    // Shown now is the one that is OK, so the locked one is known and in the way; nothing else is changed either.
    let twice = [
        address(ContactKind::Phone, "+4915100000003", ContactStatus::Ok),
        address(ContactKind::Email, "moved@example.org", ContactStatus::Ok),
    ];
    assert!(matches!(put(&twice).await, Err(StoreError::DuplicateContact(_))));
    assert_eq!(there().await[2].0, "+4915100000002");
    put(&[address(ContactKind::Email, &other.target, ContactStatus::Locked)]).await.unwrap();
    assert_eq!(there().await[3].1, ContactStatus::Ok, "the same address is as good as it was");
}
