//! Rules, each seen and changed only through the surface that made it.

use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::{Channel, RuleId, UserId};

use super::super::array;
use super::rows::{RuleRow, all};
use super::{SqlStore, Tx, contacts, sql, users};
use crate::StoreError;
use crate::access::Actor;
use crate::directory::NewRule;

macro_rules! columns {
    () => {
        "id, public_id, user_id, surface, cause, channel, contact_id, offset_s, position, critical"
    };
}

pub(super) async fn create(store: &SqlStore, by: Actor, user: UserId, new: NewRule) -> Result<Rule, StoreError> {
    let mut change = store.begin_change(user).await?;
    let rule = insert(&mut change.tx, user, new).await?;
    store.commit_change(change, by, "rule.create", object(user, rule.id)).await?;
    Ok(rule)
}

pub(super) async fn insert(tx: &mut Tx, user: UserId, new: NewRule) -> Result<Rule, StoreError> {
    check_contact(tx, user, &new).await?;
    let row: RuleRow = sqlx::query_as(sql(concat!(
        "INSERT INTO rules (public_id, user_id, surface, cause, channel, contact_id, offset_s, position, critical) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ",
        columns!()
    )))
    .bind(new.public_id)
    .bind(user.0)
    .bind(new.surface.as_str())
    .bind(new.trigger.as_str())
    .bind(new.channel.map(Channel::as_str))
    .bind(new.contact_id.map(|id| id.0))
    .bind(new.offset_s)
    .bind(new.position)
    .bind(new.critical)
    .fetch_one(&mut **tx)
    .await?;
    row.try_into()
}

pub(super) async fn list(store: &SqlStore, user: UserId, surface: Surface, triggers: &[Trigger]) -> Result<Vec<Rule>, StoreError> {
    let rows: Vec<RuleRow> = sqlx::query_as(sql(concat!(
        "SELECT ",
        columns!(),
        " FROM rules WHERE user_id = $1 AND surface = $2 AND cause {in $3 text} ORDER BY id"
    )))
    .bind(user.0)
    .bind(surface.as_str())
    .bind(array(triggers.iter().map(|trigger| trigger.as_str()))?)
    .fetch_all(&store.read)
    .await?;
    if rows.is_empty() {
        users::must_exist(store, user).await?;
    }
    all(rows)
}

pub(super) async fn get(
    store: &SqlStore,
    user: UserId,
    surface: Surface,
    triggers: &[Trigger],
    id: RuleId,
) -> Result<Option<Rule>, StoreError> {
    let row: Option<RuleRow> = sqlx::query_as(sql(concat!(
        "SELECT ",
        columns!(),
        " FROM rules WHERE id = $1 AND user_id = $2 AND surface = $3 AND cause {in $4 text}"
    )))
    .bind(id.0)
    .bind(user.0)
    .bind(surface.as_str())
    .bind(array(triggers.iter().map(|trigger| trigger.as_str()))?)
    .fetch_optional(&store.read)
    .await?;
    row.map(TryInto::try_into).transpose()
}

pub(super) async fn replace(
    store: &SqlStore,
    by: Actor,
    user: UserId,
    triggers: &[Trigger],
    id: RuleId,
    new: NewRule,
) -> Result<Rule, StoreError> {
    let mut change = store.begin_change(user).await?;
    check_contact(&mut change.tx, user, &new).await?;
    let row: Option<RuleRow> = sqlx::query_as(sql(concat!(
        "UPDATE rules SET cause = $5, channel = $6, contact_id = $7, offset_s = $8, position = $9, critical = $10, \
         public_id = COALESCE($11, public_id) WHERE id = $1 AND user_id = $2 AND surface = $3 AND cause {in $4 text} RETURNING ",
        columns!()
    )))
    .bind(id.0)
    .bind(user.0)
    .bind(new.surface.as_str())
    .bind(array(triggers.iter().map(|trigger| trigger.as_str()))?)
    .bind(new.trigger.as_str())
    .bind(new.channel.map(Channel::as_str))
    .bind(new.contact_id.map(|id| id.0))
    .bind(new.offset_s)
    .bind(new.position)
    .bind(new.critical)
    .bind(new.public_id)
    .fetch_optional(&mut *change.tx)
    .await?;
    let row = row.ok_or(StoreError::NotFound("rule"))?;
    store.commit_change(change, by, "rule.replace", object(user, id)).await?;
    row.try_into()
}

pub(super) async fn delete(
    store: &SqlStore,
    by: Actor,
    user: UserId,
    surface: Surface,
    triggers: &[Trigger],
    id: RuleId,
) -> Result<(), StoreError> {
    let mut change = store.begin_change(user).await?;
    let deleted = sqlx::query(sql("DELETE FROM rules WHERE id = $1 AND user_id = $2 AND surface = $3 AND cause {in $4 text}"))
        .bind(id.0)
        .bind(user.0)
        .bind(surface.as_str())
        .bind(array(triggers.iter().map(|trigger| trigger.as_str()))?)
        .execute(&mut *change.tx)
        .await?
        .rows_affected();
    if deleted == 0 {
        return Err(StoreError::NotFound("rule"));
    }
    store.commit_change(change, by, "rule.delete", object(user, id)).await
}

/// Somebody else's contact is as good as none.
async fn check_contact(tx: &mut Tx, user: UserId, new: &NewRule) -> Result<(), StoreError> {
    let Some(id) = new.contact_id else { return Ok(()) };
    let contact = contacts::find(tx, user, None, id).await?.ok_or(StoreError::NotFound("contact"))?;
    if new.contact_kinds.contains(&contact.kind) { Ok(()) } else { Err(StoreError::UnfitContact("it is of another kind")) }
}

pub(super) fn object(user: UserId, id: RuleId) -> String {
    format!("users/{user}/rules/{id}")
}
