//! Sessions of browsers.

use std::time::Duration;

use watchbell_core::access::Role;
use watchbell_store::StoreError;
use watchbell_store::access::{AuditFilter, SESSIONS_PER_KEY};
use watchbell_store::housekeeping::Cutoffs;

use crate::harness::{BY, Bed};

on_both![a_session_ends_with_its_key, a_session_ends_in_time, a_session_ends_when_it_is_told_to, a_key_has_so_many_sessions];

async fn a_session_ends_with_its_key(bed: &Bed) {
    let key = bed.store.add_key(BY, "k", "h", Role::Admin, None).await.unwrap();
    bed.store.add_key(BY, "other", "o", Role::Admin, None).await.unwrap();
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
    let key = bed.store.add_key(BY, "k", "h", Role::Reader, None).await.unwrap();
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
    let key = bed.store.add_key(BY, "k", "h", Role::Reader, None).await.unwrap();
    bed.store.begin_browser_session(BY, key.id, "s", bed.now().plus_s(60)).await.unwrap();
    assert!(bed.store.end_browser_session(BY, "s").await.unwrap());
    assert!(!bed.store.end_browser_session(BY, "s").await.unwrap());
    assert_eq!(bed.store.browser_session("s").await.unwrap(), None);
    let audit = bed.store.audit(&AuditFilter { limit: 2, ..AuditFilter::default() }).await.unwrap();
    let lines: Vec<(&str, &str)> = audit.iter().map(|entry| (entry.action.as_str(), entry.object.as_str())).collect();
    assert_eq!(lines, [("session.end", "keys/1"), ("session.begin", "keys/1")]);
}

async fn a_key_has_so_many_sessions(bed: &Bed) {
    let key = bed.store.add_key(BY, "k", "h", Role::Reader, None).await.unwrap();
    for number in 0..=SESSIONS_PER_KEY {
        bed.store.begin_browser_session(BY, key.id, &format!("s{number}"), bed.now().plus_s(600)).await.unwrap();
        bed.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(bed.number("SELECT COUNT(*) FROM browser_sessions").await, SESSIONS_PER_KEY);
    assert_eq!(bed.store.browser_session("s0").await.unwrap(), None, "the oldest gave way");
    assert!(bed.store.browser_session("s1").await.unwrap().is_some());
}
