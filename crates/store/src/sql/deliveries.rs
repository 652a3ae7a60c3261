//! Writing deliveries: new ones, changes of those that are pending, and cancelling.

use std::collections::{HashMap, HashSet};

use watchbell_core::delivery::State;
use watchbell_core::{DeliveryId, EventId, Reason, Timestamp, UserId};

use super::if_known::IfKnown;
use super::locks::by_id;
use super::plan::Begun;
use super::rows::{name, to_json};
use super::together::{Together, Value};
use super::{BindAll, SqlStore, Tx, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::facts::{Planned, Scope};
use crate::rank;
use crate::wake::Moved;

row! {
    struct DeliveryRow<'a> {
        id: &'a DeliveryId,
        scope: String,
        event_id: &'a EventId,
        alert_id: Option<&'a str>,
        subject: String,
        category: Option<&'a str>,
        user_id: UserId,
        purpose: &'static str,
        cause: &'static str,
        channel: &'static str,
        contact_id: Option<i64>,
        device_id: Option<i64>,
        address: &'a str,
        rules: String,
        critical: bool,
        rank: i64,
        due_at: i64,
        ready_at: i64,
        expires_at: Option<i64>,
        state: &'static str,
        reason: Option<String>,
        expedited: bool,
        collect: Option<&'a str>,
        named_as: Option<String>,
        repetition: Option<i64>,
        lease: Option<i64>,
        begun_at: Option<Timestamp>,
        provider: Option<&'a str>,
        attempts: i64,
    }
}

/// [`DeliveryRow`] in a `{rows …}` hole.
macro_rules! delivery_columns {
    () => {
        "id text, scope text, event_id text, alert_id text, subject text, category text, user_id bigint, purpose text, cause text, channel text, \
         contact_id bigint, device_id bigint, address text, rules text, critical boolean, rank bigint, due_at bigint, \
         ready_at bigint, expires_at bigint, state text, reason text, expedited boolean, collect text, named_as text, repetition bigint, lease bigint, begun_at bigint, provider text, attempts bigint"
    };
}

fn delivery_row<'a>(planned: &'a Planned, begun: Option<&'a Begun>) -> Result<DeliveryRow<'a>, StoreError> {
    Ok(DeliveryRow {
        id: &planned.id,
        scope: planned.scope.key(),
        event_id: &planned.event_id,
        alert_id: planned.alert_id.as_deref(),
        subject: planned.subject(),
        category: planned.category.as_deref(),
        user_id: planned.user_id,
        purpose: planned.purpose.as_str(),
        cause: planned.trigger.as_str(),
        channel: planned.channel.as_str(),
        contact_id: planned.contact_id.map(|id| id.0),
        device_id: planned.device_id.map(|id| id.0),
        address: &planned.address,
        rules: to_json(&planned.rules)?,
        critical: planned.critical,
        rank: rank::of(planned.trigger),
        due_at: planned.due_at.as_millis(),
        ready_at: planned.ready_at.as_millis(),
        expires_at: planned.expires_at.map(Timestamp::as_millis),
        state: begun.map_or(planned.state, |_| State::Sending).as_str(),
        reason: planned.reason.as_ref().map(to_json).transpose()?,
        expedited: planned.expedited,
        collect: planned.collect.as_deref(),
        named_as: planned.named_as.as_ref().map(to_json).transpose()?,
        repetition: Some(planned.repetition).filter(|repetition| *repetition > 0),
        lease: begun.map(|begun| begun.epoch.0),
        begun_at: begun.map(|begun| begun.at),
        provider: begun.map(|begun| begun.provider.as_str()),
        attempts: i64::from(begun.is_some()),
    })
}

row! {
    struct CancelRow<'a> {
        id: &'a DeliveryId,
        reason: String,
    }
}

impl SqlStore {
    /// Plans that exist already are left as they are; answers the others. What is to be written beside them is `together`.
    pub(super) async fn insert_deliveries(
        &self,
        tx: &mut Tx,
        mut together: Together,
        planned: &[Planned],
        begun: &HashMap<DeliveryId, Begun>,
        if_known: IfKnown,
    ) -> Result<HashSet<String>, StoreError> {
        if planned.is_empty() {
            together.run(tx).await?;
            return Ok(HashSet::new());
        }
        let rows = planned.iter().map(|planned| delivery_row(planned, begun.get(&planned.id))).collect::<Result<Vec<_>, _>>()?;
        macro_rules! insert {
            () => {
                concat!(
            "INSERT INTO deliveries (id, scope, event_id, alert_id, subject, category, user_id, purpose, cause, channel, contact_id, device_id, \
             address, rules, critical, rank, due_at, ready_at, expires_at, state, reason, expedited, collect, named_as, repetition, lease, begun_at, provider, attempts, created_at, updated_at) \
             SELECT id, scope, event_id, alert_id, subject, category, user_id, purpose, cause, channel, contact_id, device_id, address, rules, critical, \
             rank, due_at, ready_at, expires_at, state, reason, expedited, collect, named_as, repetition, lease, begun_at, provider, attempts, $1, $1 \
             FROM {rows $2: ", delivery_columns!(), "} \
             WHERE true "
                )
            };
        }
        let now = self.clock.now().as_millis();
        let written: HashSet<String> = if if_known == IfKnown::GiveUp {
            together.add_rows(insert!(), [Value::Number(now)], &rows, None)?;
            together.run(tx).await?;
            planned.iter().map(|planned| planned.id.0.clone()).collect()
        } else {
            together.run(tx).await?;
            let insert = sql(concat!(insert!(), "ON CONFLICT (id) DO NOTHING RETURNING id"));
            let written: Vec<String> = sqlx::query_scalar(insert).bind(now).bind_all(columns(&rows)?).fetch_all(&mut **tx).await?;
            written.into_iter().collect()
        };
        let is_waiting = |planned: &&Planned| {
            matches!(planned.state, State::Scheduled | State::Held)
                && !begun.contains_key(&planned.id)
                && written.contains(planned.id.as_str())
        };
        let waiting: Vec<&DeliveryId> = planned.iter().filter(is_waiting).map(|planned| &planned.id).collect();
        self.enqueue(tx, &waiting).await?;
        Ok(written)
    }

    /// Moves pending deliveries. A claim on one is void: it is claimed again as it is now.
    pub(super) async fn update_deliveries(&self, tx: &mut Tx, planned: &[Planned]) -> Result<(), StoreError> {
        if planned.is_empty() {
            return Ok(());
        }
        let rows = planned.iter().map(|planned| delivery_row(planned, None)).collect::<Result<Vec<_>, _>>()?;
        let rows = by_id(rows, |row| row.id.as_str());
        let moved: Vec<String> = sqlx::query_scalar(sql(concat!(
            "UPDATE deliveries SET event_id = r.event_id, cause = r.cause, channel = r.channel, contact_id = r.contact_id, \
             device_id = r.device_id, address = r.address, rules = r.rules, critical = r.critical, rank = r.rank, due_at = r.due_at, \
             ready_at = r.ready_at, expires_at = r.expires_at, state = r.state, reason = r.reason, expedited = r.expedited, collect = r.collect, named_as = r.named_as, lease = NULL, updated_at = $1 \
             FROM {rows $2: ", delivery_columns!(), "} \
             WHERE deliveries.id = r.id AND {if deliveries.state {states pending}} RETURNING deliveries.id",
        )))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .fetch_all(&mut **tx)
        .await?;
        self.requeue(tx, &moved).await
    }

    /// What has begun cannot be called back, but is not tried again.
    pub(super) async fn cancel(&self, tx: &mut Tx, cancel: &[(DeliveryId, Reason)]) -> Result<Vec<Moved>, StoreError> {
        if cancel.is_empty() {
            return Ok(Vec::new());
        }
        let rows = cancel.iter().map(|(id, reason)| Ok(CancelRow { id, reason: to_json(reason)? }));
        let rows = by_id(rows.collect::<Result<_, StoreError>>()?, |row| row.id.as_str());
        let stopped: Vec<(String, String, Option<String>)> = sqlx::query_as(sql("UPDATE deliveries SET {stop}, updated_at = $1 \
             FROM {rows $2: id text, reason text} WHERE deliveries.id = r.id AND {if deliveries.state {states stoppable}} \
             RETURNING deliveries.id, deliveries.state, deliveries.reason"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .fetch_all(&mut **tx)
        .await?;
        self.cancelled(tx, stopped).await
    }

    /// Cancels all that is pending in these scopes.
    pub(super) async fn close_scopes(&self, tx: &mut Tx, close: &[(Scope, Reason)]) -> Result<Vec<Moved>, StoreError> {
        row! {
            struct Row {
                subject: String,
                scope: String,
                reason: String,
            }
        }
        if close.is_empty() {
            return Ok(Vec::new());
        }
        let row = |(scope, reason): &(Scope, Reason)| Ok(Row { subject: scope.subject(), scope: scope.key(), reason: to_json(reason)? });
        let rows = close.iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
        let stopped: Vec<(String, String, Option<String>)> = sqlx::query_as(sql("UPDATE deliveries SET {stop}, updated_at = $1 \
             FROM {rows $2: subject text, scope text, reason text} WHERE deliveries.subject = r.subject AND deliveries.scope = r.scope AND {if deliveries.state {states stoppable}} \
             RETURNING deliveries.id, deliveries.state, deliveries.reason"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .fetch_all(&mut **tx)
        .await?;
        self.cancelled(tx, stopped).await
    }

    /// Those that are cancelled now; what had begun goes on.
    async fn cancelled(&self, tx: &mut Tx, stopped: Vec<(String, String, Option<String>)>) -> Result<Vec<Moved>, StoreError> {
        let moved = stopped
            .into_iter()
            .map(|(id, state, reason)| Ok(Moved { id: DeliveryId(id), state: name(&state)?, reason: reason.as_deref().map(Reason::read) }));
        let mut moved: Vec<Moved> = moved.collect::<Result<_, StoreError>>()?;
        moved.retain(|moved| moved.state == State::Cancelled);
        self.dequeue(tx, &moved.iter().map(|moved| &moved.id).collect::<Vec<_>>()).await?;
        Ok(moved)
    }
}
