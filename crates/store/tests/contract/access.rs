//! Keys, the audit log, and settings.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::access::Role;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::{KeyId, UserId};
use watchbell_store::StoreError;
use watchbell_store::access::{Actor, AdminKey, AuditFilter, KeyUse, NewKey};
use watchbell_store::directory::NewContact;

use crate::contacts::contact;
use crate::harness::{BY, Bed};

on_both![
    a_key_is_found_by_its_hash_until_it_is_deleted,
    a_hash_that_is_kept_stays_as_it_is,
    a_key_counts_until_it_expires,
    the_last_use_of_a_key_is_kept,
    a_pair_keeps_its_public_part,
    the_audit_log_is_read_in_pages_newest_first,
    the_audit_log_says_who_from_where_and_what_changed,
    the_audit_log_is_searched_by_who_what_and_to_what,
    the_last_admin_key_stays,
    the_configured_admin_key_takes_the_place_of_the_one_before,
    keys_are_read_in_pages,
    settings_are_kept,
];

async fn a_key_is_found_by_its_hash_until_it_is_deleted(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let admin = bed.store.add_key(BY, NewKey::new("first", "h1", Role::Admin, None)).await.unwrap();
    let user = bed.store.add_key(by(admin.id), NewKey::new("anna's", "h2", Role::User, Some(anna))).await.unwrap();
    assert_eq!((user.role, user.user_id, user.created_at), (Role::User, Some(anna), bed.now()));
    assert_eq!(bed.store.key_by_hash("h2").await.unwrap(), Some((user.clone(), "h2".to_owned())));
    assert_eq!(bed.store.keys(KeyId(0), 10).await.unwrap(), [admin.clone(), user.clone()]);
    bed.store.delete_key(by(admin.id), user.id).await.unwrap();
    assert_eq!(bed.store.key_by_hash("h2").await.unwrap(), None);
    assert!(matches!(bed.store.delete_key(BY, user.id).await, Err(StoreError::NotFound("key"))));
    let nobody = bed.store.add_key(BY, NewKey::new("nobody's", "h3", Role::User, Some(UserId(999)))).await;
    assert!(matches!(nobody, Err(StoreError::NotFound("user"))), "{nobody:?}");
    assert_eq!(bed.store.keys(KeyId(0), 10).await.unwrap(), [admin]);
    bed.store.ping().await.unwrap();
}

async fn a_key_counts_until_it_expires(bed: &Bed) {
    let at = bed.now() + Duration::from_hours(1);
    let new = NewKey { expires_at: Some(at), ..NewKey::new("for an hour", "h1", Role::Admin, None) };
    let key = bed.store.add_key(BY, new).await.unwrap();
    let later = bed.now() + Duration::from_hours(24);
    bed.store.begin_browser_session(BY, key.id, "s1", later).await.unwrap();
    assert!(!key.is_over(bed.now()) && bed.store.has_key(key.id).await.unwrap());
    assert!(bed.store.browser_session("s1").await.unwrap().is_some());
    bed.clock.set(at);
    assert!(key.is_over(bed.now()) && !bed.store.has_key(key.id).await.unwrap());
    assert_eq!(bed.store.browser_session("s1").await.unwrap(), None);
    // One that expires cannot be counted on to make others: it may go, and the one that stays may not.
    let last = bed.store.add_key(BY, NewKey::new("last", "h2", Role::Admin, None)).await.unwrap();
    assert!(matches!(bed.store.delete_key(BY, last.id).await, Err(StoreError::LastAdminKey)));
    bed.store.delete_key(BY, key.id).await.unwrap();
}

async fn the_last_use_of_a_key_is_kept(bed: &Bed) {
    let key = bed.store.add_key(BY, NewKey::new("k", "h1", Role::Reader, None)).await.unwrap();
    let other = bed.store.add_key(BY, NewKey::new("other", "h2", Role::Reader, None)).await.unwrap();
    assert_eq!(key.used, None);
    let used = |seconds, from: &str| KeyUse { at: bed.now() + Duration::from_secs(seconds), from: from.parse().unwrap() };
    let (first, second) = (used(1, "198.51.100.7"), used(2, "2001:db8::1"));
    bed.store.note_key_uses(&[]).await.unwrap();
    bed.store.note_key_uses(&[(other.id, first), (key.id, second), (KeyId(999), first)]).await.unwrap();
    // What another process saw before changes nothing.
    bed.store.note_key_uses(&[(key.id, first)]).await.unwrap();
    let kept: Vec<_> = bed.store.keys(KeyId(0), 10).await.unwrap().into_iter().map(|key| key.used).collect();
    assert_eq!(kept, [Some(second), Some(first)]);
}

fn by(id: KeyId) -> Actor {
    Actor::Key { id, address: Some("198.51.100.7".parse().unwrap()) }
}

async fn the_audit_log_is_searched_by_who_what_and_to_what(bed: &Bed) {
    for (key, action, object) in [
        (1, "contact.create", "users/4/contacts/9"),
        (1, "contact.delete", "users/41/contacts/9"),
        (2, "contact_key.read", "users/4"),
        (2, "key.create", "keys/4"),
    ] {
        bed.store.note(by(KeyId(key)), action, object, None).await.unwrap();
    }
    let found = async |filter: AuditFilter| {
        let entries = bed.store.audit(&AuditFilter { limit: 10, ..filter }).await.unwrap();
        entries.into_iter().map(|entry| entry.object).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(AuditFilter { key: Some(KeyId(2)), ..AuditFilter::default() }).await, ["keys/4", "users/4"]);
    assert_eq!(
        found(AuditFilter { action: text("contact."), ..AuditFilter::default() }).await,
        ["users/41/contacts/9", "users/4/contacts/9"]
    );
    // Of a path, what is under it, and not what only begins alike; no character of it stands for others.
    assert_eq!(found(AuditFilter { object: text("users/4"), ..AuditFilter::default() }).await, ["users/4", "users/4/contacts/9"]);
    assert_eq!(found(AuditFilter { object: text("users/%"), ..AuditFilter::default() }).await, [""; 0]);
    let both = AuditFilter { object: text("users/4"), action: text("contact_"), key: Some(KeyId(2)), ..AuditFilter::default() };
    assert_eq!(found(both).await, ["users/4"]);
}

async fn keys_are_read_in_pages(bed: &Bed) {
    for number in 1..=5 {
        bed.store.add_key(BY, NewKey::new("k", &format!("h{number}"), Role::Reader, None)).await.unwrap();
    }
    let ids = async |after, limit| {
        let page = bed.store.keys(KeyId(after), limit).await.unwrap();
        page.iter().map(|key| key.id.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(0, 2).await, [1, 2]);
    assert_eq!(ids(2, 2).await, [3, 4]);
    assert_eq!(ids(4, 2).await, [5]);
}

/// Whoever goes second finds that it is the last, however closely they come, and whether a key is deleted or the user it is
/// bound to. A pair cannot make other keys, and counts for nothing.
async fn the_last_admin_key_stays(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    bed.store.add_key(BY, NewKey { public_key: Some("pk_1"), ..NewKey::new("pair", "p1", Role::Admin, None) }).await.unwrap();
    bed.store.add_key(BY, NewKey::new("reader", "r1", Role::Reader, None)).await.unwrap();
    for round in 0..5 {
        let hash = |name| format!("{name}{round}");
        let (one, annas) = (hash("one"), hash("annas"));
        let one = bed.store.add_key(BY, NewKey::new("one", &one, Role::Admin, None)).await.unwrap();
        let annas = bed.store.add_key(BY, NewKey::new("anna's", &annas, Role::Admin, Some(anna))).await.unwrap();
        let (first, second) = tokio::join!(bed.store.delete_key(BY, one.id), bed.store.delete_key(BY, annas.id));
        let refused = [first, second].into_iter().filter(|outcome| matches!(outcome, Err(StoreError::LastAdminKey))).count();
        assert_eq!(refused, 1, "round {round}");
        let left: Vec<KeyId> = bed
            .store
            .keys(KeyId(0), 10)
            .await
            .unwrap()
            .iter()
            .filter(|k| k.role == Role::Admin && k.public_key.is_none())
            .map(|k| k.id)
            .collect();
        assert_eq!(left.len(), 1);
        // Makes room for the next round.
        bed.execute(&format!("DELETE FROM keys WHERE id = {}", left[0])).await;
    }
    let annas = bed.store.add_key(BY, NewKey::new("anna's", "last", Role::Admin, Some(anna))).await.unwrap();
    assert!(matches!(bed.store.delete_user(BY, anna).await, Err(StoreError::LastAdminKey)));
    assert!(bed.store.has_key(annas.id).await.unwrap(), "nothing of the user is gone");
    let other = bed.store.add_key(BY, NewKey::new("other", "other", Role::Admin, None)).await.unwrap();
    let (user, key) = tokio::join!(bed.store.delete_user(BY, anna), bed.store.delete_key(BY, other.id));
    assert!(user.is_ok() != key.is_ok(), "{user:?} {key:?}");
}

async fn the_configured_admin_key_takes_the_place_of_the_one_before(bed: &Bed) {
    let hashes = async || {
        let keys = bed.store.keys(KeyId(0), 10).await.unwrap();
        keys.iter().map(|key| (key.id.0, key.name.clone())).collect::<Vec<_>>()
    };
    let name = |text: &str| text.to_owned();
    // Made up at the first start, and only then.
    assert_eq!(bed.store.ensure_admin_key("made up", "m1", false).await.unwrap(), AdminKey::Made);
    assert_eq!(bed.store.ensure_admin_key("made up", "m2", false).await.unwrap(), AdminKey::Kept);
    assert_eq!(bed.store.ensure_admin_key("a", "c1", true).await.unwrap(), AdminKey::Made);
    assert_eq!(bed.store.ensure_admin_key("a", "c1", true).await.unwrap(), AdminKey::Kept);
    assert_eq!(hashes().await, [(1, name("made up")), (2, name("a"))]);
    // Several processes with the new one start at once.
    let (one, other) = tokio::join!(bed.store.ensure_admin_key("b", "c2", true), bed.store.ensure_admin_key("b", "c2", true));
    let mut outcomes = [one.unwrap(), other.unwrap()];
    outcomes.sort_by_key(|outcome| *outcome != AdminKey::Made);
    assert_eq!(outcomes, [AdminKey::Made, AdminKey::Kept]);
    assert_eq!(hashes().await, [(1, name("made up")), (3, name("b"))]);
    // Taken out of the configuration, it stays until somebody deletes it; and then does not come back.
    assert_eq!(bed.store.ensure_admin_key("made up", "m3", false).await.unwrap(), AdminKey::Kept);
    bed.store.delete_key(BY, KeyId(3)).await.unwrap();
    assert_eq!(bed.store.ensure_admin_key("b", "c2", true).await.unwrap(), AdminKey::Deleted);
    assert_eq!(hashes().await, [(1, name("made up"))]);
    // Without any, the database would be closed to its owner.
    bed.execute("DELETE FROM keys").await;
    assert_eq!(bed.store.ensure_admin_key("b", "c2", true).await.unwrap(), AdminKey::Made);
}

async fn the_audit_log_says_who_from_where_and_what_changed(bed: &Bed) {
    let key = bed.store.add_key(BY, NewKey::new("first", "h1", Role::Admin, None)).await.unwrap();
    let anna = bed.user("anna").await.id;
    let made = bed.store.create_contact(BY, anna, contact(ContactKind::Email, "anna@example.org")).await.unwrap();
    let moved = NewContact { status: ContactStatus::Locked, ..contact(ContactKind::Email, "secret-address@example.com") };
    bed.store.replace_contact(by(key.id), anna, made.id, moved).await.unwrap();
    let entry = bed.store.audit(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.unwrap().remove(0);
    assert_eq!((entry.key_id, entry.address.as_deref()), (Some(key.id), Some("198.51.100.7")));
    assert_eq!((entry.action.as_str(), entry.object), ("contact.replace", format!("users/{anna}/contacts/{}", made.id)));
    let expected = json!({
        "target": { "before": "an…@example.org", "after": "se…@example.com" },
        "status": { "before": "OK", "after": "LOCKED" },
    });
    assert_eq!(entry.detail.map(Value::Object), Some(expected));
    bed.store.note(Actor::Stranger { address: "2001:db8::".parse().unwrap() }, "key.refused", "keys", None).await.unwrap();
    let entry = bed.store.audit(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.unwrap().remove(0);
    assert_eq!((entry.key_id, entry.address.as_deref(), entry.detail), (None, Some("2001:db8::"), None));
}

async fn a_hash_that_is_kept_stays_as_it_is(bed: &Bed) {
    let first = bed.store.add_key(BY, NewKey::new("first", "h1", Role::Admin, None)).await.unwrap();
    assert_eq!(bed.store.add_key(BY, NewKey::new("again", "h1", Role::Reader, None)).await.unwrap(), first);
    assert_eq!(bed.store.keys(KeyId(0), 10).await.unwrap(), [first]);
    assert_eq!(bed.store.audit(&AuditFilter { limit: 10, ..AuditFilter::default() }).await.unwrap().len(), 1);
}

async fn a_pair_keeps_its_public_part(bed: &Bed) {
    let pair = bed.store.add_key(BY, NewKey { public_key: Some("pk_1"), ..NewKey::new("pair", "h1", Role::Admin, None) }).await.unwrap();
    assert_eq!((pair.role, pair.public_key.as_deref()), (Role::Admin, Some("pk_1")));
    assert_eq!(bed.store.key_by_hash("h1").await.unwrap(), Some((pair.clone(), "h1".to_owned())));
    let single = bed.store.add_key(BY, NewKey::new("single", "h2", Role::Admin, None)).await.unwrap();
    assert_eq!(single.public_key, None);
    assert_eq!(bed.store.keys(KeyId(0), 10).await.unwrap(), [pair, single]);
}

async fn the_audit_log_is_read_in_pages_newest_first(bed: &Bed) {
    let key = bed.store.add_key(BY, NewKey::new("first", "h1", Role::Admin, None)).await.unwrap();
    for number in 0..4 {
        bed.store.add_key(by(key.id), NewKey::new("more", &format!("more-{number}"), Role::Reader, None)).await.unwrap();
    }
    let page = bed.store.audit(&AuditFilter { limit: 2, ..AuditFilter::default() }).await.unwrap();
    assert_eq!((page[0].key_id, page[0].at, page[0].action.as_str()), (Some(key.id), bed.now(), "key.create"));
    assert!(page[0].id > page[1].id);
    let rest = bed.store.audit(&AuditFilter { before: Some(page[1].id), limit: 10, ..AuditFilter::default() }).await.unwrap();
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
