//! API keys, the audit log, and small settings.

use async_trait::async_trait;
use watchbell_core::access::Role;
use watchbell_core::{KeyId, UserId};

use super::rows::{all, at, name};
use super::{SqlStore, sql};
use crate::StoreError;
use crate::access::{Access, Actor, ApiKey, AuditEntry};

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: i64,
    name: String,
    hash: String,
    role: String,
    user_id: Option<i64>,
    public_key: Option<String>,
    created_at: i64,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: KeyId(row.id),
            name: row.name,
            role: name(&row.role)?,
            user_id: row.user_id.map(UserId),
            public_key: row.public_key,
            created_at: at(row.created_at),
        })
    }
}

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: i64,
    at: i64,
    key_id: Option<i64>,
    action: String,
    object: String,
    detail: Option<String>,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        Self { id: row.id, at: at(row.at), key_id: row.key_id.map(KeyId), action: row.action, object: row.object, detail: row.detail }
    }
}

#[async_trait]
impl Access for SqlStore {
    async fn add_key(&self, by: Actor, name: &str, hash: &str, role: Role, user_id: Option<UserId>) -> Result<ApiKey, StoreError> {
        self.insert_key(by, name, None, hash, role, user_id).await
    }

    async fn add_key_pair(
        &self,
        by: Actor,
        name: &str,
        public_key: &str,
        hash: &str,
        role: Role,
        user_id: Option<UserId>,
    ) -> Result<ApiKey, StoreError> {
        self.insert_key(by, name, Some(public_key), hash, role, user_id).await
    }

    async fn key_by_hash(&self, hash: &str) -> Result<Option<(ApiKey, String)>, StoreError> {
        let row: Option<KeyRow> =
            sqlx::query_as(sql("SELECT id, name, hash, role, user_id, public_key, created_at FROM keys WHERE hash = $1"))
                .bind(hash)
                .fetch_optional(&self.read)
                .await?;
        row.map(|row| {
            let kept = row.hash.clone();
            Ok((row.try_into()?, kept))
        })
        .transpose()
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = sqlx::query_as(sql("SELECT id, name, hash, role, user_id, public_key, created_at FROM keys ORDER BY id"))
            .fetch_all(&self.read)
            .await?;
        all(rows)
    }

    async fn delete_key(&self, by: Actor, id: KeyId) -> Result<(), StoreError> {
        let mut tx = self.begin_edit().await?;
        if sqlx::query(sql("DELETE FROM keys WHERE id = $1")).bind(id.0).execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(StoreError::NotFound("key"));
        }
        self.record(&mut tx, by, "key.delete", format!("keys/{id}")).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn audit(&self, before: Option<i64>, limit: i64) -> Result<Vec<AuditEntry>, StoreError> {
        let rows: Vec<AuditRow> =
            sqlx::query_as(sql("SELECT id, at, key_id, action, object, detail FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2"))
                .bind(before.unwrap_or(i64::MAX))
                .bind(limit.max(0))
                .fetch_all(&self.read)
                .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(sql("SELECT value FROM settings WHERE name = $1")).bind(name).fetch_optional(&self.read).await?)
    }

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query(sql("INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"))
            .bind(name)
            .bind(value)
            .execute(&self.edit)
            .await?;
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query(sql("SELECT 1")).execute(&self.read).await?;
        Ok(())
    }
}

impl SqlStore {
    async fn insert_key(
        &self,
        by: Actor,
        name: &str,
        public_key: Option<&str>,
        hash: &str,
        role: Role,
        user_id: Option<UserId>,
    ) -> Result<ApiKey, StoreError> {
        let mut tx = self.begin_edit().await?;
        let made: Option<KeyRow> = sqlx::query_as(sql("INSERT INTO keys (name, hash, role, user_id, public_key, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hash) DO NOTHING RETURNING id, name, hash, role, user_id, public_key, created_at"))
        .bind(name)
        .bind(hash)
        .bind(role.as_str())
        .bind(user_id.map(|user| user.0))
        .bind(public_key)
        .bind(self.clock.now().as_millis())
        .fetch_optional(&mut *tx)
        .await
        .map_err(no_such_user)?;
        let Some(made) = made else {
            let kept: Option<KeyRow> =
                sqlx::query_as(sql("SELECT id, name, hash, role, user_id, public_key, created_at FROM keys WHERE hash = $1"))
                    .bind(hash)
                    .fetch_optional(&mut *tx)
                    .await?;
            return kept.ok_or(StoreError::NotFound("key"))?.try_into();
        };
        self.record(&mut tx, by, "key.create", format!("keys/{}", made.id)).await?;
        tx.commit().await?;
        made.try_into()
    }
}

/// The only foreign key that such a statement can violate is its user.
pub(super) fn no_such_user(error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(database) if database.is_foreign_key_violation() => StoreError::NotFound("user"),
        _ => error.into(),
    }
}
