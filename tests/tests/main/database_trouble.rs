//! The database refuses, in every way that it has: no event is to blame for that. Events wait and are sent when it is over;
//! none is lost, and none becomes a dead letter.

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use watchbell_tests::bed::{Bed, run, with_database};
use watchbell_tests::broker::structured;
use watchbell_tests::database::{Database, Kind};
use watchbell_tests::postgres_server::PostgresServer;
use watchbell_tests::process::Process;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

/// From the end of a trouble to normal flow.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// How long a trouble lasts after the events of it were published.
const LASTS: Duration = Duration::from_millis(1_500);
/// Events published just before a trouble begins, and while it lasts.
const BEFORE: usize = 10;
const DURING: usize = 30;

fn events(name: &str, count: usize, person: &Person) -> Vec<(String, Value)> {
    (0..count).map(|n| format!("{name} {n}")).map(|id| (id.clone(), alert(&id, &[person]))).collect()
}

async fn start(process: &mut Process) -> Person {
    process.ready().await;
    let anna = Person::without_telegram(&process.api(), 1).await;
    anna.high(&process.api(), "SMS", 0).await;
    anna
}

/// Publishes before and during a trouble, over NATS and over HTTP, ends it, and waits until everything was sent.
async fn survives(bed: &Bed, process: &Process, anna: &Person, name: &str, begin: impl AsyncFnOnce(), end: impl AsyncFnOnce()) {
    let sent = bed.outbox().len();
    bed.nats.publish_all("alert", events(&format!("before {name}"), BEFORE, anna)).await;
    begin().await;
    bed.nats.publish_all("alert", events(&format!("during {name}"), DURING, anna)).await;
    let id = format!("over HTTP {name}");
    let body = structured("alert", &id, wait::now(), &alert(&id, &[anna])).to_string();
    let api = process.api();
    let post = async || {
        let headers = [("content-type", "application/cloudevents+json")];
        api.try_call(Method::POST, "/watchbell/v1/events", &headers, Some(body.clone())).await.map(|answer| answer.status.as_u16())
    };
    // Taken, or to be sent again: never "this event is wrong".
    let posted = wait::within(name, post()).await;
    assert!(matches!(posted, Some(202 | 503)), "{name}: {posted:?}");
    wait::pause(LASTS).await;
    end().await;
    let back = async {
        wait::until("HTTP to be back", async || post().await == Some(202)).await;
        bed.outbox().reaches(sent + BEFORE + DURING + 1).await;
    };
    if tokio::time::timeout(BACK_WITHIN, back).await.is_err() {
        let arrived = bed.outbox().len() - sent;
        let log = process.log();
        let last: Vec<&str> = log.lines().rev().filter(|line| !line.contains("/watchbell/v1/events")).take(40).collect();
        panic!(
            "{name}: {arrived} of {} were sent {BACK_WITHIN:?} after it was over; the log, backwards:\n{}",
            BEFORE + DURING + 1,
            last.join("\n")
        );
    }
    println!("{name}: sent");
}

async fn sql(server: &mut PgConnection, text: &str) {
    server.execute(AssertSqlSafe(text.to_owned())).await.unwrap_or_else(|error| panic!("{text}: {error}"));
}

const PUT_OUT: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'bell'";

/// As somebody else's trigger, limit, or failing disk would: each new event of the table fails with that code.
fn raising(code: &str) -> (String, String) {
    (
        format!(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$; \
             CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fail()"
        ),
        "DROP TRIGGER fail ON events; DROP FUNCTION fail".to_owned(),
    )
}

#[test]
fn postgresql_that_refuses_loses_nothing() {
    with_database(Kind::Sqlite, async |_| {
        let server = PostgresServer::start().await;
        let admin = PgConnectOptions::from_str(&server.url()).unwrap();
        let mut outside = admin.connect().await.unwrap();
        sql(&mut outside, "CREATE ROLE bell LOGIN").await;
        let database = Database::on_server(&server.url()).await;
        let name = database.name();
        sql(&mut outside, &format!("ALTER DATABASE {name} OWNER TO bell")).await;
        let mut inside = admin.clone().database(&name).connect().await.unwrap();
        sql(&mut inside, "GRANT ALL ON SCHEMA public TO bell").await;
        let url = database.url().replace("postgres@", "bell@");
        let mut bed = Bed::new(Arc::new(database)).await;
        bed.settings.set("DATABASE__URL", &url).set("LEASE__HEARTBEAT_S", "1").set("LEASE__LEASE_S", "4");
        let mut process = Process::serve(&bed.settings, &[]);
        let anna = start(&mut process).await;

        // Who may log in.
        for line in ["host all bell 127.0.0.1/32 reject", "host all bell 127.0.0.1/32 scram-sha-256"] {
            let begin = async || {
                server.set_logins(line);
                sql(&mut outside, "SELECT pg_reload_conf()").await;
                wait::pause(Duration::from_millis(200)).await;
                sql(&mut outside, PUT_OUT).await;
            };
            let mut after = admin.connect().await.unwrap();
            let end = async || {
                server.set_logins("");
                sql(&mut after, "SELECT pg_reload_conf()").await;
            };
            survives(&bed, &process, &anna, line, begin, end).await;
        }

        // The database as a whole, from another one.
        let close = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false; {PUT_OUT}");
        let open = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
        let outer = [
            (
                "no CONNECT",
                format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC, bell; {PUT_OUT}"),
                format!("GRANT CONNECT ON DATABASE {name} TO PUBLIC, bell"),
            ),
            ("no LOGIN", format!("ALTER ROLE bell NOLOGIN; {PUT_OUT}"), "ALTER ROLE bell LOGIN".to_owned()),
            (
                "another password",
                format!("ALTER ROLE bell VALID UNTIL '2001-01-01'; {PUT_OUT}"),
                "ALTER ROLE bell VALID UNTIL 'infinity'".to_owned(),
            ),
            ("not accepting connections", close.clone(), open.clone()),
            (
                "no connections left",
                format!("ALTER ROLE bell CONNECTION LIMIT 0; {PUT_OUT}"),
                "ALTER ROLE bell CONNECTION LIMIT -1".to_owned(),
            ),
            (
                "read-only",
                format!("ALTER ROLE bell SET default_transaction_read_only = on; {PUT_OUT}"),
                format!("ALTER ROLE bell RESET default_transaction_read_only; {PUT_OUT}"),
            ),
            (
                "short statements",
                format!("ALTER ROLE bell SET statement_timeout = '1ms'; ALTER ROLE bell SET lock_timeout = '1ms'; {PUT_OUT}"),
                format!("ALTER ROLE bell RESET ALL; {PUT_OUT}"),
            ),
        ];
        for (what, begin, end) in outer {
            let mut after = admin.connect().await.unwrap();
            survives(&bed, &process, &anna, what, async || sql(&mut outside, &begin).await, async || sql(&mut after, &end).await).await;
        }

        // What is in it.
        let mut inner = vec![
            ("no schema", "ALTER SCHEMA public RENAME TO away".to_owned(), "ALTER SCHEMA away RENAME TO public".to_owned()),
            ("no table", "ALTER TABLE deliveries RENAME TO away".to_owned(), "ALTER TABLE away RENAME TO deliveries".to_owned()),
            (
                "no column",
                "ALTER TABLE events RENAME COLUMN data TO away".to_owned(),
                "ALTER TABLE events RENAME COLUMN away TO data".to_owned(),
            ),
            ("no rights", "REVOKE ALL ON events FROM bell".to_owned(), "GRANT ALL ON events TO bell".to_owned()),
            (
                "another's rule",
                "ALTER TABLE events ADD CONSTRAINT nothing CHECK (id = '') NOT VALID".to_owned(),
                "ALTER TABLE events DROP CONSTRAINT nothing".to_owned(),
            ),
            (
                "another type",
                "ALTER TABLE alerts ALTER COLUMN summary TYPE varchar(500); ALTER TABLE users ALTER COLUMN username TYPE varchar(300)"
                    .to_owned(),
                "ALTER TABLE alerts ALTER COLUMN summary TYPE text; ALTER TABLE users ALTER COLUMN username TYPE text".to_owned(),
            ),
            ("locked", "BEGIN; LOCK TABLE alerts".to_owned(), "COMMIT".to_owned()),
        ];
        let codes = ["57014", "55P03", "53100", "58030", "XX000", "XX001", "P0001"];
        inner.extend(codes.map(|code| {
            let (begin, end) = raising(code);
            (code, begin, end)
        }));
        let inside = tokio::sync::Mutex::new(inside);
        for (what, begin, end) in inner {
            let say = async |text: &str| sql(&mut *inside.lock().await, text).await;
            survives(&bed, &process, &anna, what, async || say(&begin).await, async || say(&end).await).await;
        }
        assert_eq!(bed.database.number("SELECT count(*) FROM dead_letters").await, 0, "{}", process.log());
        process.kill().await;
    });
}

/// A page of the file, by the index whose root it is; garbage is written over it and taken away again.
struct Damage {
    file: PathBuf,
    at: u64,
    before: Vec<u8>,
}

impl Damage {
    async fn of(file: &Path, index: &str) -> Self {
        let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        let root = AssertSqlSafe(format!("SELECT rootpage FROM sqlite_master WHERE name = '{index}'"));
        let root: i64 = sqlx::query_scalar(root).fetch_one(&mut connection).await.unwrap();
        let size: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let mut before = vec![0; size as usize];
        let at = (root as u64 - 1) * size as u64;
        std::fs::File::open(file).unwrap().read_exact_at(&mut before, at).unwrap();
        Self { file: file.to_owned(), at, before }
    }

    fn write(&self, page: &[u8]) {
        std::fs::OpenOptions::new().write(true).open(&self.file).unwrap().write_all_at(page, self.at).unwrap();
    }
}

#[test]
fn sqlite_that_refuses_loses_nothing() {
    run(Kind::Sqlite, async |bed| {
        let file = PathBuf::from(bed.database.url().trim_start_matches("sqlite://"));
        let mut process = Process::serve_without_privileges(&bed.settings);
        let anna = start(&mut process).await;

        let to = |mode| {
            for name in ["watchbell.db", "watchbell.db-wal", "watchbell.db-shm"] {
                // The last two come and go with connections.
                let _ = std::fs::set_permissions(file.with_file_name(name), std::fs::Permissions::from_mode(mode));
            }
        };
        let begin = async || process.limit_files(Some(1));
        survives(bed, &process, &anna, "full", begin, async || process.limit_files(None)).await;
        // Whoever opens it now can only read.
        let begin = async || {
            to(0o400);
            process.limit_files(Some(1));
            wait::pause(Duration::from_millis(500)).await;
            process.limit_files(None);
        };
        survives(bed, &process, &anna, "unwritable", begin, async || to(0o600)).await;

        // Pages that a connection knows are not read again, so the process begins with a damaged one.
        process.terminate().await;
        let damage = Damage::of(&file, "sqlite_autoindex_events_1").await;
        damage.write(&vec![0xff; damage.before.len()]);
        let mut process = Process::serve_without_privileges(&bed.settings);
        process.ready().await;
        survives(bed, &process, &anna, "a damaged index", async || {}, async || damage.write(&damage.before)).await;
        assert_eq!(bed.database.number("SELECT count(*) FROM dead_letters").await, 0, "{}", process.log());
        process.kill().await;
    });
}
