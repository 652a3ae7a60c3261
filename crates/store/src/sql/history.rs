//! Reading what was planned and what became of it.
//!
//! Listing goes newest first by id and stops at its limit, so that it costs the same with a thousand rows as with ten
//! million: an index holds each user's deliveries in that order, and a table the failed ones. Those of one alert or event are
//! found by what they are about, and sorted.

use async_trait::async_trait;
use sqlx::{FromRow as _, QueryBuilder, Row as _};
use watchbell_core::delivery::State;
use watchbell_core::ids::TIME_DIGITS;
use watchbell_core::{Channel, ContactId, DeliveryId, EventId, NamedAs, Reason, RuleId, Timestamp, UserId};

use super::rows::{at, json, name, scope, to_json};
use super::{Db, SqlStore, array, attempts, receipt_log, sql};
use crate::access::Actor;
use crate::history::{Delivery, DeliveryFilter, History};
use crate::queue::Attempt;
use crate::rank;
use crate::wake::Effects;
use crate::{Scope, StoreError};

macro_rules! select {
    () => {
        "SELECT d.id, d.scope, d.event_id, d.alert_id, d.user_id, d.purpose, d.cause, d.channel, d.contact_id, d.address, d.rules, d.rank, \
         d.due_at, d.ready_at, d.state, d.reason, d.named_as, d.attempts, d.attempt_log, d.receipt_log, d.provider, d.sent_at, d.created_at, d.updated_at, \
         u.username, u.first_name, u.last_name \
         FROM deliveries d LEFT JOIN users u ON u.id = d.user_id WHERE "
    };
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    scope: String,
    event_id: String,
    alert_id: Option<String>,
    user_id: i64,
    purpose: String,
    cause: String,
    channel: String,
    contact_id: Option<i64>,
    address: String,
    rules: String,
    rank: i64,
    due_at: i64,
    ready_at: i64,
    state: String,
    reason: Option<String>,
    named_as: Option<String>,
    attempts: i64,
    attempt_log: String,
    receipt_log: String,
    provider: Option<String>,
    sent_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
}

impl Row {
    /// As `User::display_name`; none for a user who was deleted.
    fn user_name(&self) -> Option<String> {
        let names = format!("{} {}", self.first_name.as_deref()?, self.last_name.as_deref()?);
        let names = names.trim();
        if names.is_empty() { self.username.clone() } else { Some(names.to_owned()) }
    }
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            user_name: row.user_name(),
            scope: scope(&row.scope)?,
            purpose: name(&row.purpose)?,
            trigger: name(&row.cause)?,
            channel: name(&row.channel)?,
            state: name(&row.state)?,
            rules: json::<Vec<i64>>(&row.rules)?.into_iter().map(RuleId).collect(),
            id: DeliveryId(row.id),
            event_id: EventId(row.event_id),
            alert_id: row.alert_id,
            user_id: UserId(row.user_id),
            contact_id: row.contact_id.map(ContactId),
            address: row.address,
            high: row.rank == rank::HIGH,
            due_at: at(row.due_at),
            ready_at: at(row.ready_at),
            reason: row.reason.as_deref().map(Reason::read),
            named_as: row.named_as.as_deref().map(NamedAs::read),
            attempts: row.attempts,
            provider: row.provider,
            sent_at: row.sent_at.map(at),
            receipts: receipt_log::parse(&row.receipt_log)?,
            created_at: at(row.created_at),
            updated_at: at(row.updated_at),
        })
    }
}

/// A delivery, unless this version cannot read it; then the log says which one it is.
fn read(row: &<Db as sqlx::Database>::Row) -> Option<Delivery> {
    let delivery = Row::from_row(row).map_err(StoreError::from).and_then(Delivery::try_from);
    if delivery.is_err() {
        let id: String = row.try_get("id").unwrap_or_default();
        tracing::error!(delivery.id = id, "a delivery that cannot be read is left out of a list");
    }
    delivery.ok()
}

#[async_trait]
impl History for SqlStore {
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        let mut filter = filter.clone();
        let asked_for = usize::try_from(filter.limit).unwrap_or(0);
        let mut deliveries = Vec::new();
        // As many as are asked for, unless there are no more: what cannot be read is left out, and not the end of the list.
        while filter.limit > 0 {
            let mut query = QueryBuilder::<Db>::new(concat!(select!(), "1 = 1"));
            push_filter(&mut query, &filter);
            query.push(" ORDER BY d.id DESC LIMIT ").push_bind(filter.limit);
            let rows = query.build().fetch_all(&self.read).await?;
            let Some(last) = rows.last() else { break };
            filter.before = Some(DeliveryId(last.try_get("id")?));
            deliveries.extend(rows.iter().filter_map(read));
            let is_last_page = i64::try_from(rows.len()) != Ok(filter.limit);
            filter.limit = if is_last_page { 0 } else { asked_for.saturating_sub(deliveries.len()).try_into().unwrap_or(0) };
        }
        Ok(deliveries)
    }

    async fn lately(&self, again: &[DeliveryId], soon: Timestamp, most: i64) -> Result<Vec<Delivery>, StoreError> {
        // The first of those that are due, not the longest waiting: where a backlog waits, all of it would have to be sorted for that.
        let rows = sqlx::query(sql(concat!(
            select!(),
            "d.id {in $1 text} OR d.id {anyof} SELECT id FROM deliveries ORDER BY id DESC LIMIT $2 {end} \
             OR d.id {anyof} SELECT id FROM ready_queue WHERE channel {in $3 text} \
             AND rank IN ({rank high}, {rank normal}, {rank claimed}) AND ready_at <= $4 LIMIT $2 {end}"
        )))
        .bind(array(again)?)
        .bind(most)
        .bind(array(Channel::ALL.iter().map(|channel| channel.as_str()))?)
        .bind(soon.as_millis())
        .fetch_all(&self.read)
        .await?;
        Ok(rows.iter().filter_map(read).collect())
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError> {
        let row: Option<Row> = sqlx::query_as(sql(concat!(select!(), "d.id = $1"))).bind(id.as_str()).fetch_optional(&self.read).await?;
        let Some(row) = row else { return Ok(None) };
        let attempts = attempts::parse(&row.attempt_log)?;
        Ok(Some((row.try_into()?, attempts)))
    }

    async fn replay_delivery(&self, by: Actor, id: &DeliveryId) -> Result<bool, StoreError> {
        let now = self.clock.now().as_millis();
        let mut tx = self.begin_edit().await?;
        // The retry window counts from `due_at`; attempts go on counting, since their log stays.
        let channel: Option<String> = sqlx::query_scalar(sql(
            "UPDATE deliveries SET state = 'scheduled', reason = $3, due_at = $2, ready_at = $2, lease = NULL, begun_at = NULL, \
             updated_at = $2 WHERE id = $1 AND state = 'failed' RETURNING channel",
        ))
        .bind(id.as_str())
        .bind(now)
        .bind(to_json(&Reason::Replayed)?)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(channel) = channel else {
            let known: Option<i64> =
                sqlx::query_scalar(sql("SELECT user_id FROM deliveries WHERE id = $1")).bind(id.as_str()).fetch_optional(&mut *tx).await?;
            return known.map(|_| false).ok_or(StoreError::NotFound("delivery"));
        };
        let channel: Channel = name(&channel)?;
        sqlx::query(sql("DELETE FROM failures WHERE id = $1")).bind(id.as_str()).execute(&mut *tx).await?;
        self.enqueue(&mut tx, &[id]).await?;
        self.record(&mut tx, by, "delivery.replay", format!("deliveries/{id}")).await?;
        tx.commit().await?;
        self.wakes.announce(Effects::due([channel].into()));
        Ok(true)
    }

    async fn unreachable(&self, limit: i64) -> Result<Vec<(Scope, UserId, EventId, Timestamp)>, StoreError> {
        let rows: Vec<(String, i64, String, i64)> =
            sqlx::query_as(sql("SELECT scope, user_id, event_id, at FROM unreachable ORDER BY at DESC, scope, user_id LIMIT $1"))
                .bind(limit.max(0))
                .fetch_all(&self.read)
                .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(key, user, event, ms)| Some((Scope::parse(&key)?, UserId(user), EventId(event), at(ms))))
            .collect())
    }
}

/// Only what is asked for becomes a condition, so that each combination has a plan of its own.
fn push_filter(query: &mut QueryBuilder<Db>, filter: &DeliveryFilter) {
    if let Some(user) = filter.user {
        query.push(" AND d.user_id = ").push_bind(user.0);
    }
    if let Some(alert) = &filter.alert {
        query.push(" AND d.subject = ").push_bind(Scope::subject_of_alert(alert));
        // A bundle is not of the alert that its first member is about.
        query.push(" AND d.alert_id = ").push_bind(alert.clone());
    }
    if let Some(event) = &filter.event {
        // Events are deleted before deliveries are; but nearly all that an event caused begins with its time.
        let time = event.0.get(..TIME_DIGITS).unwrap_or(&event.0).to_owned();
        query.push(" AND (d.subject = (SELECT subject FROM events WHERE id = ").push_bind(event.0.clone());
        query.push(") OR d.id >= ").push_bind(time.clone()).push(" AND d.id < ").push_bind(format!("{time}~"));
        query.push(") AND d.event_id = ").push_bind(event.0.clone());
    }
    if let Some(channel) = filter.channel {
        query.push(" AND d.channel = ").push_bind(channel.as_str());
    }
    if let Some(state) = filter.state {
        query.push(" AND d.state = ").push_bind(state.as_str());
        if state == State::Failed {
            query.push(" AND d.id IN (SELECT id FROM failures)");
        }
    }
    if let Some(from) = filter.from {
        query.push(" AND d.due_at >= ").push_bind(from.as_millis());
    }
    if let Some(to) = filter.to {
        query.push(" AND d.due_at < ").push_bind(to.as_millis());
    }
    if let Some(changed_after) = filter.changed_after {
        query.push(" AND d.updated_at > ").push_bind(changed_after.as_millis());
    }
    if let Some(before) = &filter.before {
        query.push(" AND d.id < ").push_bind(before.0.clone());
    }
}
