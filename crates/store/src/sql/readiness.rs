//! Whether anything can be committed, which is only known by doing it.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{SqlStore, sql};
use crate::StoreError;
use crate::fault::Fault;

/// A probe is answered within this time, whatever the database does.
const WITHIN: Duration = Duration::from_secs(3);
/// Not more than one commit in this time is for probes.
const EVERY: Duration = Duration::from_secs(1);

impl SqlStore {
    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        let late = |_| StoreError::Unavailable(Fault::Connection, sqlx::Error::PoolTimedOut);
        timeout(WITHIN, self.commit_something()).await.map_err(late)?
    }

    /// Many who ask at once share an answer.
    async fn commit_something(&self) -> Result<(), StoreError> {
        let mut committed_at = self.committed_at.lock().await;
        if committed_at.is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        sqlx::query(sql(
            "INSERT INTO settings (name, value) VALUES ('committed_at', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        ))
        .bind(self.clock.now().to_string())
        .execute(&self.write)
        .await?;
        *committed_at = Some(Instant::now());
        Ok(())
    }
}
