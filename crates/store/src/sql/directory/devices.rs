//! Devices that take push messages. A token is one installation of an app, so it belongs to one user.

use std::collections::BTreeSet;

use watchbell_core::device::{Device, DeviceKind};
use watchbell_core::{Channel, DeviceId, UserId};

use super::rows::{DeviceRow, all};
use super::{SqlStore, Tx, sql, users};
use crate::StoreError;
use crate::access::Actor;

pub(super) async fn add(
    store: &SqlStore,
    by: Actor,
    user: UserId,
    kind: DeviceKind,
    token: &str,
    keys: Option<&str>,
) -> Result<Device, StoreError> {
    let mut change = store.begin_change(user).await?;
    let tx = &mut change.tx;
    let owner: Option<i64> = sqlx::query_scalar(sql("SELECT user_id FROM devices WHERE kind = $1 AND token = $2 {lock}"))
        .bind(kind.as_str())
        .bind(token)
        .fetch_optional(&mut **tx)
        .await?;
    let row: DeviceRow = sqlx::query_as(sql("INSERT INTO devices (user_id, kind, token, keys, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, token) DO UPDATE SET user_id = excluded.user_id, keys = excluded.keys \
         RETURNING id, user_id, kind, token, keys, created_at"))
    .bind(user.0)
    .bind(kind.as_str())
    .bind(token)
    .bind(keys)
    .bind(store.clock.now().as_millis())
    .fetch_one(&mut **tx)
    .await?;
    let device: Device = row.try_into()?;
    // Whoever had the device before has one less: their plan changes too.
    let others = match owner.map(UserId).filter(|owner| *owner != user) {
        Some(owner) => replan_former_owner(store, tx, owner).await?,
        None => BTreeSet::new(),
    };
    store.commit_change(change, by, "device.add", object(user, device.id)).await?;
    store.wakes.announce(&others);
    Ok(device)
}

pub(super) async fn list(store: &SqlStore, user: UserId) -> Result<Vec<Device>, StoreError> {
    let rows: Vec<DeviceRow> =
        sqlx::query_as(sql("SELECT id, user_id, kind, token, keys, created_at FROM devices WHERE user_id = $1 ORDER BY id"))
            .bind(user.0)
            .fetch_all(&store.read)
            .await?;
    if rows.is_empty() {
        users::must_exist(store, user).await?;
    }
    all(rows)
}

pub(super) async fn delete(store: &SqlStore, by: Actor, user: UserId, id: DeviceId) -> Result<(), StoreError> {
    let mut change = store.begin_change(user).await?;
    let deleted = sqlx::query(sql("DELETE FROM devices WHERE id = $1 AND user_id = $2"))
        .bind(id.0)
        .bind(user.0)
        .execute(&mut *change.tx)
        .await?
        .rows_affected();
    if deleted == 0 {
        return Err(StoreError::NotFound("device"));
    }
    store.commit_change(change, by, "device.delete", object(user, id)).await
}

async fn replan_former_owner(store: &SqlStore, tx: &mut Tx, owner: UserId) -> Result<BTreeSet<Channel>, StoreError> {
    sqlx::query(sql("UPDATE users SET version = version + 1, updated_at = $2 WHERE id = $1"))
        .bind(owner.0)
        .bind(store.clock.now().as_millis())
        .execute(&mut **tx)
        .await?;
    store.replan(tx, owner).await
}

fn object(user: UserId, id: DeviceId) -> String {
    format!("users/{user}/devices/{id}")
}
