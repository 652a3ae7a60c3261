//! What could not be used.

use watchbell_core::Timestamp;
use watchbell_core::event::Original;
use watchbell_store::access::AuditFilter;
use watchbell_store::intake::{DETAIL_BYTES, DeadLetterFilter, Rejected, TOO_LARGE_KEPT_BYTES};

use crate::harness::{BY, Bed, START};

on_both![whatever_came_is_kept_as_it_was, dead_letters_are_filtered_paged_and_purged, what_a_dead_letter_takes_is_bounded];

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
    assert!(kept.iter().all(|letter| letter.created_at == bed.now() && letter.replayed_at.is_none()));
    for (letter, came) in kept.iter().zip(&all) {
        assert_eq!((&letter.subject, &letter.reason, &letter.detail), (&came.original.subject, &came.reason, &came.detail));
        assert_eq!(bed.store.dead_letter(letter.id).await.unwrap(), Some((letter.clone(), came.original.clone())));
    }
    assert_eq!(bed.store.dead_letter(999).await.unwrap(), None);

    // PostgreSQL keeps no NUL in a text, and refusing would block the stream.
    let odd = Rejected { detail: "a\0b".to_owned(), ..rejected("a\0b", "bad\0json", b"x") };
    bed.store.reject(vec![odd]).await.unwrap();
    let newest = bed.store.dead_letters(&DeadLetterFilter { limit: 1, ..DeadLetterFilter::default() }).await.unwrap().remove(0);
    assert_eq!(newest.detail, "a\u{fffd}b");
}

/// What somebody sends by mistake, or to do harm, takes little room, and what can be replayed is kept whole.
async fn what_a_dead_letter_takes_is_bounded(bed: &Bed) {
    let size = async || {
        if bed.is_sqlite() {
            bed.number("SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)").await
        } else {
            bed.number("SELECT pg_total_relation_size('dead_letters')").await
        }
    };
    let before = size().await;
    let names: Vec<String> = (0..10_000).map(|n| format!("\"nobody-{n:05}@some-department.example.org\"")).collect();
    let payload = format!("{{\"responders\":[{}]}}", names.join(",")).into_bytes();
    let detail = format!("nobody is called {}", names.join(", "));
    for _ in 0..15 {
        let ten = (0..10).map(|_| Rejected { detail: detail.clone(), ..rejected("alert", "unknown_user", &payload) });
        bed.store.reject(ten.collect()).await.unwrap();
    }
    let grown = size().await - before;
    assert!(grown < 16 << 20, "{} bytes of payloads took {grown}", 150 * payload.len());
    let page = bed.store.dead_letters(&DeadLetterFilter { limit: 500, ..DeadLetterFilter::default() }).await.unwrap();
    assert!(page.iter().all(|letter| letter.detail.len() <= DETAIL_BYTES && letter.detail.ends_with('…')));
    assert_eq!(bed.store.dead_letter(page[0].id).await.unwrap().unwrap().1.payload, payload);

    // What no replay would take is kept in part, and says so; long headers come back as they were.
    let mut huge = rejected("alert", "too_large", &vec![b'y'; 3 << 20]);
    huge.original.headers = vec![("ce-long".to_owned(), "h".repeat(200_000))];
    bed.store.reject(vec![huge.clone()]).await.unwrap();
    let newest = bed.store.dead_letters(&DeadLetterFilter { limit: 1, ..DeadLetterFilter::default() }).await.unwrap().remove(0);
    assert_eq!(newest.detail, "it is no JSON; the first 65536 of its 3145728 bytes are kept");
    let (_, original) = bed.store.dead_letter(newest.id).await.unwrap().unwrap();
    assert_eq!((original.payload.len(), original.headers), (TOO_LARGE_KEPT_BYTES, huge.original.headers));
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
    assert_eq!(bed.store.audit(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.unwrap()[0].action, "dead_letter.purge");
}
