//! Databases that live as long as a test.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tempfile::TempDir;

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
        match kind {
            Kind::Sqlite => Self::Sqlite { folder: tempfile::tempdir().unwrap() },
            Kind::Postgres => {
                let url = std::env::var("WATCHBELL_TEST_POSTGRES_URL").expect(
                    "WATCHBELL_TEST_POSTGRES_URL is not set: this test needs a PostgreSQL server on which it may make databases; \
                     `make test` starts one",
                );
                Self::on_server(&url).await
            }
        }
    }

    /// A fresh database on the PostgreSQL server at `url`.
    pub async fn on_server(url: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server =
            PgConnectOptions::from_str(url).expect("a PostgreSQL server's address is such as postgres://postgres@127.0.0.1:5432/postgres");
        let name = format!("e2e_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // A process of the same number may have been killed before it could drop its own.
        on_server(&server, format!("DROP DATABASE IF EXISTS {name}")).await;
        on_server(&server, format!("CREATE DATABASE {name}")).await;
        Self::Postgres { server: Box::new(server), name }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite { folder } => format!("sqlite://{}", folder.path().join("watchbell.db").display()),
            Self::Postgres { server, name } => server.as_ref().clone().database(name).to_url_lossy().to_string(),
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

    /// Ends it; SQLite's goes with its folder.
    pub async fn remove(&self) {
        if let Self::Postgres { server, name } = self {
            on_server(server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

fn sqlite(folder: &TempDir) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(folder.path().join("watchbell.db")).read_only(true).busy_timeout(Duration::from_secs(10))
}

async fn on_server(server: &PgConnectOptions, sql: String) {
    let mut connection = server.connect().await.expect("the PostgreSQL server of the test must be reachable");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}
