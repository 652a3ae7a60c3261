//! Chains: a user's rules of one surface and trigger, in order of position.
//!
//! Positions are unique within a chain because they are written only while its user is locked. They may have gaps: deleting
//! a rule leaves one. No index makes them unique, as a shift of several rows would trip over it half-way.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::{Channel, RuleId, UserId};

use super::super::audit::Done;
use super::rows::{RuleRow, all};
use super::{Db, SqlStore, Tx, rules, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::directory::{ChainFilter, ChainRule, ChainStep, Chains, NewRule, Place};

#[async_trait]
impl Chains for SqlStore {
    async fn create_chain_rule(&self, by: Actor, user: UserId, rule: NewRule, place: Place) -> Result<Rule, StoreError> {
        create(self, by, user, rule, place).await
    }

    async fn change_chain_rule(
        &self,
        by: Actor,
        user: UserId,
        surface: Surface,
        id: RuleId,
        step: Option<ChainStep>,
        place: Option<Place>,
    ) -> Result<Rule, StoreError> {
        change(self, by, user, surface, id, step, place).await
    }

    async fn chain_rule(&self, surface: Surface, public_id: &str) -> Result<Option<ChainRule>, StoreError> {
        get(self, surface, public_id).await
    }

    async fn chain_rules(&self, filter: &ChainFilter) -> Result<(Vec<ChainRule>, i64), StoreError> {
        list(self, filter).await
    }
}

macro_rules! select {
    () => {
        "SELECT r.id, r.public_id, r.user_id, r.surface, r.cause, r.channel, r.contact_id, r.offset_s, r.position, r.critical, \
         r.conditions, r.repeat_every_s, r.repeat_times, \
         u.public_id AS user_public_id FROM rules r JOIN users u ON u.id = r.user_id WHERE r.position IS NOT NULL"
    };
}

#[derive(Debug, sqlx_macros::FromRow)]
struct ChainRow {
    #[sqlx(flatten)]
    rule: RuleRow,
    user_public_id: String,
}

impl TryFrom<ChainRow> for ChainRule {
    type Error = StoreError;

    fn try_from(row: ChainRow) -> Result<Self, StoreError> {
        Ok(Self { rule: row.rule.try_into()?, user_public_id: row.user_public_id })
    }
}

pub(super) async fn create(store: &SqlStore, by: Actor, user: UserId, new: NewRule, place: Place) -> Result<Rule, StoreError> {
    let mut change = store.begin_change(user).await?;
    let tx = &mut change.tx;
    let end = last(tx, user, new.surface, new.trigger).await?.map_or(0, |last| last + 1);
    let mut rule = rules::insert(store, tx, user, NewRule { position: Some(end), ..new }).await?;
    // It stands at the end already.
    if place != Place::End {
        put(tx, &mut rule, end, place).await?;
    }
    store.commit_change(change, by, "rule.create", Done::new(rules::object(user, rule.id), rules::changes(None, Some(&rule)))).await?;
    Ok(rule)
}

pub(super) async fn change(
    store: &SqlStore,
    by: Actor,
    user: UserId,
    surface: Surface,
    id: RuleId,
    step: Option<ChainStep>,
    place: Option<Place>,
) -> Result<Rule, StoreError> {
    let mut change = store.begin_change(user).await?;
    let tx = &mut change.tx;
    let row: Option<ChainRow> = sqlx::query_as(sql(concat!(select!(), " AND r.id = $1 AND r.user_id = $2 AND r.surface = $3")))
        .bind(id.0)
        .bind(user.0)
        .bind(surface.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    let before = ChainRule::try_from(row.ok_or(StoreError::NotFound("rule"))?)?.rule;
    let mut rule = before.clone();
    if let Some(step) = step {
        sqlx::query(sql("UPDATE rules SET channel = $2, critical = $3, offset_s = $4 WHERE id = $1"))
            .bind(id.0)
            .bind(step.channel.map(Channel::as_str))
            .bind(step.critical)
            .bind(step.offset_s)
            .execute(&mut **tx)
            .await?;
        rule = Rule { channel: step.channel, critical: step.critical, offset_s: step.offset_s, ..rule };
    }
    if let (Some(place), Some(from)) = (place, rule.position) {
        put(tx, &mut rule, from, place).await?;
    }
    store.commit_change(change, by, "rule.replace", Done::new(rules::object(user, id), rules::changes(Some(&before), Some(&rule)))).await?;
    Ok(rule)
}

/// The last position of a chain.
async fn last(tx: &mut Tx, user: UserId, surface: Surface, trigger: Trigger) -> Result<Option<i64>, StoreError> {
    let last = sqlx::query_scalar(sql("SELECT MAX(position) FROM rules WHERE user_id = $1 AND surface = $2 AND cause = $3"))
        .bind(user.0)
        .bind(surface.as_str())
        .bind(trigger.as_str())
        .fetch_one(&mut **tx)
        .await?;
    Ok(last)
}

/// Moves a rule of a locked user's from one position to another; the others of its chain give way.
async fn put(tx: &mut Tx, rule: &mut Rule, from: i64, place: Place) -> Result<(), StoreError> {
    let to = match place {
        Place::At(to) | Place::Swap(to) => to,
        Place::End => last(tx, rule.user_id, rule.surface, rule.trigger).await?.unwrap_or(from),
    };
    if to == from {
        return Ok(());
    }
    // What stands from `first` to `last` moves by `by`.
    let (first, last, by) = match place {
        Place::Swap(_) => (to, to, from - to),
        _ if to < from => (to, from - 1, 1),
        _ => (from + 1, to, -1),
    };
    sqlx::query(sql("UPDATE rules SET position = position + $6 \
         WHERE user_id = $1 AND surface = $2 AND cause = $3 AND position >= $4 AND position <= $5"))
    .bind(rule.user_id.0)
    .bind(rule.surface.as_str())
    .bind(rule.trigger.as_str())
    .bind(first)
    .bind(last)
    .bind(by)
    .execute(&mut **tx)
    .await?;
    sqlx::query(sql("UPDATE rules SET position = $2 WHERE id = $1")).bind(rule.id.0).bind(to).execute(&mut **tx).await?;
    rule.position = Some(to);
    Ok(())
}

pub(super) async fn get(store: &SqlStore, surface: Surface, public_id: &str) -> Result<Option<ChainRule>, StoreError> {
    let row: Option<ChainRow> = sqlx::query_as(sql(concat!(select!(), " AND r.public_id = $1 AND r.surface = $2")))
        .bind(public_id.to_owned())
        .bind(surface.as_str())
        .fetch_optional(&store.read)
        .await?;
    row.map(TryInto::try_into).transpose()
}

pub(super) async fn list(store: &SqlStore, filter: &ChainFilter) -> Result<(Vec<ChainRule>, i64), StoreError> {
    let mut count = QueryBuilder::<Db>::new("SELECT COUNT(*) FROM rules r WHERE r.position IS NOT NULL");
    push_filter(&mut count, filter);
    let total: i64 = count.build_query_scalar().fetch_one(&store.read).await?;
    let mut query = QueryBuilder::<Db>::new(select!());
    push_filter(&mut query, filter);
    query.push(" ORDER BY r.user_id, CASE r.cause WHEN 'alert_high' THEN 1 ELSE 0 END, r.position, r.id LIMIT ");
    query.push_bind(filter.limit.max(0)).push(" OFFSET ").push_bind(filter.offset.max(0));
    let rows: Vec<ChainRow> = query.build_query_as().fetch_all(&store.read).await?;
    Ok((all(rows)?, total))
}

fn push_filter(query: &mut QueryBuilder<Db>, filter: &ChainFilter) {
    query.push(" AND r.surface = ").push_bind(filter.surface.as_str());
    if let Some(user) = filter.user {
        query.push(" AND r.user_id = ").push_bind(user.0);
    }
    if let Some(trigger) = filter.trigger {
        query.push(" AND r.cause = ").push_bind(trigger.as_str());
    }
}
