//! Opening databases, and refusing those that cannot be used, with a sentence.

use std::str::FromStr;
use std::sync::Arc;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use watchbell_store::access::{Actor, NewKey};
use watchbell_store::{Options, StoreError};

use crate::harness::{Bed, PlansNews};

on_both![
    a_second_process_on_one_sqlite_file_is_refused,
    a_database_of_a_newer_version_is_refused,
    what_was_committed_is_there_after_opening_again,
    a_database_from_before_the_first_release_is_refused,
    a_postgresql_that_does_not_let_in_says_why,
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

/// What is said when the bed's database is opened by another process.
async fn refusal(bed: &Bed) -> String {
    let mut options = bed.options.clone();
    if bed.is_sqlite() {
        // The file is in use here; a copy of it is not.
        let file = options.url.trim_start_matches("sqlite://").to_owned();
        bed.execute(&format!("VACUUM INTO '{file}.copy'")).await;
        options.url = format!("sqlite://{file}.copy");
    }
    sentence(watchbell_store::open(&options, Arc::new(PlansNews), Arc::new(bed.clock.clone())).await)
}

async fn a_database_of_a_newer_version_is_refused(bed: &Bed) {
    bed.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) SELECT 9999, 'later', success, checksum, 0 \
         FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    let sentence = refusal(bed).await;
    assert!(sentence.contains("too new") && sentence.contains("9999"), "{sentence}");
}

/// Its first migration was another one, and others came after it that are in the first one now.
async fn a_database_from_before_the_first_release_is_refused(bed: &Bed) {
    let other = if bed.is_sqlite() { "x'00'" } else { "'\\x00'" };
    bed.execute(&format!("UPDATE _sqlx_migrations SET checksum = {other}")).await;
    bed.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) SELECT 2, 'waiting', success, checksum, 0 \
         FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    let sentence = refusal(bed).await;
    assert!(sentence.contains("made before the first release"), "{sentence}");
    assert!(sentence.contains("set database.url to a new, empty database"), "{sentence}");
    assert!(sentence.contains("watchbell export") && sentence.contains("watchbell import"), "{sentence}");
}

async fn what_was_committed_is_there_after_opening_again(bed: &Bed) {
    let options = Options { url: bed.options.url.replace("watchbell.db", "deep/er/watchbell.db"), ..bed.options.clone() };
    let clock = Arc::new(bed.clock.clone());
    for hash in ["one", "two"] {
        let store = watchbell_store::open(&options, Arc::new(PlansNews), clock.clone()).await.unwrap();
        store.add_key(Actor::System, NewKey::new(hash, hash, watchbell_core::access::Role::Admin, None)).await.unwrap();
        assert_eq!(store.keys(watchbell_core::KeyId(0), 10).await.unwrap().len(), if hash == "one" { 1 } else { 2 });
    }
}

async fn a_postgresql_that_does_not_let_in_says_why(bed: &Bed) {
    if bed.is_sqlite() {
        return;
    }
    let server = PgConnectOptions::from_str(&bed.options.url).unwrap();
    let at = format!("cannot open the PostgreSQL database at {}:{}: ", server.get_host(), server.get_port());
    let stranger = format!("stranger_{}", std::process::id());
    // Whether a password is asked for is the server's own business; a user who is unknown or may not log in is refused by any.
    bed.execute(&format!("CREATE ROLE {stranger} NOLOGIN PASSWORD 'hunter2'")).await;
    let table = [
        (server.clone().database("no_such_database"), format!("{at}there is no database \"no_such_database\"; CREATE DATABASE makes it")),
        (server.clone().username(&stranger).password("hunter2"), format!("{at}it does not let the user \"{stranger}\" in: ")),
    ];
    for (options, expected) in table {
        let options = Options::new(options.to_url_lossy());
        let found = sentence(watchbell_store::open(&options, Arc::new(PlansNews), Arc::new(bed.clock.clone())).await);
        assert!(found.starts_with(&expected) && !found.contains("hunter2") && !found.contains('\n'), "{found}");
    }
    bed.execute(&format!("DROP ROLE {stranger}")).await;
}

#[tokio::test]
async fn what_is_no_database_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is not a database, whatever its name says. ".repeat(100)).unwrap();
    let clock = Arc::new(watchbell_core::SystemClock);
    let table = [
        ("mysql://localhost/x".to_owned(), "must begin with sqlite:// or postgres://"),
        (
            "postgres://127.0.0.1:1/watchbell".to_owned(),
            "cannot open the PostgreSQL database at 127.0.0.1:1: connection refused; is PostgreSQL running there?",
        ),
        ("postgres://no-such-host.invalid/watchbell".to_owned(), "cannot open the PostgreSQL database at no-such-host.invalid:5432: "),
        (format!("sqlite://{}", text.display()), "cannot open the database"),
        (format!("sqlite://{}/below/x.db", text.display()), "cannot make the folder"),
    ];
    for (url, part) in table {
        let options = Options::new(url.clone());
        let sentence = sentence(watchbell_store::open(&options, Arc::new(PlansNews), clock.clone()).await);
        assert!(sentence.contains(part) && !sentence.contains('\n'), "{url}: {sentence}");
    }
}
