//! API keys and small settings.

use async_trait::async_trait;
use watchbell_core::access::Role;
use watchbell_core::{KeyId, Timestamp, UserId};

use super::audit::Done;
use super::rows::{all, at, name};
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::access::{Actor, AdminKey, ApiKey, KeyUse, Keys, NewKey, StoredSettings};
use crate::changes::Changes;
use crate::columns::row;

#[derive(sqlx_macros::FromRow)]
pub(super) struct KeyRow {
    id: i64,
    name: String,
    hash: String,
    role: String,
    user_id: Option<i64>,
    public_key: Option<String>,
    intake: Option<String>,
    created_at: i64,
    expires_at: Option<i64>,
    used_at: Option<i64>,
    used_from: Option<String>,
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
            intake: row.intake,
            created_at: at(row.created_at),
            expires_at: row.expires_at.map(at),
            // An address that cannot be read is none that anybody called from.
            used: row.used_at.zip(row.used_from.and_then(|from| from.parse().ok())).map(|(used_at, from)| KeyUse { at: at(used_at), from }),
        })
    }
}

/// The setting that remembers the hash of the admin key that was last configured.
const CONFIGURED_KEY: &str = "admin_key";

macro_rules! columns {
    () => {
        "id, name, hash, role, user_id, public_key, intake, created_at, expires_at, used_at, used_from"
    };
}

#[async_trait]
impl Keys for SqlStore {
    async fn ensure_admin_key(&self, name: &str, hash: &str, configured: bool) -> Result<AdminKey, StoreError> {
        let mut tx = self.begin_edit().await?;
        // The row is made first, so that of several processes that start at once one does this after the other.
        sqlx::query(sql("INSERT INTO settings (name, value) VALUES ($1, '') ON CONFLICT (name) DO NOTHING"))
            .bind(CONFIGURED_KEY)
            .execute(&mut *tx)
            .await?;
        let before: String =
            sqlx::query_scalar(sql("SELECT value FROM settings WHERE name = $1 {lock}")).bind(CONFIGURED_KEY).fetch_one(&mut *tx).await?;
        let admins = self.admin_keys(&mut tx).await?;
        if !configured {
            if !admins.is_empty() {
                return Ok(AdminKey::Kept);
            }
            return self.make_first_key(tx, name, hash).await;
        }
        if before == hash {
            let kept: Option<i64> =
                sqlx::query_scalar(sql("SELECT id FROM keys WHERE hash = $1")).bind(hash).fetch_optional(&mut *tx).await?;
            match kept {
                Some(_) => return Ok(AdminKey::Kept),
                None if !admins.is_empty() => return Ok(AdminKey::Deleted),
                None => return self.make_first_key(tx, name, hash).await,
            }
        }
        let former: Option<i64> =
            sqlx::query_scalar(sql("DELETE FROM keys WHERE hash = $1 RETURNING id")).bind(before).fetch_optional(&mut *tx).await?;
        if let Some(former) = former {
            self.record(&mut tx, Actor::System, "key.delete", format!("keys/{former}")).await?;
        }
        sqlx::query(sql("UPDATE settings SET value = $2 WHERE name = $1")).bind(CONFIGURED_KEY).bind(hash).execute(&mut *tx).await?;
        self.make_first_key(tx, name, hash).await
    }

    async fn add_key(&self, by: Actor, new: NewKey<'_>) -> Result<ApiKey, StoreError> {
        let mut tx = self.begin_edit().await?;
        if let Some(made) = self.insert_key(&mut tx, by, new, None).await? {
            tx.commit().await?;
            return Ok(made);
        }
        let kept: Option<KeyRow> = sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM keys WHERE hash = $1")))
            .bind(new.hash)
            .fetch_optional(&mut *tx)
            .await?;
        kept.ok_or(StoreError::NotFound("key"))?.try_into()
    }

    async fn note_key_uses(&self, uses: &[(KeyId, KeyUse)]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let row = |(id, used): &(KeyId, KeyUse)| UseRow { id: id.0, used_at: used.at.as_millis(), used_from: used.from.to_string() };
        let mut rows: Vec<UseRow> = uses.iter().map(row).collect();
        // In one order, as other processes may write the same ones.
        rows.sort_by_key(|row| row.id);
        sqlx::query(sql("UPDATE keys SET used_at = CASE WHEN keys.used_at > r.used_at THEN keys.used_at ELSE r.used_at END, \
             used_from = CASE WHEN keys.used_at > r.used_at THEN keys.used_from ELSE r.used_from END \
             FROM {rows $1: id bigint, used_at bigint, used_from text} WHERE keys.id = r.id"))
        .bind_all(columns(&rows)?)
        .execute(&self.edit)
        .await?;
        Ok(())
    }

    async fn sign_on_key(&self, subject: &str, name: &str, role: Role, user_id: Option<UserId>) -> Result<ApiKey, StoreError> {
        let mut tx = self.begin_edit().await?;
        let before: Option<KeyRow> = sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM keys WHERE subject = $1 {lock}")))
            .bind(subject)
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(before) = before.map(ApiKey::try_from).transpose()? {
            if before.role == role && before.user_id == user_id {
                return Ok(before);
            }
            sqlx::query(sql("DELETE FROM keys WHERE id = $1")).bind(before.id.0).execute(&mut *tx).await?;
            let gone = Done::new(format!("keys/{}", before.id), changes(Some(&before), None));
            self.record(&mut tx, Actor::System, "key.delete", gone).await?;
        }
        // No key has such a hash: nobody calls with this one.
        let hash = format!("sign-on:{subject}");
        let new = NewKey::new(name, &hash, role, user_id);
        // Somebody who comes back twice at once is one.
        let made = self.insert_key(&mut tx, Actor::System, new, Some(subject)).await?.ok_or(StoreError::Conflict)?;
        tx.commit().await?;
        Ok(made)
    }

    async fn end_sign_on(&self, subject: &str) -> Result<(), StoreError> {
        let mut tx = self.begin_edit().await?;
        let key: Option<KeyRow> = sqlx::query_as(sql(concat!("DELETE FROM keys WHERE subject = $1 RETURNING ", columns!())))
            .bind(subject)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(key) = key.map(ApiKey::try_from).transpose()? else { return Ok(()) };
        self.record(&mut tx, Actor::System, "key.delete", Done::new(format!("keys/{}", key.id), changes(Some(&key), None))).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn signed_on_user(&self, subject: &str) -> Result<Option<UserId>, StoreError> {
        let user: Option<Option<i64>> =
            sqlx::query_scalar(sql("SELECT user_id FROM keys WHERE subject = $1")).bind(subject).fetch_optional(&self.read).await?;
        Ok(user.flatten().map(UserId))
    }

    async fn key_by_hash(&self, hash: &str) -> Result<Option<(ApiKey, String)>, StoreError> {
        let row: Option<KeyRow> =
            sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM keys WHERE hash = $1"))).bind(hash).fetch_optional(&self.read).await?;
        row.map(|row| {
            let kept = row.hash.clone();
            Ok((row.try_into()?, kept))
        })
        .transpose()
    }

    async fn has_key(&self, id: KeyId) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(sql("SELECT id FROM keys WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)"))
            .bind(id.0)
            .bind(self.clock.now().as_millis())
            .fetch_optional(&self.read)
            .await?;
        Ok(found.is_some())
    }

    async fn keys(&self, after: KeyId, limit: i64) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM keys WHERE id > $1 ORDER BY id LIMIT $2")))
            .bind(after.0)
            .bind(limit.max(0))
            .fetch_all(&self.read)
            .await?;
        all(rows)
    }

    async fn admins_among(&self, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        let admins: Vec<i64> = sqlx::query_scalar(sql("SELECT DISTINCT user_id FROM keys WHERE user_id {in $1 bigint} AND role = 'admin'"))
            .bind(array(users)?)
            .fetch_all(&self.read)
            .await?;
        Ok(admins.into_iter().map(UserId).collect())
    }

    async fn delete_key(&self, by: Actor, id: KeyId) -> Result<(), StoreError> {
        let mut tx = self.begin_edit().await?;
        let admins = self.admin_keys(&mut tx).await?;
        if admins.iter().any(|(key, _)| *key == id) && admins.len() == 1 {
            return Err(StoreError::LastAdminKey);
        }
        let key: Option<KeyRow> = sqlx::query_as(sql(concat!("DELETE FROM keys WHERE id = $1 RETURNING ", columns!())))
            .bind(id.0)
            .fetch_optional(&mut *tx)
            .await?;
        let key: ApiKey = key.ok_or(StoreError::NotFound("key"))?.try_into()?;
        self.record(&mut tx, by, "key.delete", Done::new(format!("keys/{id}"), changes(Some(&key), None))).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl StoredSettings for SqlStore {
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

    async fn setting_or(&self, name: &str, value: &str) -> Result<String, StoreError> {
        // The update that changes nothing makes the row an answer.
        let kept =
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = settings.value RETURNING value";
        Ok(sqlx::query_scalar(sql(kept)).bind(name).bind(value).fetch_one(&self.edit).await?)
    }
}

impl SqlStore {
    /// The keys that can make others, with whom they are bound to, locked: of those who take some away at once each sees what
    /// the one before has left. A pair cannot make others; whoever signs in elsewhere, or has one that expires, may not be able to tomorrow.
    pub(super) async fn admin_keys(&self, tx: &mut Tx) -> Result<Vec<(KeyId, Option<UserId>)>, StoreError> {
        let keys: Vec<(i64, Option<i64>)> = sqlx::query_as(sql(
            "SELECT id, user_id FROM keys WHERE role = 'admin' AND public_key IS NULL AND subject IS NULL AND expires_at IS NULL \
             ORDER BY id {lock}",
        ))
        .fetch_all(&mut **tx)
        .await?;
        Ok(keys.into_iter().map(|(id, user)| (KeyId(id), user.map(UserId))).collect())
    }

    async fn make_first_key(&self, mut tx: Tx, name: &str, hash: &str) -> Result<AdminKey, StoreError> {
        let made = self.insert_key(&mut tx, Actor::System, NewKey::new(name, hash, Role::Admin, None), None).await?;
        tx.commit().await?;
        Ok(if made.is_some() { AdminKey::Made } else { AdminKey::Kept })
    }

    /// Writes a key; None where its hash is kept already. `subject`: whom it stands for at an identity provider.
    async fn insert_key(&self, tx: &mut Tx, by: Actor, new: NewKey<'_>, subject: Option<&str>) -> Result<Option<ApiKey>, StoreError> {
        let made: Option<KeyRow> = sqlx::query_as(sql(concat!(
            "INSERT INTO keys (name, hash, role, user_id, public_key, intake, created_at, subject, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (hash) DO NOTHING RETURNING ",
            columns!()
        )))
        .bind(new.name)
        .bind(new.hash)
        .bind(new.role.as_str())
        .bind(new.user_id.map(|user| user.0))
        .bind(new.public_key)
        .bind(new.intake)
        .bind(self.clock.now().as_millis())
        .bind(subject)
        .bind(new.expires_at.map(Timestamp::as_millis))
        .fetch_optional(&mut **tx)
        .await
        .map_err(no_such_user)?;
        let made: Option<ApiKey> = made.map(TryInto::try_into).transpose()?;
        if let Some(made) = &made {
            self.record(tx, by, "key.create", Done::new(format!("keys/{}", made.id), changes(None, Some(made)))).await?;
        }
        Ok(made)
    }
}

row! {
    struct UseRow { id: i64, used_at: i64, used_from: String }
}

fn changes(before: Option<&ApiKey>, after: Option<&ApiKey>) -> Changes {
    fn of<T>(key: Option<&ApiKey>, get: impl Fn(&ApiKey) -> Option<T>) -> Option<T> {
        key.and_then(get)
    }
    let name = |key: &ApiKey| Some(key.name.clone());
    let role = |key: &ApiKey| Some(key.role);
    let user = |key: &ApiKey| key.user_id.map(|user| user.0);
    let intake = |key: &ApiKey| key.intake.clone();
    let expires_at = |key: &ApiKey| key.expires_at.map(|at| at.to_string());
    Changes::default()
        .field("name", of(before, name).as_ref(), of(after, name).as_ref())
        .field("role", of(before, role).as_ref(), of(after, role).as_ref())
        .field("userId", of(before, user).as_ref(), of(after, user).as_ref())
        .field("intake", of(before, intake).as_ref(), of(after, intake).as_ref())
        .field("expiresAt", of(before, expires_at).as_ref(), of(after, expires_at).as_ref())
}

/// The only foreign key that such a statement can violate is its user.
pub(super) fn no_such_user(error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(database) if database.is_foreign_key_violation() => StoreError::NotFound("user"),
        _ => error.into(),
    }
}
