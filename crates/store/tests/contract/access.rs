//! Keys, the audit log, and settings.

use watchbell_core::access::Role;
use watchbell_core::{KeyId, UserId};
use watchbell_store::StoreError;
use watchbell_store::access::Actor;

use crate::harness::{BY, Bed};

on_both![
    a_key_is_found_by_its_hash_until_it_is_deleted,
    a_hash_that_is_kept_stays_as_it_is,
    a_pair_keeps_its_public_part,
    the_audit_log_is_read_in_pages_newest_first,
    settings_are_kept,
];

async fn a_key_is_found_by_its_hash_until_it_is_deleted(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let admin = bed.store.add_key(BY, "first", "h1", Role::Admin, None).await.unwrap();
    let user = bed.store.add_key(Actor::Key(admin.id), "anna's", "h2", Role::User, Some(anna)).await.unwrap();
    assert_eq!((user.role, user.user_id, user.created_at), (Role::User, Some(anna), bed.now()));
    assert_eq!(bed.store.key_by_hash("h2").await.unwrap(), Some((user.clone(), "h2".to_owned())));
    assert_eq!(bed.store.keys().await.unwrap(), [admin.clone(), user.clone()]);
    bed.store.delete_key(Actor::Key(admin.id), user.id).await.unwrap();
    assert_eq!(bed.store.key_by_hash("h2").await.unwrap(), None);
    assert!(matches!(bed.store.delete_key(BY, user.id).await, Err(StoreError::NotFound("key"))));
    let nobody = bed.store.add_key(BY, "nobody's", "h3", Role::User, Some(UserId(999))).await;
    assert!(matches!(nobody, Err(StoreError::NotFound("user"))), "{nobody:?}");
    assert_eq!(bed.store.keys().await.unwrap(), [admin]);
    bed.store.ping().await.unwrap();
}

/// The bootstrap key is added at every start.
async fn a_hash_that_is_kept_stays_as_it_is(bed: &Bed) {
    let first = bed.store.add_key(BY, "first", "h1", Role::Admin, None).await.unwrap();
    assert_eq!(bed.store.add_key(BY, "again", "h1", Role::Reader, None).await.unwrap(), first);
    assert_eq!(bed.store.keys().await.unwrap(), [first]);
    assert_eq!(bed.store.audit(None, 10).await.unwrap().len(), 1);
}

async fn a_pair_keeps_its_public_part(bed: &Bed) {
    let pair = bed.store.add_key_pair(BY, "pair", "pk_1", "h1", Role::Admin, None).await.unwrap();
    assert_eq!((pair.role, pair.public_key.as_deref()), (Role::Admin, Some("pk_1")));
    assert_eq!(bed.store.key_by_hash("h1").await.unwrap(), Some((pair.clone(), "h1".to_owned())));
    let single = bed.store.add_key(BY, "single", "h2", Role::Admin, None).await.unwrap();
    assert_eq!(single.public_key, None);
    assert_eq!(bed.store.keys().await.unwrap(), [pair, single]);
}

async fn the_audit_log_is_read_in_pages_newest_first(bed: &Bed) {
    let key = bed.store.add_key(BY, "first", "h1", Role::Admin, None).await.unwrap();
    for number in 0..4 {
        bed.store.add_key(Actor::Key(key.id), "more", &format!("more-{number}"), Role::Reader, None).await.unwrap();
    }
    let page = bed.store.audit(None, 2).await.unwrap();
    assert_eq!((page[0].key_id, page[0].at, page[0].action.as_str()), (Some(key.id), bed.now(), "key.create"));
    assert!(page[0].id > page[1].id);
    let rest = bed.store.audit(Some(page[1].id), 10).await.unwrap();
    assert_eq!(rest.len(), 3);
    assert_eq!((rest[2].key_id, rest[2].object.clone()), (None, format!("keys/{}", key.id)));
    assert_eq!(page[0].key_id, Some(KeyId(key.id.0)));
}

async fn settings_are_kept(bed: &Bed) {
    assert_eq!(bed.store.setting("telegram.offset").await.unwrap(), None);
    bed.store.put_setting("telegram.offset", "1").await.unwrap();
    bed.store.put_setting("telegram.offset", "2").await.unwrap();
    assert_eq!(bed.store.setting("telegram.offset").await.unwrap().as_deref(), Some("2"));
}
