//! Rules, each seen and changed only through surfaces that can say it in full.

use async_trait::async_trait;
use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::{Channel, RuleId, UserId};

use super::super::array;
use super::super::audit::Done;
use super::rows::{RuleRow, all, to_json};
use super::{Connection, SqlStore, Tx, contacts, owners, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::directory::{NewRule, Rules};

#[async_trait]
impl Rules for SqlStore {
    async fn create_rule(&self, by: Actor, user: UserId, rule: NewRule) -> Result<Rule, StoreError> {
        create(self, by, user, rule).await
    }

    async fn rules(&self, user: UserId, surface: Surface, triggers: &[Trigger]) -> Result<Vec<Rule>, StoreError> {
        list(self, user, surface, triggers).await
    }

    async fn rule(&self, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<Option<Rule>, StoreError> {
        get(self, user, surface, triggers, id).await
    }

    async fn replace_rule(&self, by: Actor, user: UserId, triggers: &[Trigger], id: RuleId, rule: NewRule) -> Result<Rule, StoreError> {
        replace(self, by, user, triggers, id, rule).await
    }

    async fn delete_rule(&self, by: Actor, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<(), StoreError> {
        delete(self, by, user, surface, triggers, id).await
    }
}

macro_rules! columns {
    () => {
        "id, public_id, user_id, surface, cause, channel, contact_id, offset_s, position, critical, conditions, repeat_every_s, repeat_times"
    };
}

pub(super) async fn create(store: &SqlStore, by: Actor, user: UserId, new: NewRule) -> Result<Rule, StoreError> {
    let mut change = store.begin_change(user).await?;
    let rule = insert(store, &mut change.tx, user, new).await?;
    store.commit_change(change, by, "rule.create", Done::new(object(user, rule.id), changes(None, Some(&rule)))).await?;
    Ok(rule)
}

pub(super) async fn insert(store: &SqlStore, tx: &mut Tx, user: UserId, new: NewRule) -> Result<Rule, StoreError> {
    check_contact(tx, user, &new).await?;
    store.check_quota(tx, "SELECT COUNT(*) FROM rules WHERE user_id = $1", user, store.quotas.rules, "rules").await?;
    let conditions = conditions(&new)?;
    let row: RuleRow = sqlx::query_as(sql(concat!(
        "INSERT INTO rules (public_id, user_id, surface, cause, channel, contact_id, offset_s, position, critical, conditions, \
         repeat_every_s, repeat_times) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING ",
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
    .bind(conditions)
    .bind(new.repeat.map(|repeat| repeat.every_s))
    .bind(new.repeat.map(|repeat| repeat.times))
    .fetch_one(&mut **tx)
    .await?;
    row.try_into()
}

pub(super) async fn list(store: &SqlStore, user: UserId, surface: Surface, triggers: &[Trigger]) -> Result<Vec<Rule>, StoreError> {
    let rows: Vec<RuleRow> =
        sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM rules WHERE user_id = $1 AND cause {in $2 text} ORDER BY id")))
            .bind(user.0)
            .bind(array(triggers.iter().map(|trigger| trigger.as_str()))?)
            .fetch_all(&store.read)
            .await?;
    if rows.is_empty() {
        owners::must_exist(store, user).await?;
    }
    let mut rules: Vec<Rule> = all(rows)?;
    rules.retain(|rule| surface.shows(rule));
    Ok(rules)
}

pub(super) async fn get(
    store: &SqlStore,
    user: UserId,
    surface: Surface,
    triggers: &[Trigger],
    id: RuleId,
) -> Result<Option<Rule>, StoreError> {
    find(&mut store.read.acquire().await?, user, surface, triggers, id).await
}

async fn find(on: &mut Connection, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<Option<Rule>, StoreError> {
    let row: Option<RuleRow> =
        sqlx::query_as(sql(concat!("SELECT ", columns!(), " FROM rules WHERE id = $1 AND user_id = $2 AND cause {in $3 text}")))
            .bind(id.0)
            .bind(user.0)
            .bind(array(triggers.iter().map(|trigger| trigger.as_str()))?)
            .fetch_optional(on)
            .await?;
    let rule: Option<Rule> = row.map(TryInto::try_into).transpose()?;
    Ok(rule.filter(|rule| surface.shows(rule)))
}

/// Conditions as they are kept.
fn conditions(new: &NewRule) -> Result<Option<String>, StoreError> {
    Some(&new.when).filter(|when| !when.is_empty()).map(to_json).transpose()
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
    let before = find(&mut change.tx, user, new.surface, triggers, id).await?.ok_or(StoreError::NotFound("rule"))?;
    let conditions = conditions(&new)?;
    let row: RuleRow = sqlx::query_as(sql(concat!(
        "UPDATE rules SET cause = $2, channel = $3, contact_id = $4, offset_s = $5, position = $6, critical = $7, \
         public_id = COALESCE($8, public_id), conditions = $9, repeat_every_s = $10, repeat_times = $11, surface = $12 WHERE id = $1 RETURNING ",
        columns!()
    )))
    .bind(id.0)
    .bind(new.trigger.as_str())
    .bind(new.channel.map(Channel::as_str))
    .bind(new.contact_id.map(|id| id.0))
    .bind(new.offset_s)
    .bind(new.position)
    .bind(new.critical)
    .bind(new.public_id)
    .bind(conditions)
    .bind(new.repeat.map(|repeat| repeat.every_s))
    .bind(new.repeat.map(|repeat| repeat.times))
    .bind(new.surface.as_str())
    .fetch_one(&mut *change.tx)
    .await?;
    let rule: Rule = row.try_into()?;
    store.commit_change(change, by, "rule.replace", Done::new(object(user, id), changes(Some(&before), Some(&rule)))).await?;
    Ok(rule)
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
    let rule = find(&mut change.tx, user, surface, triggers, id).await?.ok_or(StoreError::NotFound("rule"))?;
    sqlx::query(sql("DELETE FROM rules WHERE id = $1")).bind(id.0).execute(&mut *change.tx).await?;
    store.commit_change(change, by, "rule.delete", Done::new(object(user, id), changes(Some(&rule), None))).await
}

/// Somebody else's contact is as good as none.
async fn check_contact(tx: &mut Tx, user: UserId, new: &NewRule) -> Result<(), StoreError> {
    let Some(id) = new.contact_id else { return Ok(()) };
    let contact = contacts::find(tx, user, None, id).await?.ok_or(StoreError::NotFound("contact"))?;
    if new.contact_kinds.contains(&contact.kind) { Ok(()) } else { Err(StoreError::UnfitContact("it is of another kind")) }
}

pub(super) fn changes(before: Option<&Rule>, after: Option<&Rule>) -> Changes {
    let trigger = |rule: &Rule| rule.trigger.as_str();
    let channel = |rule: &Rule| rule.channel.map(Channel::as_str);
    let contact = |rule: &Rule| rule.contact_id.map(|contact| contact.0);
    let offset_s = |rule: &Rule| rule.offset_s;
    let position = |rule: &Rule| rule.position;
    let critical = |rule: &Rule| rule.critical;
    let when = |rule: &Rule| Some(rule.when.clone()).filter(|when| !when.is_empty());
    let repeat = |rule: &Rule| rule.repeat.map(|repeat| format!("{} times every {} s", repeat.times, repeat.every_s));
    Changes::default()
        .field("trigger", before.map(trigger).as_ref(), after.map(trigger).as_ref())
        .field("channel", before.and_then(channel).as_ref(), after.and_then(channel).as_ref())
        .field("contactId", before.and_then(contact).as_ref(), after.and_then(contact).as_ref())
        .field("offsetS", before.map(offset_s).as_ref(), after.map(offset_s).as_ref())
        .field("position", before.and_then(position).as_ref(), after.and_then(position).as_ref())
        .field("critical", before.map(critical).as_ref(), after.map(critical).as_ref())
        .field("when", before.and_then(when).as_ref(), after.and_then(when).as_ref())
        .field("repeat", before.and_then(repeat).as_ref(), after.and_then(repeat).as_ref())
}

pub(super) fn object(user: UserId, id: RuleId) -> String {
    format!("users/{user}/rules/{id}")
}
