//! Linking Telegram chats.

use std::time::Duration;

use watchbell_core::UserId;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_store::StoreError;

use crate::contacts::contact;
use crate::harness::{BY, Bed};
use crate::rules::{HIGH, rule_for};

on_both![
    a_link_is_good_once_and_for_a_time,
    another_chat_takes_the_place_of_those_before_and_rules_stay,
    a_chat_can_be_shared_and_a_blacklisted_one_stays_so,
];

async fn chats(bed: &Bed, user: UserId) -> Vec<Contact> {
    bed.store.contacts(user, Some(ContactKind::Telegram)).await.unwrap()
}

async fn link(bed: &Bed, user: UserId, chat: &str) {
    bed.store.start_telegram_link(BY, user, "hash", bed.now().plus_s(900)).await.unwrap();
    assert_eq!(bed.store.finish_telegram_link("hash", chat).await.unwrap(), Some(user));
}

async fn a_link_is_good_once_and_for_a_time(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    assert_eq!(bed.store.finish_telegram_link("hash", "4711").await.unwrap(), None);
    link(bed, anna, "4711").await;
    let [chat] = chats(bed, anna).await.try_into().unwrap();
    assert_eq!((chat.target.as_str(), chat.status), ("4711", ContactStatus::Ok));
    assert_eq!(bed.store.finish_telegram_link("hash", "4712").await.unwrap(), None);

    bed.store.start_telegram_link(BY, anna, "late", bed.now().plus_s(900)).await.unwrap();
    bed.clock.advance(Duration::from_mins(15));
    assert_eq!(bed.store.finish_telegram_link("late", "4712").await.unwrap(), None);
    assert_eq!(chats(bed, anna).await, [chat]);
    let nobody = bed.store.start_telegram_link(BY, UserId(999), "other", bed.now().plus_s(900)).await;
    assert!(matches!(nobody, Err(StoreError::NotFound("user"))));
}

async fn another_chat_takes_the_place_of_those_before_and_rules_stay(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let first = bed.store.create_contact(BY, anna, contact(ContactKind::Telegram, "1")).await.unwrap();
    let second = bed.store.create_contact(BY, anna, contact(ContactKind::Telegram, "2")).await.unwrap();
    bed.store.set_contact_status(BY, anna, first.id, ContactStatus::Locked).await.unwrap();
    for (chat, offset_s) in [(&first, 0), (&second, 60)] {
        bed.store.create_rule(BY, anna, rule_for(&[ContactKind::Telegram], Some(chat.id), offset_s)).await.unwrap();
    }
    link(bed, anna, "2").await;
    assert_eq!(chats(bed, anna).await, [Contact { target: "2".to_owned(), status: ContactStatus::Ok, ..first.clone() }]);
    let rules = bed.store.rules(anna, watchbell_core::rule::Surface::Ilert, HIGH).await.unwrap();
    assert_eq!(rules.iter().map(|rule| rule.contact_id).collect::<Vec<_>>(), [Some(first.id); 2]);
}

async fn a_chat_can_be_shared_and_a_blacklisted_one_stays_so(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    link(bed, anna, "-100").await;
    link(bed, ben, "-100").await;
    assert_eq!((chats(bed, anna).await.len(), chats(bed, ben).await.len()), (1, 1));

    let chat = chats(bed, anna).await[0].id;
    bed.store.set_contact_status(BY, anna, chat, ContactStatus::Blacklisted).await.unwrap();
    link(bed, anna, "-100").await;
    assert_eq!(chats(bed, anna).await[0].status, ContactStatus::Blacklisted);
    link(bed, anna, "-200").await;
    assert_eq!(chats(bed, anna).await[0].status, ContactStatus::Ok);
}
