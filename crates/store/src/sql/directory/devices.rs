//! Devices that take push messages. A token is one installation of an app, so it belongs to one user.

use async_trait::async_trait;
use watchbell_core::device::{Device, DeviceKind};
use watchbell_core::{DeviceId, UserId, mask};

use super::super::audit::Done;
use super::rows::{DeviceRow, all};
use super::{Change, SqlStore, Tx, owners, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::directory::Devices;
use crate::facts::Changed;
use crate::wake::Effects;

#[async_trait]
impl Devices for SqlStore {
    async fn add_device(
        &self,
        by: Actor,
        user: UserId,
        kind: DeviceKind,
        token: &str,
        keys: Option<&str>,
        may_move: bool,
    ) -> Result<Device, StoreError> {
        add(self, by, user, kind, token, keys, may_move).await
    }

    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StoreError> {
        list(self, user).await
    }

    async fn delete_device(&self, by: Actor, user: UserId, id: DeviceId) -> Result<(), StoreError> {
        delete(self, by, user, id).await
    }
}

pub(super) async fn add(
    store: &SqlStore,
    by: Actor,
    user: UserId,
    kind: DeviceKind,
    token: &str,
    keys: Option<&str>,
    may_move: bool,
) -> Result<Device, StoreError> {
    loop {
        let owner: Option<i64> = sqlx::query_scalar(sql("SELECT user_id FROM devices WHERE kind = $1 AND token = $2"))
            .bind(kind.as_str())
            .bind(token)
            .fetch_optional(&store.read)
            .await?;
        let owner = owner.map(UserId);
        // Whoever knows a token could take somebody's pages away, in silence.
        if !may_move && owner.is_some_and(|owner| owner != user) {
            return Err(StoreError::Taken("device"));
        }
        let mut change = begin_with_owner(store, user, owner).await?;
        if owner != Some(user) {
            let count = "SELECT COUNT(*) FROM devices WHERE user_id = $1";
            store.check_quota(&mut change.tx, count, user, store.quotas.devices, "devices").await?;
        }
        let written: Option<DeviceRow> = sqlx::query_as(match owner {
            None => sql("INSERT INTO devices (user_id, kind, token, keys, created_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (kind, token) DO NOTHING RETURNING id, user_id, kind, token, keys, created_at"),
            Some(_) => sql("UPDATE devices SET user_id = $1, keys = $4 WHERE kind = $2 AND token = $3 AND user_id = $5 \
                 RETURNING id, user_id, kind, token, keys, created_at"),
        })
        .bind(user.0)
        .bind(kind.as_str())
        .bind(token)
        .bind(keys)
        .bind(owner.map_or(store.clock.now().as_millis(), |owner| owner.0))
        .fetch_optional(&mut *change.tx)
        .await?;
        // Somebody registered, took or gave it up since it was looked up.
        let Some(written) = written else { continue };
        let device: Device = written.try_into()?;
        // Whoever had the device before has one less: their plan changes too.
        let others = match owner.filter(|owner| *owner != user) {
            Some(owner) => replan_former_owner(store, &mut change.tx, owner).await?,
            None => Effects::default(),
        };
        let token = mask::token(&device.token);
        let changes = Changes::default().field("kind", None, Some(&device.kind.as_str())).field("token", None, Some(&token)).field(
            "userId",
            owner.filter(|owner| *owner != user).map(|owner| owner.0).as_ref(),
            Some(&user.0),
        );
        store.commit_change(change, by, "device.add", Done::new(object(user, device.id), changes)).await?;
        store.wakes.announce(others);
        return Ok(device);
    }
}

/// Begins a change of the user with the device's owner locked too, both in order of id as everywhere.
async fn begin_with_owner(store: &SqlStore, user: UserId, owner: Option<UserId>) -> Result<Change, StoreError> {
    let Some(owner) = owner.filter(|owner| *owner != user) else { return store.begin_change(user).await };
    let mut change = match store.begin_change(user.min(owner)).await {
        // An owner who was deleted meanwhile has taken the device along.
        Err(StoreError::NotFound(_)) if owner < user => return store.begin_change(user).await,
        begun => begun?,
    };
    let other: Option<i64> = sqlx::query_scalar(sql("SELECT id FROM users WHERE id = $1 {lock}"))
        .bind(user.max(owner).0)
        .fetch_optional(&mut *change.tx)
        .await?;
    if other.is_none() && owner < user {
        return Err(StoreError::NotFound("user"));
    }
    // Both are planned anew, one after the other.
    store.lock_waiting(&mut change.tx, &[user, owner]).await?;
    change.user = user;
    Ok(change)
}

pub(super) async fn list(store: &SqlStore, user: UserId) -> Result<Vec<Device>, StoreError> {
    let rows: Vec<DeviceRow> =
        sqlx::query_as(sql("SELECT id, user_id, kind, token, keys, created_at FROM devices WHERE user_id = $1 ORDER BY id"))
            .bind(user.0)
            .fetch_all(&store.read)
            .await?;
    if rows.is_empty() {
        owners::must_exist(store, user).await?;
    }
    all(rows)
}

pub(super) async fn delete(store: &SqlStore, by: Actor, user: UserId, id: DeviceId) -> Result<(), StoreError> {
    let mut change = store.begin_change(user).await?;
    let deleted: Option<(String, String)> = sqlx::query_as(sql("DELETE FROM devices WHERE id = $1 AND user_id = $2 RETURNING kind, token"))
        .bind(id.0)
        .bind(user.0)
        .fetch_optional(&mut *change.tx)
        .await?;
    let (kind, token) = deleted.ok_or(StoreError::NotFound("device"))?;
    let changes = Changes::default().field("kind", Some(&kind), None).field("token", Some(&mask::token(&token)), None);
    store.commit_change(change, by, "device.delete", Done::new(object(user, id), changes)).await
}

async fn replan_former_owner(store: &SqlStore, tx: &mut Tx, owner: UserId) -> Result<Effects, StoreError> {
    // Plans that are under way hold against a lock, not against a new version.
    sqlx::query(sql("SELECT id FROM users WHERE id = $1 {lock}")).bind(owner.0).execute(&mut **tx).await?;
    sqlx::query(sql("UPDATE users SET version = version + 1, updated_at = $2 WHERE id = $1"))
        .bind(owner.0)
        .bind(store.clock.now().as_millis())
        .execute(&mut **tx)
        .await?;
    store.replan(tx, owner, Changed::Settings).await
}

fn object(user: UserId, id: DeviceId) -> String {
    format!("users/{user}/devices/{id}")
}
