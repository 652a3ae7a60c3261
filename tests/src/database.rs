//! Databases that live as long as a test.

use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Waits for each to have ended, ten seconds at most.
const END_OTHERS: &str =
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Deletes every row, in any order, and begins numbers anew. TRUNCATE makes files anew, which is slower than a few rows.
const EMPTY: &str = "DO $$ DECLARE r record; BEGIN \
     SET LOCAL session_replication_role = replica; \
     FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations' \
     LOOP EXECUTE format('DELETE FROM %I', r.tablename); END LOOP; \
     FOR r IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' \
     LOOP PERFORM setval(r.sequencename::regclass, 1, false); END LOOP; END $$";

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A fresh database.
#[derive(Debug)]
pub enum Database {
    Sqlite { folder: TempDir },
    Postgres { server: Box<PgConnectOptions>, name: String },
}

impl Database {
    pub async fn create(kind: Kind) -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        match kind {
            Kind::Sqlite => Self::Sqlite { folder: tempfile::tempdir().unwrap() },
            Kind::Postgres => {
                let url = std::env::var("WATCHBELL_TEST_POSTGRES_URL").expect(
                    "WATCHBELL_TEST_POSTGRES_URL is not set: this test needs a PostgreSQL server on which it may make databases; \
                     `make test` starts one",
                );
                let template = TEMPLATE.get_or_init(|| template(&url)).await;
                Self::copy_of(template, &url).await
            }
        }
    }

    /// A fresh database on the PostgreSQL server at `url`.
    pub async fn on_server(url: &str) -> Self {
        Self::copy_of("template1", url).await
    }

    async fn copy_of(template: &str, url: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server(url);
        let name = format!("e2e_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // A process of the same number may have been killed before it could drop its own.
        on_server(&server, format!("DROP DATABASE IF EXISTS {name}")).await;
        on_server(&server, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self::Postgres { server: Box::new(server), name }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite { folder } => format!("sqlite://{}", folder.path().join("watchbell.db").display()),
            Self::Postgres { server, name } => server.as_ref().clone().database(name).to_url_lossy().to_string(),
        }
    }

    /// On its server.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite { folder } => folder.path().display().to_string(),
            Self::Postgres { name, .. } => name.clone(),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite { .. } => Kind::Sqlite,
            Self::Postgres { .. } => Kind::Postgres,
        }
    }

    /// Reads one whole number past Watchbell, whatever process has the database open.
    pub async fn number(&self, sql: &str) -> i64 {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite { folder } => sqlx::query_scalar(query).fetch_one(&mut sqlite(folder).connect().await.unwrap()).await.unwrap(),
            Self::Postgres { server, name } => {
                let mut connection = server.as_ref().clone().database(name).connect().await.unwrap();
                let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
        }
    }

    /// Reads a column of texts past Watchbell.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite { folder } => sqlx::query_scalar(query).fetch_all(&mut sqlite(folder).connect().await.unwrap()).await.unwrap(),
            Self::Postgres { server, name } => {
                let mut connection = server.as_ref().clone().database(name).connect().await.unwrap();
                sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
            }
        }
    }

    /// Holds what whoever writes needs, until it is let go: SQLite's one writer, or PostgreSQL's tables against every write and lock.
    pub async fn hold_writers(&self) -> Held {
        match self {
            Self::Sqlite { folder } => {
                let mut connection = sqlite(folder).read_only(false).connect().await.unwrap();
                connection.execute("BEGIN IMMEDIATE").await.unwrap();
                Held::Sqlite(connection)
            }
            Self::Postgres { server, name } => {
                let mut connection = server.as_ref().clone().database(name).connect().await.unwrap();
                connection.execute("BEGIN").await.unwrap();
                let lock = "LOCK TABLE users, contacts, rules, alerts, duties, events, deliveries, ready_queue IN EXCLUSIVE MODE";
                connection.execute(lock).await.unwrap();
                Held::Postgres(connection)
            }
        }
    }

    /// How many transactions PostgreSQL has ended because they waited for one another (SQLSTATE 40P01). Ends all who use the
    /// database, as they only tell when they leave.
    pub async fn deadlocks(&self) -> i64 {
        let Self::Postgres { server, name } = self else { return 0 };
        let Ok(mut connection) = server.as_ref().clone().database(name).connect().await else { return 0 };
        connection.execute(END_OTHERS).await.unwrap();
        let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        sqlx::query_scalar(counted).fetch_one(&mut connection).await.unwrap()
    }

    /// Makes it as good as fresh, whatever was done with it and whoever died over it: that takes a tenth of the time of another.
    pub async fn empty(&mut self) {
        match self {
            Self::Sqlite { folder } => *folder = tempfile::tempdir().unwrap(),
            Self::Postgres { server, name } => {
                let mut connection = server.as_ref().clone().database(name).connect().await.unwrap();
                connection.execute(END_OTHERS).await.unwrap();
                connection.execute(EMPTY).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// Ends it; SQLite's goes with its folder.
    pub async fn remove(&self) {
        if let Self::Postgres { server, name } = self {
            on_server(server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

/// See [`Database::hold_writers`].
#[derive(Debug)]
pub enum Held {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Held {
    pub async fn let_go(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}

fn server(url: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(url).expect("a PostgreSQL server's address is such as postgres://postgres@127.0.0.1:5432/postgres")
}

/// The name of an empty database that is up to date; copying it is much faster than every test's own migrations. It stays on
/// its server for the next tests of the same migrations.
async fn template(url: &str) -> String {
    let migrations = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres"));
    let migrator = Migrator::new(migrations).await.unwrap();
    let mut hash = DefaultHasher::new();
    migrator.iter().for_each(|migration| hash.write(&migration.checksum));
    let name = format!("e2e_template_{:016x}", hash.finish());
    let server = server(url);
    let mut connection = server.connect().await.expect("the PostgreSQL server of the test must be reachable");
    // Tests in another process may be making it now; the lock ends with the connection.
    connection.execute("SELECT pg_advisory_lock(2026)").await.unwrap();
    let is_there = "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)";
    if !sqlx::query_scalar::<_, bool>(is_there).bind(&name).fetch_one(&mut connection).await.unwrap() {
        let unfinished = format!("{name}_new");
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {unfinished}"))).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {unfinished}"))).await.unwrap();
        let mut inside = server.clone().database(&unfinished).connect().await.unwrap();
        migrator.run(&mut inside).await.unwrap();
        inside.close().await.unwrap();
        connection.execute(AssertSqlSafe(format!("ALTER DATABASE {unfinished} RENAME TO {name}"))).await.unwrap();
    }
    connection.close().await.unwrap();
    name
}

fn sqlite(folder: &TempDir) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(folder.path().join("watchbell.db")).read_only(true).busy_timeout(Duration::from_secs(10))
}

async fn on_server(server: &PgConnectOptions, sql: String) {
    let mut connection = server.connect().await.expect("the PostgreSQL server of the test must be reachable");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}
