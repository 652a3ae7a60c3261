//! The write-ahead log, kept short.
//!
//! SQLite copies the log into the database as it grows, and begins it anew when nobody reads from it. Under a load that always
//! reads it only grows, and is never given back. So a log that has become long is emptied, for which the writer waits for
//! readers: a moment at most.

use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use sqlx::Executor;

use super::Db;
use super::sql::SqlStore;
use crate::pool::{self, Pool};

/// The log is looked at so often, …
const EVERY: Duration = Duration::from_secs(5);
/// … and emptied when it is longer than this, in bytes. SQLite itself begins it anew at 4 MB, where it can.
const LONGEST: u64 = 32 << 20;
/// For readers that stand in the way; whatever is sent waits for the writer meanwhile.
const PATIENCE_MS: u32 = 200;

/// As long as the store is open.
pub(super) async fn keep_short(database: PathBuf, store: Weak<SqlStore>) {
    let mut log = database.into_os_string();
    log.push("-wal");
    let log = PathBuf::from(log);
    loop {
        pool::pause(EVERY).await;
        let Some(store) = store.upgrade() else { return };
        if length(&log) > LONGEST
            && let Err(error) = empty(&store.write).await
        {
            tracing::debug!(%error, "the write-ahead log could not be emptied; it will be tried again");
        }
    }
}

pub(super) fn length(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |log| log.len())
}

async fn empty(writer: &Pool<Db>) -> Result<(), sqlx::Error> {
    let mut connection = writer.acquire().await?;
    let set = |patience: u32| sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {patience}"));
    connection.execute(set(PATIENCE_MS)).await?;
    let emptied = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    connection.execute(set(super::BUSY_MS)).await?;
    emptied.map(|_| ())
}
