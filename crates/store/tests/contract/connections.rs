//! Whose the connections are, how many it takes, and what becomes of those that do not work any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use watchbell_core::Channel;
use watchbell_core::ids::UserRef;
use watchbell_store::preferences::NewCategory;
use watchbell_store::queue::Ranks;
use watchbell_store::{Options, StoreError};

use crate::harness::{BY, Bed, PlansNews};

on_both![
    what_is_sent_never_waits_for_requests_to_the_api,
    too_few_connections_are_refused_with_the_least_that_works,
    with_the_least_connections_everything_works,
    a_file_is_locked_by_whichever_name,
    a_change_that_is_given_up_halfway_leaves_no_lock_behind,
    statements_are_prepared_anew_when_the_schema_has_changed,
    readiness_is_a_commit_and_bounded_in_time,
    a_log_that_became_long_is_given_back,
];

fn category(n: usize) -> NewCategory {
    NewCategory { handle: format!("c{n}"), name: "C".to_owned(), default_channels: vec![Channel::Email] }
}

/// A hundred changes at once, which nobody lets through on PostgreSQL, and which take their turns on SQLite.
async fn what_is_sent_never_waits_for_requests_to_the_api(bed: &Bed) {
    let epoch = bed.store.open_session("one", "worker", &[Channel::Email], Duration::from_secs(6)).await.unwrap();
    if !bed.is_sqlite() {
        bed.execute("BEGIN; LOCK TABLE categories").await;
    }
    let done = Arc::new(AtomicUsize::new(0));
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (store, done) = (bed.store.clone(), Arc::clone(&done));
        asked.spawn(async move {
            let made = store.put_category(BY, category(n)).await;
            done.fetch_add(1, Ordering::Relaxed);
            made
        });
    }
    tokio::task::yield_now().await;
    let before = done.load(Ordering::Relaxed);
    let sent = async {
        assert!(bed.store.heartbeat(epoch, Duration::from_secs(6), &[]).await.unwrap().is_alive);
        bed.store.claim(epoch, Channel::Email, Ranks::All, 10).await.unwrap();
        bed.store.next_ready(Channel::Email, Ranks::All).await.unwrap();
        bed.store.reject(Vec::new()).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(1), sent).await.expect("it waits for the API");
    let meanwhile = done.load(Ordering::Relaxed) - before;
    assert!(meanwhile < 20, "{meanwhile} changes went before four transitions");
    if !bed.is_sqlite() {
        bed.execute("COMMIT").await;
    }
    while let Some(made) = asked.join_next().await {
        made.unwrap().unwrap();
    }
}

async fn too_few_connections_are_refused_with_the_least_that_works(bed: &Bed) {
    let table = [
        (
            1,
            0,
            Some(
                "database.max_connections = 1: must be at least 4 for this process's roles: 2 to plan and send, 1 for heartbeats, 1 to hear wake-ups",
            ),
        ),
        (4, 0, None),
        (5, 2, Some("must be at least 6")),
        (6, 2, None),
        (7, 4, Some("1 to hear wake-ups, 4 for requests to the API (database.api_connections)")),
    ];
    for (max_connections, api_connections, problem) in table {
        let options = Options { max_connections, api_connections, ..bed.options.clone() };
        if bed.is_sqlite() {
            assert_eq!(options.problem(), None, "its one writer is beside these");
            continue;
        }
        let opened = watchbell_store::open(&options, Arc::new(PlansNews), Arc::new(bed.clock.clone())).await;
        match (problem, opened) {
            (None, Ok(_)) => {}
            (Some(problem), Err(StoreError::Unusable(sentence))) => assert!(sentence.contains(problem), "{sentence}"),
            (problem, opened) => panic!("{problem:?}: {opened:?}"),
        }
    }
}

async fn with_the_least_connections_everything_works(bed: &Bed) {
    let mut options = if bed.is_sqlite() {
        Options { max_connections: 1, ..bed.options.clone() }
    } else {
        Options { max_connections: 5, api_connections: 1, ..bed.options.clone() }
    };
    options.url = options.url.replace("watchbell.db", "least.db");
    let store = watchbell_store::open(&options, Arc::new(PlansNews), Arc::new(bed.clock.clone())).await.unwrap();
    let epoch = store.open_session("one", "worker", &[Channel::Email], Duration::from_secs(6)).await.unwrap();
    let all = async {
        for n in 0..20 {
            let (put, listed, claimed, renewed, accepted, fanned_out) = tokio::join!(
                store.put_category(BY, category(n)),
                store.categories(),
                store.claim(epoch, Channel::Email, Ranks::All, 10),
                store.heartbeat(epoch, Duration::from_secs(6), &[]),
                store.reject(Vec::new()),
                store.fan_out(),
            );
            assert!(put.is_ok() && listed.is_ok() && claimed.is_ok() && renewed.is_ok() && accepted.is_ok() && fanned_out.is_ok());
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("it stands still");
}

async fn a_file_is_locked_by_whichever_name(bed: &Bed) {
    if !bed.is_sqlite() {
        return;
    }
    let file = std::path::PathBuf::from(bed.options.url.trim_start_matches("sqlite://"));
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink(&file, in_folder("symbolic.db")).unwrap();
    std::os::unix::fs::symlink(in_folder("symbolic.db"), in_folder("twice.db")).unwrap();
    std::os::unix::fs::symlink(file.parent().unwrap(), in_folder("folder")).unwrap();
    // A hard link needs the same file system.
    std::fs::hard_link(&file, file.with_file_name("hard.db")).unwrap();
    let names = [
        in_folder("symbolic.db"),
        in_folder("twice.db"),
        in_folder("folder").join("watchbell.db"),
        file.with_file_name("hard.db"),
        file.parent().unwrap().join("./../").join(file.parent().unwrap().file_name().unwrap()).join("watchbell.db"),
    ];
    let open = async |name: &std::path::Path| {
        let options = Options { url: format!("sqlite://{}", name.display()), ..bed.options.clone() };
        watchbell_store::open(&options, Arc::new(PlansNews), Arc::new(bed.clock.clone())).await
    };
    for name in names {
        let error = open(&name).await.expect_err("it is in use").to_string();
        assert!(error.contains("another Watchbell process uses the database"), "{}: {error}", name.display());
    }
    // A link to what is not there yet makes it there, with its log beside it.
    std::fs::create_dir(in_folder("data")).unwrap();
    std::os::unix::fs::symlink(in_folder("data").join("new.db"), in_folder("new.db")).unwrap();
    let store = open(&in_folder("new.db")).await.unwrap();
    store.put_category(BY, category(1)).await.unwrap();
    assert!(in_folder("data").join("new.db-wal").exists() && !in_folder("new.db-wal").exists());
    assert!(open(&in_folder("data").join("new.db")).await.is_err(), "it is in use");
}

async fn a_change_that_is_given_up_halfway_leaves_no_lock_behind(bed: &Bed) {
    for n in 0..30 {
        let change = bed.store.put_category(BY, category(n % 3));
        // Dropped wherever it is by then.
        let _ = tokio::time::timeout(Duration::from_micros(200 * n as u64), change).await;
    }
    let again = async {
        for n in 0..3 {
            bed.store.put_category(BY, category(n)).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.expect("something is locked still");
    assert_eq!(bed.store.categories().await.unwrap().len(), 3);
}

/// "cached plan must not change result type": PostgreSQL says so of every statement that was prepared before, on each connection.
async fn statements_are_prepared_anew_when_the_schema_has_changed(bed: &Bed) {
    if bed.is_sqlite() {
        return;
    }
    let epoch = bed.store.open_session("one", "worker", &[Channel::Email], Duration::from_secs(6)).await.unwrap();
    let user = bed.user("anna").await;
    for to in ["varchar(200)", "text"] {
        // Several connections have it prepared.
        for asked in futures::future::join_all((0..4).map(|_| bed.store.categories())).await {
            asked.unwrap();
        }
        bed.store.users(&watchbell_store::directory::UserFilter { limit: 10, ..Default::default() }).await.unwrap();
        bed.execute(&format!("ALTER TABLE categories ALTER COLUMN name TYPE {to}; ALTER TABLE users ALTER COLUMN username TYPE {to}"))
            .await;
        for asked in futures::future::join_all((0..4).map(|_| bed.store.categories())).await {
            asked.unwrap();
        }
        assert_eq!(bed.store.user(&UserRef::Id(user.id)).await.unwrap().unwrap().username, "anna");
        bed.store.claim(epoch, Channel::Email, Ranks::All, 10).await.unwrap();
    }
}

async fn readiness_is_a_commit_and_bounded_in_time(bed: &Bed) {
    bed.store.ping().await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM settings WHERE name = 'committed_at'").await, 1);
    // Reading would go on working.
    bed.execute(if bed.is_sqlite() { "BEGIN IMMEDIATE" } else { "BEGIN; LOCK TABLE settings IN EXCLUSIVE MODE" }).await;
    let unready = async {
        // What was committed lately counts for a moment.
        while bed.store.ping().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), unready).await.expect("it says that it is ready, or nothing");
    bed.execute("ROLLBACK").await;
    bed.store.ping().await.unwrap();
}

/// Somebody reads while much is written: the log grows, and is never begun anew.
async fn a_log_that_became_long_is_given_back(bed: &Bed) {
    if !bed.is_sqlite() {
        return;
    }
    let log = format!("{}-wal", bed.options.url.trim_start_matches("sqlite://"));
    let length = || std::fs::metadata(&log).unwrap().len();
    bed.execute("BEGIN; SELECT count(*) FROM settings").await;
    let text = "x".repeat(1 << 20);
    for n in 0..40 {
        bed.store.put_setting(&format!("s{n}"), &text).await.unwrap();
    }
    assert!(length() > 40 << 20, "{}", length());
    bed.execute("COMMIT").await;
    let short = async {
        while length() > 1 << 20 {
            bed.store.setting("s1").await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), short).await.expect("it stays long");
}
