//! Opening databases, and refusing those that cannot be used, with a sentence.

use std::sync::Arc;

use watchbell_store::access::Actor;
use watchbell_store::{Options, StoreError};

use crate::harness::{Bed, PlansNews};

on_both![
    a_second_process_on_one_sqlite_file_is_refused,
    a_database_of_a_newer_version_is_refused,
    what_was_committed_is_there_after_opening_again,
];

fn sentence(result: Result<impl Sized, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable(sentence)) => sentence,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

async fn a_second_process_on_one_sqlite_file_is_refused(bed: &Bed) {
    let second = bed.open_again().await;
    if bed.is_sqlite() {
        let sentence = sentence(second);
        assert!(sentence.contains("another Watchbell process uses the database"), "{sentence}");
        assert!(sentence.contains("use PostgreSQL for more"), "{sentence}");
    } else {
        second.unwrap().ping().await.unwrap();
    }
}

async fn a_database_of_a_newer_version_is_refused(bed: &Bed) {
    bed.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) SELECT 9999, 'later', success, checksum, 0 \
         FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    let mut options = bed.options.clone();
    if bed.is_sqlite() {
        // The file is in use here; a copy of it is not.
        let file = options.url.trim_start_matches("sqlite://").to_owned();
        bed.execute(&format!("VACUUM INTO '{file}.copy'")).await;
        options.url = format!("sqlite://{file}.copy");
    }
    let sentence = sentence(watchbell_store::open(&options, Arc::new(PlansNews), Arc::new(bed.clock.clone())).await);
    assert!(sentence.contains("too new") && sentence.contains("9999"), "{sentence}");
}

async fn what_was_committed_is_there_after_opening_again(bed: &Bed) {
    let options = Options { url: bed.options.url.replace("watchbell.db", "deep/er/watchbell.db"), ..bed.options.clone() };
    let clock = Arc::new(bed.clock.clone());
    for hash in ["one", "two"] {
        let store = watchbell_store::open(&options, Arc::new(PlansNews), clock.clone()).await.unwrap();
        store.add_key(Actor::System, hash, hash, watchbell_core::access::Role::Admin, None).await.unwrap();
        assert_eq!(store.keys().await.unwrap().len(), if hash == "one" { 1 } else { 2 });
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is not a database, whatever its name says. ".repeat(100)).unwrap();
    let clock = Arc::new(watchbell_core::SystemClock);
    let table = [
        ("mysql://localhost/x".to_owned(), "must begin with sqlite:// or postgres://"),
        ("postgres://127.0.0.1:1/watchbell".to_owned(), "cannot open the PostgreSQL database at 127.0.0.1:1"),
        (format!("sqlite://{}", text.display()), "cannot open the database"),
        (format!("sqlite://{}/below/x.db", text.display()), "cannot make the folder"),
    ];
    for (url, part) in table {
        let options = Options::new(url.clone());
        let sentence = sentence(watchbell_store::open(&options, Arc::new(PlansNews), clock.clone()).await);
        assert!(sentence.contains(part) && !sentence.contains('\n'), "{url}: {sentence}");
    }
}
