//! Opening databases, and refusing those that cannot be used, with a sentence.

use std::str::FromStr;
use std::sync::Arc;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use watchbell_core::UserId;
use watchbell_core::event::{AlertData, Event, EventData, Occurrence, Original};
use watchbell_store::access::Actor;
use watchbell_store::{Options, StoreError};

use crate::harness::{Bed, PlansNews, START};

on_both![
    a_second_process_on_one_sqlite_file_is_refused,
    a_database_of_a_newer_version_is_refused,
    what_was_committed_is_there_after_opening_again,
    alerts_of_an_older_version_keep_what_happened,
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

/// State, round, first round since it was resolved, when it was closed.
type Was = (&'static str, i64, i64, Option<i64>);
/// Users, and the rounds in which they are told.
type Responders<'a> = &'a [(UserId, i64)];
type Kinds = &'static [&'static str];

/// Tables as they were before alerts had a history are brought up to date, and what is in them can be planned from.
async fn alerts_of_an_older_version_keep_what_happened(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let at = |s: i64| format!(r#"{{"source":"monitoring","time":{},"received_at":{}}}"#, START + s, START + s);
    for statement in [
        "ALTER TABLE alerts DROP COLUMN history",
        "ALTER TABLE alerts ADD COLUMN opened TEXT",
        "ALTER TABLE alerts ADD COLUMN closed TEXT",
        "ALTER TABLE responders ADD COLUMN is_open BOOLEAN",
        "ALTER TABLE responders ADD COLUMN named TEXT",
        "ALTER TABLE responders ADD COLUMN named_by TEXT",
    ] {
        bed.execute(statement).await;
    }
    let table: [(Was, Responders<'_>, i64, Kinds); 6] = [
        (("open", 1, 1, None), &[(anna, 1), (ben, 1)], 1, &["alert"]),
        (("accepted", 1, 1, Some(20)), &[(anna, 1)], 2, &["alert", "accepted"]),
        (("open", 2, 1, Some(20)), &[(anna, 1), (ben, 2)], 3, &["alert", "accepted", "escalated"]),
        (("open", 2, 2, Some(5)), &[(anna, 1), (ben, 2)], 2, &["resolved", "alert"]),
        (("resolved", 1, 1, Some(20)), &[(anna, 1)], 1, &["resolved"]),
        (("open", 0, 0, None), &[], 0, &[]),
    ];
    for (n, ((state, round, since_round, closed), responders, ..)) in table.iter().enumerate() {
        let closed = closed.map_or_else(|| "NULL".to_owned(), |closed| format!("'{}'", at(closed)));
        bed.execute(&format!(
            "INSERT INTO alerts (id, state, priority, summary, round, since_round, opened, closed, event_id, updated_at) \
             VALUES ('A-{n}', '{state}', 'HIGH', 's', {round}, {since_round}, NULL, {closed}, 'E', 0)"
        ))
        .await;
        for (user, round) in *responders {
            let named = at(round * 10);
            bed.execute(&format!(
                "INSERT INTO responders (alert_id, round, user_id, base_at, event_id, named, named_by, is_open) \
                 VALUES ('A-{n}', {round}, {user}, {START}, 'E', '{named}', 'E-{round}', TRUE)"
            ))
            .await;
        }
    }
    let migration = if bed.is_sqlite() {
        include_str!("../../../../migrations/sqlite/0003_history.sql")
    } else {
        include_str!("../../../../migrations/postgres/0003_history.sql")
    };
    bed.execute(migration).await;
    for (n, (.., events, kinds)) in table.iter().enumerate() {
        let length = if bed.is_sqlite() { "json_array_length(history)" } else { "json_array_length(history::json)::bigint" };
        assert_eq!(bed.number(&format!("SELECT {length} FROM alerts WHERE id = 'A-{n}'")).await, *events, "A-{n}");
        for kind in ["alert", "accepted", "escalated", "resolved"] {
            let found = bed.number(&format!("SELECT COUNT(*) FROM alerts WHERE id = 'A-{n}' AND history LIKE '%\"{kind}\"%'")).await;
            assert_eq!(found == 1, kinds.contains(&kind), "A-{n}: {kind}");
        }
        let event = Event {
            identity: format!("new-{n}"),
            occurrence: Occurrence { source: "monitoring".to_owned(), time: None, received_at: bed.now() },
            data: EventData::Alert(AlertData { alert_id: format!("A-{n}"), summary: "s".to_owned(), ..AlertData::default() }),
            problems: Vec::new(),
            replay_of: None,
            original: Original::default(),
        };
        bed.store.accept(&[event]).await.unwrap();
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
