//! Rules.

use watchbell_core::contact::ContactKind;
use watchbell_core::rule::{Conditions, Repeat, Rule, Surface, Trigger};
use watchbell_core::{Channel, ContactId, RuleId, UserId};
use watchbell_store::StoreError;
use watchbell_store::directory::NewRule;

use crate::contacts::contact;
use crate::harness::{BY, Bed};

on_both![
    a_rule_is_seen_through_its_surface_and_its_triggers,
    a_rule_is_replaced_whole,
    a_rule_s_contact_is_the_user_s_own_and_of_a_fitting_kind,
    somebody_else_s_rule_is_not_found,
    conditions_and_repetitions_are_kept_and_shown_by_no_surface_that_cannot_say_them,
];

pub const HIGH: &[Trigger] = &[Trigger::AlertHigh];

/// An email rule for HIGH alerts of the ilert surface.
pub fn rule(contact_id: Option<ContactId>, offset_s: i64) -> NewRule {
    rule_for(&[ContactKind::Email], contact_id, offset_s)
}

pub fn rule_for(contact_kinds: &'static [ContactKind], contact_id: Option<ContactId>, offset_s: i64) -> NewRule {
    NewRule {
        surface: Surface::Ilert,
        trigger: Trigger::AlertHigh,
        channel: Some(Channel::Email),
        contact_id,
        contact_kinds,
        offset_s,
        position: None,
        critical: false,
        public_id: None,
        when: Conditions::default(),
        repeat: None,
    }
}

async fn a_rule_is_seen_through_its_surface_and_its_triggers(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let high = bed.store.create_rule(BY, anna, rule(None, 0)).await.unwrap();
    let low = NewRule { trigger: Trigger::AlertLow, ..rule(None, 300) };
    let low = bed.store.create_rule(BY, anna, low).await.unwrap();
    let wait = NewRule {
        surface: Surface::Oncall,
        channel: None,
        position: Some(0),
        public_id: Some("NWAIT12345678".to_owned()),
        ..rule(None, 60)
    };
    let wait = bed.store.create_rule(BY, anna, wait).await.unwrap();
    assert_eq!((wait.channel, wait.position, wait.public_id.as_deref()), (None, Some(0), Some("NWAIT12345678")));

    let list = async |surface, triggers: &[Trigger]| -> Vec<RuleId> {
        bed.store.rules(anna, surface, triggers).await.unwrap().iter().map(|rule| rule.id).collect()
    };
    assert_eq!(list(Surface::Ilert, HIGH).await, [high.id]);
    assert_eq!(list(Surface::Ilert, &[Trigger::AlertHigh, Trigger::AlertLow]).await, [high.id, low.id]);
    assert_eq!(list(Surface::Ilert, &[Trigger::Duty]).await, []);
    assert_eq!(list(Surface::Ilert, &[]).await, []);
    assert_eq!(list(Surface::Oncall, HIGH).await, [wait.id]);
    assert_eq!(bed.store.rule(anna, Surface::Ilert, HIGH, high.id).await.unwrap(), Some(high.clone()));
    assert_eq!(bed.store.rule(anna, Surface::Oncall, HIGH, high.id).await.unwrap(), None);
    assert_eq!(bed.store.rule(anna, Surface::Ilert, &[Trigger::Duty], high.id).await.unwrap(), None);
    assert!(matches!(bed.store.create_rule(BY, UserId(999), rule(None, 0)).await, Err(StoreError::NotFound("user"))));
}

async fn a_rule_is_replaced_whole(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let email = bed.store.create_contact(BY, anna, contact(ContactKind::Email, "a@example.org")).await.unwrap();
    let new = NewRule { public_id: Some("NABCDEFGHIJKL".to_owned()), critical: true, ..rule(Some(email.id), 60) };
    let made = bed.store.create_rule(BY, anna, new).await.unwrap();
    let both = [Trigger::AlertHigh, Trigger::AlertLow];
    let new = NewRule { trigger: Trigger::AlertLow, channel: Some(Channel::Push), contact_kinds: &[], ..rule(None, 0) };
    let replaced = bed.store.replace_rule(BY, anna, &both, made.id, new.clone()).await.unwrap();
    let expected =
        Rule { trigger: Trigger::AlertLow, channel: Some(Channel::Push), contact_id: None, offset_s: 0, critical: false, ..made.clone() };
    assert_eq!(replaced, expected);
    // It is no HIGH rule any more.
    let gone = bed.store.replace_rule(BY, anna, HIGH, made.id, new).await;
    assert!(matches!(gone, Err(StoreError::NotFound("rule"))));
    let gone = bed.store.delete_rule(BY, anna, Surface::Ilert, HIGH, made.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound("rule"))));
    bed.store.delete_rule(BY, anna, Surface::Ilert, &both, made.id).await.unwrap();
    assert_eq!(bed.store.rules(anna, Surface::Ilert, &both).await.unwrap(), []);
    // Create, replace, delete, and the contact before.
    assert_eq!(bed.number("SELECT version FROM users").await, 5);
}

async fn a_rule_s_contact_is_the_user_s_own_and_of_a_fitting_kind(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let phone = bed.store.create_contact(BY, anna, contact(ContactKind::Phone, "+4915112345678")).await.unwrap();
    let his = bed.store.create_contact(BY, ben, contact(ContactKind::Email, "b@example.org")).await.unwrap();
    let made = bed.store.create_rule(BY, anna, rule(None, 0)).await.unwrap();
    for id in [his.id, ContactId(999), ContactId(-1)] {
        assert!(matches!(bed.store.create_rule(BY, anna, rule(Some(id), 0)).await, Err(StoreError::NotFound("contact"))), "{id}");
        let replaced = bed.store.replace_rule(BY, anna, HIGH, made.id, rule(Some(id), 0)).await;
        assert!(matches!(replaced, Err(StoreError::NotFound("contact"))), "{id}");
    }
    assert!(matches!(bed.store.create_rule(BY, anna, rule(Some(phone.id), 0)).await, Err(StoreError::UnfitContact(_))));
    let none = rule_for(&[], Some(phone.id), 0);
    assert!(matches!(bed.store.create_rule(BY, anna, none).await, Err(StoreError::UnfitContact(_))));
    assert_eq!(bed.store.rules(anna, Surface::Ilert, HIGH).await.unwrap(), [made]);
}

async fn somebody_else_s_rule_is_not_found(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let hers = bed.store.create_rule(BY, anna, rule(None, 0)).await.unwrap();
    assert_eq!(bed.store.rule(ben, Surface::Ilert, HIGH, hers.id).await.unwrap(), None);
    assert!(matches!(bed.store.replace_rule(BY, ben, HIGH, hers.id, rule(None, 60)).await, Err(StoreError::NotFound("rule"))));
    assert!(matches!(bed.store.delete_rule(BY, ben, Surface::Ilert, HIGH, hers.id).await, Err(StoreError::NotFound("rule"))));
    assert_eq!(bed.store.rule(anna, Surface::Ilert, HIGH, hers.id).await.unwrap(), Some(hers));
}

async fn conditions_and_repetitions_are_kept_and_shown_by_no_surface_that_cannot_say_them(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let when: Conditions = serde_json::from_str(
        r#"{"labels":[{"label":"host","matches":"db-[0-9]+"}],"categories":["db"],"hours":{"start":"22:00","end":"07:00"},"onDuty":{}}"#,
    )
    .unwrap();
    let new = NewRule {
        surface: Surface::Watchbell,
        channel: Some(Channel::Push),
        contact_kinds: &[],
        when,
        repeat: Some(Repeat { every_s: 300, times: 3 }),
        ..rule(None, 0)
    };
    let made = bed.store.create_rule(BY, anna, new.clone()).await.unwrap();
    assert_eq!((&made.when, made.repeat), (&new.when, new.repeat));
    let seen = async |surface| bed.store.rules(anna, surface, HIGH).await.unwrap();
    assert_eq!((seen(Surface::Watchbell).await, seen(Surface::Ilert).await), (vec![made.clone()], vec![]));
    // Another surface neither replaces nor deletes it, whatever it has read before.
    let plain = NewRule { surface: Surface::Ilert, when: Conditions::default(), repeat: None, ..new.clone() };
    assert!(matches!(bed.store.replace_rule(BY, anna, HIGH, made.id, plain.clone()).await, Err(StoreError::NotFound("rule"))));
    assert!(matches!(bed.store.delete_rule(BY, anna, Surface::Ilert, HIGH, made.id).await, Err(StoreError::NotFound("rule"))));
    assert_eq!(seen(Surface::Watchbell).await, vec![made.clone()]);
    // One that is plain is shown there, and is of the surface that wrote it last.
    let own = NewRule { surface: Surface::Watchbell, ..plain.clone() };
    bed.store.replace_rule(BY, anna, HIGH, made.id, own).await.unwrap();
    assert_eq!(seen(Surface::Ilert).await.len(), 1);
    let theirs = bed.store.replace_rule(BY, anna, HIGH, made.id, plain).await.unwrap();
    assert_eq!((theirs.surface, theirs.when.is_empty(), theirs.repeat), (Surface::Ilert, true, None));
}
