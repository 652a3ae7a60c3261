//! Sessions of browsers.

use async_trait::async_trait;
use watchbell_core::{KeyId, Timestamp};

use super::access::KeyRow;
use super::rows::at;
use super::{SqlStore, sql};
use crate::StoreError;
use crate::access::{Actor, BrowserSession, BrowserSessions, SESSIONS_PER_KEY};

#[derive(sqlx_macros::FromRow)]
struct Row {
    #[sqlx(flatten)]
    key: KeyRow,
    session_expires_at: i64,
}

#[async_trait]
impl BrowserSessions for SqlStore {
    async fn begin_browser_session(&self, by: Actor, key: KeyId, id_hash: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_edit().await?;
        // Locked, so that of sessions that begin at once each sees the ones before, and a key that is deleted meanwhile keeps none.
        let locked: Option<i64> =
            sqlx::query_scalar(sql("SELECT id FROM keys WHERE id = $1 {lock}")).bind(key.0).fetch_optional(&mut *tx).await?;
        locked.ok_or(StoreError::NotFound("key"))?;
        sqlx::query(sql("DELETE FROM browser_sessions WHERE id_hash {anyof} SELECT id_hash FROM browser_sessions WHERE key_id = $1 \
             ORDER BY created_at DESC, id_hash LIMIT $3 OFFSET $2 {end}"))
        .bind(key.0)
        .bind(SESSIONS_PER_KEY - 1)
        .bind(SESSIONS_PER_KEY)
        .execute(&mut *tx)
        .await?;
        sqlx::query(sql("INSERT INTO browser_sessions (id_hash, key_id, created_at, expires_at) VALUES ($1, $2, $3, $4)"))
            .bind(id_hash)
            .bind(key.0)
            .bind(self.clock.now().as_millis())
            .bind(expires_at.as_millis())
            .execute(&mut *tx)
            .await?;
        self.record(&mut tx, by, "session.begin", format!("keys/{key}")).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn browser_session(&self, id_hash: &str) -> Result<Option<BrowserSession>, StoreError> {
        let row: Option<Row> = sqlx::query_as(sql(
            "SELECT k.id, k.name, k.hash, k.role, k.user_id, k.public_key, k.intake, k.created_at, k.expires_at, k.used_at, k.used_from, \
             s.expires_at AS session_expires_at FROM browser_sessions s JOIN keys k ON k.id = s.key_id \
             WHERE s.id_hash = $1 AND s.expires_at > $2 AND (k.expires_at IS NULL OR k.expires_at > $2)",
        ))
        .bind(id_hash)
        .bind(self.clock.now().as_millis())
        .fetch_optional(&self.read)
        .await?;
        row.map(|row| Ok(BrowserSession { key: row.key.try_into()?, expires_at: at(row.session_expires_at) })).transpose()
    }

    async fn end_browser_session(&self, by: Actor, id_hash: &str) -> Result<bool, StoreError> {
        let mut tx = self.begin_edit().await?;
        let key: Option<i64> = sqlx::query_scalar(sql("DELETE FROM browser_sessions WHERE id_hash = $1 RETURNING key_id"))
            .bind(id_hash)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(key) = key else { return Ok(false) };
        self.record(&mut tx, by, "session.end", format!("keys/{key}")).await?;
        tx.commit().await?;
        Ok(true)
    }
}
