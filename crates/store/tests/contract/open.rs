//! Opening databases, and refusing those that cannot be used, with a sentence.

use std::str::FromStr;
use std::sync::Arc;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use watchbell_core::event::{AlertData, Event, EventData, Occurrence, Original};
use watchbell_core::outcome::Class;
use watchbell_core::{DeliveryId, Timestamp, UserId};
use watchbell_store::access::Actor;
use watchbell_store::inline::NoInlineDispatch;
use watchbell_store::queue::Attempt;
use watchbell_store::{Options, StoreError};

use crate::harness::{Bed, PlansNews, START};

on_both![
    a_second_process_on_one_sqlite_file_is_refused,
    a_database_of_a_newer_version_is_refused,
    what_was_committed_is_there_after_opening_again,
    alerts_of_an_older_version_keep_what_happened,
    deliveries_of_an_older_version_are_found_by_what_they_are_about,
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
        assert_eq!(store.keys(watchbell_core::KeyId(0), 10).await.unwrap().len(), if hash == "one" { 1 } else { 2 });
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
            occurrence: Occurrence { source: "monitoring".to_owned(), time: None, received_at: bed.now(), sequence: 0 },
            data: EventData::Alert(AlertData { alert_id: format!("A-{n}"), summary: "s".to_owned(), ..AlertData::default() }),
            problems: Vec::new(),
            replay_of: None,
            original: Original::default(),
        };
        bed.store.accept(&[event], None, &NoInlineDispatch).await.unwrap();
    }
}

/// Tables as they were before deliveries had a subject are brought up to date.
async fn deliveries_of_an_older_version_are_found_by_what_they_are_about(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    for statement in [
        "DROP INDEX deliveries_subject",
        "ALTER TABLE deliveries DROP COLUMN subject",
        "ALTER TABLE deliveries DROP COLUMN attempt_log",
        "ALTER TABLE deliveries ADD COLUMN duty_id TEXT",
        "ALTER TABLE events DROP COLUMN subject",
        "ALTER TABLE responders ADD COLUMN is_open BOOLEAN",
        "CREATE TABLE attempts (delivery_id TEXT, number BIGINT, at BIGINT, provider TEXT, class TEXT, code TEXT, message_id TEXT, latency_ms BIGINT)",
        "CREATE INDEX alerts_event ON alerts (event_id)",
        "CREATE INDEX deliveries_scope ON deliveries (scope)",
        "CREATE INDEX deliveries_duty ON deliveries (duty_id)",
        "CREATE INDEX deliveries_alert ON deliveries (alert_id)",
        "CREATE INDEX deliveries_event ON deliveries (event_id)",
        "CREATE INDEX responders_open ON responders (user_id)",
    ] {
        bed.execute(statement).await;
    }
    for (id, kind, data) in [("E1", "alert", r#"{"alertId":"A-1"}"#), ("E2", "duty", r#"{"dutyId":"D-1"}"#), ("E3", "subscription", "{}")] {
        let values = format!("'{id}', '{id}', '{kind}', 0, 0, '{data}'");
        bed.execute(&format!("INSERT INTO events (id, identity, kind, base_at, received_at, data) VALUES ({values})")).await;
    }
    // Scope, event, alert, duty, purpose, and what it is about.
    let table = [
        ("alert:1:A-1", "E1", "'A-1'", "NULL", "rule", "alert:A-1"),
        ("duty:5:D-1", "E2", "NULL", "'D-1'", "rule", "duty:D-1"),
        ("event:E3", "E3", "NULL", "NULL", "rule", "event:E3"),
        ("event:E3", "E3", "'A-1'", "NULL", "rule", "alert:A-1"),
        ("event:B", "E1", "NULL", "NULL", "bundle", "alert:A-1"),
        ("event:B", "gone", "NULL", "NULL", "bundle", "event:B"),
    ];
    for (n, (scope, event, alert, duty, purpose, _)) in table.iter().enumerate() {
        bed.execute(&format!(
            "INSERT INTO deliveries (id, scope, event_id, alert_id, duty_id, user_id, purpose, cause, channel, address, rules, critical, rank, \
             due_at, ready_at, state, attempts, created_at, updated_at) VALUES ('D{n}', '{scope}', '{event}', {alert}, {duty}, {anna}, \
             '{purpose}', 'alert_high', 'email', 'a', '[7]', FALSE, 0, 0, 0, 'sent', 2, 0, 0)"
        ))
        .await;
    }
    bed.execute(
        "INSERT INTO attempts VALUES ('D0', 2, 9, 'smtp', 'Accepted', NULL, 'm\"1', 3), ('D0', 1, 8, 'smtp', 'Unknown', '451', NULL, NULL)",
    )
    .await;
    for (round, open) in [(1, "FALSE"), (2, "TRUE")] {
        let values = format!("'A-1', {round}, {anna}, 0, 'E1', {open}");
        bed.execute(&format!("INSERT INTO responders (alert_id, round, user_id, base_at, event_id, is_open) VALUES ({values})")).await;
    }
    let migration = if bed.is_sqlite() {
        include_str!("../../../../migrations/sqlite/0005_subject.sql")
    } else {
        include_str!("../../../../migrations/postgres/0005_subject.sql")
    };
    bed.execute(migration).await;
    for (n, (.., subject)) in table.iter().enumerate() {
        let found = bed.number(&format!("SELECT COUNT(*) FROM deliveries WHERE id = 'D{n}' AND subject = '{subject}'")).await;
        assert_eq!(found, 1, "D{n} is not about {subject}");
    }
    let (_, attempts) = bed.store.delivery(&DeliveryId("D0".to_owned())).await.unwrap().unwrap();
    let attempt = |number, ms, class, code: Option<&str>, message_id: Option<&str>, latency_ms| Attempt {
        number,
        at: Timestamp::from_millis(ms),
        provider: "smtp".to_owned(),
        class,
        code: code.map(str::to_owned),
        message_id: message_id.map(str::to_owned),
        latency_ms,
        not_before: None,
        goes_on: false,
    };
    let expected = [attempt(1, 8, Class::Unknown, Some("451"), None, None), attempt(2, 9, Class::Accepted, None, Some("m\"1"), Some(3))];
    assert_eq!(attempts, expected);
    assert_eq!(bed.number("SELECT CAST(SUM(round) AS BIGINT) FROM responders").await, 2, "only who is told still is a responder");
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
