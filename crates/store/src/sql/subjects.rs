//! Writing what deliveries are about: alerts and duties; and whom neither reached.

use std::collections::BTreeMap;

use watchbell_core::{EventId, UserId};

use super::if_known::IfKnown;
use super::rows::to_json;
use super::together::{Together, Value};
use super::{BindAll, SqlStore, Tx, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::facts::{Alert, Duty, Scope};

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

impl SqlStore {
    /// # Errors
    /// `Conflict`: another transition has just made one of them.
    pub(super) fn insert_alerts(&self, together: &mut Together, alerts: &[Alert], if_known: IfKnown) -> Result<(), StoreError> {
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

    pub(super) async fn update_alerts(&self, tx: &mut Tx, alerts: &[Alert]) -> Result<(), StoreError> {
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

    pub(super) async fn write_contents(&self, tx: &mut Tx, contents: &BTreeMap<EventId, String>) -> Result<(), StoreError> {
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

    pub(super) async fn write_duties(&self, tx: &mut Tx, duties: &[Duty]) -> Result<(), StoreError> {
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
