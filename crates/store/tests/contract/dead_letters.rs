//! What could not be used.

use watchbell_core::Timestamp;
use watchbell_core::event::Original;
use watchbell_store::intake::{DeadLetterFilter, Rejected};

use crate::harness::{BY, Bed, START};

on_both![whatever_came_is_kept_as_it_was, dead_letters_are_filtered_paged_and_purged];

fn rejected(subject: &str, reason: &str, payload: &[u8]) -> Rejected {
    let original = Original {
        subject: subject.to_owned(),
        headers: vec![("ce-id".to_owned(), "1".to_owned()), ("odd".to_owned(), "\u{0}\"\\日".to_owned())],
        payload: payload.to_vec(),
        received_at: Timestamp::from_millis(START - 1_000),
    };
    Rejected { original, reason: reason.to_owned(), detail: "it is no JSON".to_owned() }
}

async fn whatever_came_is_kept_as_it_was(bed: &Bed) {
    let payloads: [&[u8]; 4] = [b"", b"\0\xff\xfe not UTF-8 \0", b"{\"a\":\"\\u0000\"}", &vec![b'x'; 1_000_000]];
    let all: Vec<Rejected> = payloads.iter().map(|payload| rejected("watchbell.events.alert", "bad_json", payload)).collect();
    bed.store.reject(all.clone()).await.unwrap();
    bed.store.reject(vec![]).await.unwrap();
    let mut kept = bed.store.dead_letters(&DeadLetterFilter { limit: 10, ..DeadLetterFilter::default() }).await.unwrap();
    kept.reverse();
    assert!(kept.iter().map(|letter| &letter.rejected).eq(&all));
    assert!(kept.iter().all(|letter| letter.created_at == bed.now() && letter.replayed_at.is_none()));
    assert_eq!(bed.store.dead_letter(kept[1].id).await.unwrap().as_ref(), Some(&kept[1]));
    assert_eq!(bed.store.dead_letter(999).await.unwrap(), None);

    // PostgreSQL keeps no NUL in a text, and refusing would block the stream.
    let odd = Rejected { detail: "a\0b".to_owned(), ..rejected("a\0b", "bad\0json", b"x") };
    bed.store.reject(vec![odd]).await.unwrap();
    let newest = bed.store.dead_letters(&DeadLetterFilter { limit: 1, ..DeadLetterFilter::default() }).await.unwrap().remove(0);
    assert_eq!(newest.rejected.detail, "a\u{fffd}b");
}

async fn dead_letters_are_filtered_paged_and_purged(bed: &Bed) {
    for (subject, reason) in [("alert", "bad_json"), ("duty", "bad_json"), ("alert", "unknown_user"), ("alert", "bad_json")] {
        bed.store.reject(vec![rejected(subject, reason, b"x")]).await.unwrap();
    }
    bed.execute("UPDATE dead_letters SET replayed_at = 1000 WHERE id = 4").await;
    let all = DeadLetterFilter { limit: 10, ..DeadLetterFilter::default() };
    let reason = DeadLetterFilter { reason: Some("bad_json".to_owned()), ..all.clone() };
    let table: [(DeadLetterFilter, &[i64]); 7] = [
        (all.clone(), &[4, 3, 2, 1]),
        (DeadLetterFilter { limit: 2, before: Some(4), ..all.clone() }, &[3, 2]),
        (reason.clone(), &[4, 2, 1]),
        (DeadLetterFilter { subject: Some("duty".to_owned()), ..all.clone() }, &[2]),
        (DeadLetterFilter { replayed: Some(false), ..reason.clone() }, &[2, 1]),
        (DeadLetterFilter { replayed: Some(true), ..all.clone() }, &[4]),
        (DeadLetterFilter { subject: Some("nothing".to_owned()), ..all.clone() }, &[]),
    ];
    for (filter, expected) in table {
        let found = bed.store.dead_letters(&filter).await.unwrap();
        assert_eq!(found.iter().map(|letter| letter.id).collect::<Vec<_>>(), expected, "{filter:?}");
    }
    // A purge takes all that the filter finds, not a page of it.
    let filter = DeadLetterFilter { limit: 1, before: Some(2), ..reason };
    assert_eq!(bed.store.purge_dead_letters(BY, &filter).await.unwrap(), 3);
    assert_eq!(bed.store.dead_letters(&all).await.unwrap().len(), 1);
    assert_eq!(bed.store.audit(None, 1).await.unwrap()[0].action, "dead_letter.purge");
}
