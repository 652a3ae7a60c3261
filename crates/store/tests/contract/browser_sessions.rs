//! Sessions of browsers.

use std::time::Duration;

use watchbell_core::access::Role;
use watchbell_store::StoreError;
use watchbell_store::access::{AuditFilter, NewKey, SESSIONS_PER_KEY};
use watchbell_store::housekeeping::Cutoffs;

use crate::harness::{BY, Bed};

on_both![a_session_ends_with_its_key, a_session_ends_in_time, a_session_ends_when_it_is_told_to, a_key_has_so_many_sessions];
on_both![whoever_signs_in_elsewhere_has_one_key_as_long_as_their_role_is_the_same];

async fn a_session_ends_with_its_key(bed: &Bed) {
    let key = bed.store.add_key(BY, NewKey::new("k", "h", Role::Admin, None)).await.unwrap();
    bed.store.add_key(BY, NewKey::new("other", "o", Role::Admin, None)).await.unwrap();
    let expires_at = bed.now().plus_s(60);
    bed.store.begin_browser_session(BY, key.id, "s", expires_at).await.unwrap();
    let session = bed.store.browser_session("s").await.unwrap().unwrap();
    assert_eq!((session.key, session.expires_at), (key.clone(), expires_at));
    assert_eq!(bed.store.browser_session("another").await.unwrap(), None);
    bed.store.delete_key(BY, key.id).await.unwrap();
    assert_eq!(bed.store.browser_session("s").await.unwrap(), None);
    let gone = bed.store.begin_browser_session(BY, key.id, "t", expires_at).await;
    assert!(matches!(gone, Err(StoreError::NotFound("key"))), "{gone:?}");
}

async fn a_session_ends_in_time(bed: &Bed) {
    let key = bed.store.add_key(BY, NewKey::new("k", "h", Role::Reader, None)).await.unwrap();
    bed.store.begin_browser_session(BY, key.id, "s", bed.now().plus_s(60)).await.unwrap();
    bed.clock.advance(Duration::from_secs(59));
    assert!(bed.store.browser_session("s").await.unwrap().is_some());
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(bed.store.browser_session("s").await.unwrap(), None);
    bed.clock.advance(Duration::from_secs(1));
    bed.store.tidy(&Cutoffs::all(bed.now()), 10).await.unwrap();
    assert_eq!(bed.number("SELECT COUNT(*) FROM browser_sessions").await, 0);
}

async fn a_session_ends_when_it_is_told_to(bed: &Bed) {
    let key = bed.store.add_key(BY, NewKey::new("k", "h", Role::Reader, None)).await.unwrap();
    bed.store.begin_browser_session(BY, key.id, "s", bed.now().plus_s(60)).await.unwrap();
    assert!(bed.store.end_browser_session(BY, "s").await.unwrap());
    assert!(!bed.store.end_browser_session(BY, "s").await.unwrap());
    assert_eq!(bed.store.browser_session("s").await.unwrap(), None);
    let audit = bed.store.audit(&AuditFilter { limit: 2, ..AuditFilter::default() }).await.unwrap();
    let lines: Vec<(&str, &str)> = audit.iter().map(|entry| (entry.action.as_str(), entry.object.as_str())).collect();
    assert_eq!(lines, [("session.end", "keys/1"), ("session.begin", "keys/1")]);
}

async fn a_key_has_so_many_sessions(bed: &Bed) {
    let key = bed.store.add_key(BY, NewKey::new("k", "h", Role::Reader, None)).await.unwrap();
    for number in 0..=SESSIONS_PER_KEY {
        bed.store.begin_browser_session(BY, key.id, &format!("s{number}"), bed.now().plus_s(600)).await.unwrap();
        bed.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(bed.number("SELECT COUNT(*) FROM browser_sessions").await, SESSIONS_PER_KEY);
    assert_eq!(bed.store.browser_session("s0").await.unwrap(), None, "the oldest gave way");
    assert!(bed.store.browser_session("s1").await.unwrap().is_some());
}

async fn whoever_signs_in_elsewhere_has_one_key_as_long_as_their_role_is_the_same(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let key = bed.store.sign_on_key("anna@idp", "single sign-on Anna", Role::User, Some(anna)).await.unwrap();
    let again = bed.store.sign_on_key("anna@idp", "another name", Role::User, Some(anna)).await.unwrap();
    assert_eq!((&again, bed.store.signed_on_user("anna@idp").await.unwrap()), (&key, Some(anna)));
    bed.store.begin_browser_session(BY, key.id, "s", bed.now().plus_s(60)).await.unwrap();
    let admin = bed.store.sign_on_key("anna@idp", "single sign-on Anna", Role::Admin, Some(anna)).await.unwrap();
    assert_ne!(admin.id, key.id);
    assert_eq!(bed.store.browser_session("s").await.unwrap(), None);
    // It does not count as the key that must not be the last one.
    let first = bed.store.add_key(BY, NewKey::new("k", "h", Role::Admin, None)).await.unwrap();
    assert!(matches!(bed.store.delete_key(BY, first.id).await, Err(StoreError::LastAdminKey)));
    bed.store.end_sign_on("anna@idp").await.unwrap();
    bed.store.end_sign_on("nobody@idp").await.unwrap();
    assert_eq!(bed.store.signed_on_user("anna@idp").await.unwrap(), None);
    assert!(!bed.store.has_key(admin.id).await.unwrap());
    let stranger = bed.store.sign_on_key("eve@idp", "e", Role::User, Some(watchbell_core::UserId(anna.0 + 1_000))).await;
    assert!(matches!(stranger, Err(StoreError::NotFound("user"))), "{stranger:?}");
}
