//! SQLite: one file, one process, one writer beside readers.

mod file;
mod log;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor};
use watchbell_core::Clock;

use crate::columns::{Field, Row};
use crate::pool::{Backend, Connect, Limits, Pool};
use crate::{Options, Planner, Store, StoreError};

pub(crate) type Db = sqlx::Sqlite;
pub(crate) const DIALECT: crate::dialect::Dialect = crate::dialect::Dialect::Sqlite;
/// The writer takes its lock at once, so that a transaction never finds out at its end that it cannot write.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(crate) const BEGIN_CHANGE: &str = BEGIN;
/// Every statement of the transaction sees the database as it was at the first one.
pub(crate) const SNAPSHOT: &str = "BEGIN DEFERRED";

/// How a batch is bound.
pub(crate) type Argument = String;

pub(crate) fn columns<R: Row>(rows: &[R]) -> Result<Vec<Argument>, StoreError> {
    Ok(vec![sql::rows::to_json(rows)?])
}

pub(crate) fn array<F: Field>(items: impl IntoIterator<Item = F>) -> Result<Argument, StoreError> {
    sql::rows::to_json(&items.into_iter().collect::<Vec<_>>())
}

#[path = "sql/mod.rs"]
pub(crate) mod sql;

/// Statements wait for a disk, and for whoever else looks into the file; nothing can be done by giving up sooner.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(15),
    check: Duration::from_secs(15),
    statement: Duration::from_secs(30),
    acquire: Duration::from_secs(10),
};

/// For whoever else has the file locked, such as a backup.
const BUSY_MS: u32 = 10_000;

/// Changes by requests to the API that have or await the writer at once: whatever is sent waits for that many of them at most.
const EDITS_AT_ONCE: usize = 1;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx_macros::migrate!("../../migrations/sqlite");

impl Backend for Db {
    fn roll_back(connection: &mut SqliteConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async move { connection.execute("ROLLBACK").await.map(|_| ()) })
    }
}

pub(crate) async fn open(options: &Options, planner: Arc<dyn Planner>, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    let connect = SqliteConnectOptions::from_str(&options.url)
        .map_err(|_| StoreError::Unusable("database.url must be sqlite:// and a path, such as sqlite://./data/watchbell.db".to_owned()))?;
    let (file, lock) = file::take(connect.get_filename())?;
    let connect = connect
        .filename(&file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged event must outlive a power cut; from 50 rows a transaction on it costs a few per cent.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_millis(BUSY_MS.into()))
        .foreign_keys(true)
        .statement_cache_capacity(256);
    let unusable = |error: sqlx::Error| StoreError::Unusable(format!("cannot open the database {}: {error}", file.display()));
    let mut first = connect.connect().await.map_err(unusable)?;
    crate::migrations::run(&MIGRATIONS, &mut first).await?;
    // Now its log lies beside it too.
    file::warn_of_open_files(&file);
    first.close().await.map_err(unusable)?;
    let read =
        Pool::new(options.max_connections.max(1) as usize, LIMITS, options.metrics.of("read"), connecting(connect.clone().read_only(true)));
    let write = Pool::new(1, LIMITS, options.metrics.of("write"), connecting(connect));
    let pools = sql::Pools { heartbeats: write.clone(), edit: write.in_turns(EDITS_AT_ONCE), write, read };
    let store = Arc::new(sql::SqlStore::new(pools, planner, clock, options, Arc::default(), Some(lock)));
    store.look_for_ambiguous_names().await?;
    tokio::spawn(log::keep_short(file, Arc::downgrade(&store)));
    Ok(store)
}

fn connecting(options: SqliteConnectOptions) -> Connect<Db> {
    let options = Arc::new(options);
    Box::new(move || {
        let options = Arc::clone(&options);
        Box::pin(async move { options.connect().await })
    })
}
