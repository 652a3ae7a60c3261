//! Writing what the planner answered.

use std::collections::{BTreeMap, HashMap, HashSet};

use watchbell_core::delivery::State;
use watchbell_core::ids::Epoch;
use watchbell_core::rule::Trigger;
use watchbell_core::{DeliveryId, EventId, Reason, Timestamp, UserId};

use super::if_known::IfKnown;
use super::locks::by_id;
use super::rows::{name, to_json};
use super::together::{Together, Value};
use super::{BindAll, SqlStore, Tx, columns, responders, sql};
use crate::StoreError;
use crate::columns::row;
use crate::facts::{Alert, Duty, Planned, Responder, Scope};
use crate::wake::{Effects, Moved};

/// What several plans want written, gathered so that each table is written once.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub alerts: Vec<Alert>,
    /// Alerts of which nothing was known.
    pub new_alerts: Vec<Alert>,
    pub responders: Vec<Responder>,
    pub released: Vec<Responder>,
    pub close: Vec<(Scope, Reason)>,
    pub duties: Vec<Duty>,
    pub insert: Vec<Planned>,
    pub update: Vec<Planned>,
    pub cancel: Vec<(DeliveryId, Reason)>,
    pub unreachable: Vec<(Scope, UserId, EventId)>,
    /// What the messages of events say from now on, as JSON.
    pub contents: BTreeMap<EventId, String>,
    /// Which of `insert` begin at once.
    pub begun: HashMap<DeliveryId, Begun>,
    pub if_known: IfKnown,
}

impl Writes {
    /// Deliveries that exist already are left as they are.
    pub fn only_makes_new(&self) -> bool {
        self.close.is_empty() && self.cancel.is_empty() && self.update.is_empty()
    }
}

/// Who calls for a delivery that begins in the transaction that plans it.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub epoch: Epoch,
    pub provider: String,
    pub at: Timestamp,
}

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
         ready_at bigint, expires_at bigint, state text, reason text, expedited boolean, collect text, lease bigint, begun_at bigint, provider text, attempts bigint"
    };
}

/// HIGH alerts go before everything else.
pub(super) fn rank(trigger: Trigger) -> i64 {
    i64::from(trigger != Trigger::AlertHigh)
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
        rank: rank(planned.trigger),
        due_at: planned.due_at.as_millis(),
        ready_at: planned.ready_at.as_millis(),
        expires_at: planned.expires_at.map(Timestamp::as_millis),
        state: begun.map_or(planned.state, |_| State::Sending).as_str(),
        reason: planned.reason.as_ref().map(to_json).transpose()?,
        expedited: planned.expedited,
        collect: planned.collect.as_deref(),
        lease: begun.map(|begun| begun.epoch.0),
        begun_at: begun.map(|begun| begun.at),
        provider: begun.map(|begun| begun.provider.as_str()),
        attempts: i64::from(begun.is_some()),
    })
}

row! {
    struct AlertRow<'a> {
        id: &'a str,
        state: &'static str,
        priority: &'static str,
        summary: &'a str,
        url: Option<&'a str>,
        category: Option<&'a str>,
        round: i64,
        since_round: i64,
        event_id: &'a EventId,
        content: Option<String>,
        history: String,
    }
}

fn alert_row(alert: &Alert) -> Result<AlertRow<'_>, StoreError> {
    Ok(AlertRow {
        id: &alert.id,
        state: alert.state.as_str(),
        priority: alert.priority.as_str(),
        summary: &alert.summary,
        url: alert.url.as_deref(),
        category: alert.category.as_deref(),
        round: alert.round,
        since_round: alert.since_round,
        event_id: &alert.event_id,
        content: alert.content.as_ref().map(to_json).transpose()?,
        history: to_json(&alert.history)?,
    })
}

row! {
    struct CancelRow<'a> {
        id: &'a DeliveryId,
        reason: String,
    }
}

impl SqlStore {
    /// Writes everything; whoever planned it has locked the deliveries that it changes (`locks.rs`). Answers the channels on which
    /// something may be due sooner than before, and the deliveries that are new.
    pub(super) async fn write(&self, tx: &mut Tx, writes: &Writes) -> Result<(Effects, HashSet<String>), StoreError> {
        self.update_alerts(tx, &writes.alerts).await?;
        self.write_contents(tx, &writes.contents).await?;
        let mut moved = self.close_scopes(tx, &writes.close).await?;
        responders::release(tx, &writes.released).await?;
        self.write_duties(tx, &writes.duties).await?;
        moved.extend(self.cancel(tx, &writes.cancel).await?);
        self.update_deliveries(tx, &writes.update).await?;
        let mut together = Together::default();
        self.insert_alerts(&mut together, &writes.new_alerts, writes.if_known)?;
        responders::add(&mut together, &writes.responders, writes.if_known)?;
        self.note_begun_leases(&mut together, &writes.begun)?;
        let written = self.insert_deliveries(tx, together, &writes.insert, &writes.begun, writes.if_known).await?;
        self.note_unreachable(tx, &writes.unreachable).await?;
        let waiting = writes.insert.iter().filter(|planned| !writes.begun.contains_key(&planned.id));
        let due = waiting.chain(&writes.update).map(|planned| planned.channel).collect();
        Ok((Effects { due, moved }, written))
    }

    /// Some of what begins may turn out to be known already: a flight says what may be leased, not what is.
    fn note_begun_leases(&self, together: &mut Together, begun: &HashMap<DeliveryId, Begun>) -> Result<(), StoreError> {
        let mut flights: BTreeMap<i64, Vec<&DeliveryId>> = BTreeMap::new();
        for (id, begun) in begun {
            flights.entry(begun.epoch.0).or_default().push(id);
        }
        flights.into_iter().try_for_each(|(epoch, ids)| self.note_leases(together, Epoch(epoch), &ids))
    }

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
             address, rules, critical, rank, due_at, ready_at, expires_at, state, reason, expedited, collect, lease, begun_at, provider, attempts, created_at, updated_at) \
             SELECT id, scope, event_id, alert_id, subject, category, user_id, purpose, cause, channel, contact_id, device_id, address, rules, critical, \
             rank, due_at, ready_at, expires_at, state, reason, expedited, collect, lease, begun_at, provider, attempts, $1, $1 \
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
    async fn update_deliveries(&self, tx: &mut Tx, planned: &[Planned]) -> Result<(), StoreError> {
        if planned.is_empty() {
            return Ok(());
        }
        let rows = planned.iter().map(|planned| delivery_row(planned, None)).collect::<Result<Vec<_>, _>>()?;
        let rows = by_id(rows, |row| row.id.as_str());
        let moved: Vec<String> = sqlx::query_scalar(sql(concat!(
            "UPDATE deliveries SET event_id = r.event_id, cause = r.cause, channel = r.channel, contact_id = r.contact_id, \
             device_id = r.device_id, address = r.address, rules = r.rules, critical = r.critical, rank = r.rank, due_at = r.due_at, \
             ready_at = r.ready_at, expires_at = r.expires_at, state = r.state, reason = r.reason, expedited = r.expedited, collect = r.collect, lease = NULL, updated_at = $1 \
             FROM {rows $2: ", delivery_columns!(), "} \
             WHERE deliveries.id = r.id AND {if deliveries.state IN ('scheduled', 'held')} RETURNING deliveries.id",
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
             FROM {rows $2: id text, reason text} WHERE deliveries.id = r.id AND {if deliveries.state IN ('scheduled', 'held', 'sending', 'bundled')} \
             RETURNING deliveries.id, deliveries.state, deliveries.reason"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .fetch_all(&mut **tx)
        .await?;
        self.cancelled(tx, stopped).await
    }

    /// Cancels all that is pending in these scopes.
    async fn close_scopes(&self, tx: &mut Tx, close: &[(Scope, Reason)]) -> Result<Vec<Moved>, StoreError> {
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
             FROM {rows $2: subject text, scope text, reason text} WHERE deliveries.subject = r.subject AND deliveries.scope = r.scope AND {if deliveries.state IN ('scheduled', 'held', 'sending', 'bundled')} \
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

    /// # Errors
    /// `Conflict`: another transition has just made one of them.
    fn insert_alerts(&self, together: &mut Together, alerts: &[Alert], if_known: IfKnown) -> Result<(), StoreError> {
        if alerts.is_empty() {
            return Ok(());
        }
        let mut rows = alerts.iter().map(alert_row).collect::<Result<Vec<_>, _>>()?;
        rows.sort_by(|a, b| a.id.cmp(b.id));
        macro_rules! insert {
            () => {
                "INSERT INTO alerts (id, state, priority, summary, url, category, round, since_round, event_id, content, history, updated_at) \
                 SELECT id, state, priority, summary, url, category, round, since_round, event_id, content, history, $1 \
                 FROM {rows $2: id text, state text, priority text, summary text, url text, category text, round bigint, since_round bigint, \
                 event_id text, content text, history text} WHERE true "
            };
        }
        let text = match if_known {
            IfKnown::GiveUp => insert!(),
            IfKnown::LeaveAlone => concat!(insert!(), "ON CONFLICT (id) DO NOTHING"),
        };
        together.add_rows(text, [Value::Number(self.clock.now().as_millis())], &rows, Some((rows.len(), StoreError::Conflict)))
    }

    async fn update_alerts(&self, tx: &mut Tx, alerts: &[Alert]) -> Result<(), StoreError> {
        if alerts.is_empty() {
            return Ok(());
        }
        let rows = alerts.iter().map(alert_row).collect::<Result<Vec<_>, _>>()?;
        sqlx::query(sql("UPDATE alerts SET state = r.state, priority = r.priority, summary = r.summary, url = r.url, category = r.category, round = r.round, \
             since_round = r.since_round, event_id = r.event_id, content = r.content, history = r.history, updated_at = $1 \
             FROM {rows $2: id text, state text, priority text, summary text, url text, category text, round bigint, since_round bigint, \
             event_id text, content text, history text} WHERE alerts.id = r.id"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    async fn write_contents(&self, tx: &mut Tx, contents: &BTreeMap<EventId, String>) -> Result<(), StoreError> {
        row! {
            struct Row<'a> {
                id: &'a EventId,
                content: &'a str,
            }
        }
        if contents.is_empty() {
            return Ok(());
        }
        let rows: Vec<Row<'_>> = contents.iter().map(|(id, content)| Row { id, content }).collect();
        sqlx::query(sql("UPDATE events SET content = r.content FROM {rows $1: id text, content text} WHERE events.id = r.id"))
            .bind_all(columns(&rows)?)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn write_duties(&self, tx: &mut Tx, duties: &[Duty]) -> Result<(), StoreError> {
        for duty in duties {
            sqlx::query(sql("INSERT INTO duties (id, user_id, starts_at, ends_at, schedule, status, occurrence, event_id) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, \
                 starts_at = excluded.starts_at, ends_at = excluded.ends_at, schedule = excluded.schedule, status = excluded.status, \
                 occurrence = excluded.occurrence, event_id = excluded.event_id"))
            .bind(duty.id.clone())
            .bind(duty.user_id.0)
            .bind(duty.starts_at.as_millis())
            .bind(duty.ends_at.as_millis())
            .bind(duty.schedule.clone())
            .bind(duty.status.as_str())
            .bind(to_json(&duty.occurrence)?)
            .bind(duty.event_id.as_str().to_owned())
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }

    pub(super) async fn note_unreachable(&self, tx: &mut Tx, unreachable: &[(Scope, UserId, EventId)]) -> Result<(), StoreError> {
        row! {
            struct Row<'a> {
                scope: String,
                user_id: UserId,
                event_id: &'a EventId,
            }
        }
        if unreachable.is_empty() {
            return Ok(());
        }
        let rows: Vec<Row<'_>> =
            unreachable.iter().map(|(scope, user_id, event_id)| Row { scope: scope.key(), user_id: *user_id, event_id }).collect();
        sqlx::query(sql("INSERT INTO unreachable (scope, user_id, event_id, at) SELECT scope, user_id, event_id, $1 \
             FROM {rows $2: scope text, user_id bigint, event_id text} WHERE true ON CONFLICT (scope, user_id) DO NOTHING"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
