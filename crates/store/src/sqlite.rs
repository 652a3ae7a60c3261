//! SQLite: one file, one process, one writer beside readers.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use watchbell_core::Clock;

use crate::columns::{Field, Row};
use crate::{Options, Planner, Store, StoreError};

pub(crate) type Db = sqlx::Sqlite;
pub(crate) const DIALECT: crate::dialect::Dialect = crate::dialect::Dialect::Sqlite;
/// The writer takes its lock at once, so that a transaction never finds out at its end that it cannot write.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

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

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");

pub(crate) async fn open(options: &Options, planner: Arc<dyn Planner>, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    let connect = SqliteConnectOptions::from_str(&options.url)
        .map_err(|_| StoreError::Unusable("database.url must be sqlite:// and a path, such as sqlite://./data/watchbell.db".to_owned()))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged event must outlive a power cut; from 50 rows a transaction on it costs a few per cent.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(true)
        .statement_cache_capacity(256);
    let file = connect.get_filename().to_owned();
    let lock = lock(&file)?;
    let unusable = |error: sqlx::Error| StoreError::Unusable(format!("cannot open the database {}: {error}", file.display()));
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // On a full disk SQLite ends a transaction by itself, and sqlx goes on believing in it: it could never begin another one.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(connect.clone())
        .await
        .map_err(unusable)?;
    MIGRATIONS.run(&write).await.map_err(|error| crate::open::migration_error(&error))?;
    let read = SqlitePoolOptions::new()
        .max_connections(options.max_connections)
        .test_before_acquire(false)
        .connect_with(connect.read_only(true))
        .await
        .map_err(unusable)?;
    Ok(Arc::new(sql::SqlStore::new(write, read, planner, clock, options, Arc::default(), Some(lock))))
}

/// Takes the lock that a second process on the same file would need. It is released when the process ends, however it ends.
fn lock(database: &Path) -> Result<File, StoreError> {
    if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| StoreError::Unusable(format!("cannot make the folder {} for the database: {error}", folder.display())))?;
    }
    let mut path = PathBuf::from(database).into_os_string();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| StoreError::Unusable(format!("cannot open the lock file {}: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unusable(format!(
            "another Watchbell process uses the database {}; SQLite serves one process, use PostgreSQL for more",
            database.display()
        ))),
        Err(TryLockError::Error(error)) => Err(StoreError::Unusable(format!("cannot lock {}: {error}", path.display()))),
    }
}
