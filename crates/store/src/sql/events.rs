//! Reading what was accepted.

use async_trait::async_trait;
use watchbell_core::event::EventData;
use watchbell_core::{Decision, EventId};

use super::rows::{AlertRow, all, at, json, name};
use super::{SqlStore, array, sql};
use crate::StoreError;
use crate::facts::{Alert, Scope};
use crate::intake::{EventRecord, Events};

#[async_trait]
impl Events for SqlStore {
    async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError> {
        Ok(self.events(std::slice::from_ref(id)).await?.pop())
    }

    async fn events(&self, ids: &[EventId]) -> Result<Vec<EventRecord>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(sql(
            "SELECT id, kind, base_at, received_at, subject, problems, decision FROM events WHERE id {in $1 text} ORDER BY id",
        ))
        .bind(array(ids)?)
        .fetch_all(&self.read)
        .await?;
        all(rows)
    }

    async fn event_by_identity(&self, identity: &str) -> Result<Option<(EventId, EventData)>, StoreError> {
        let row: Option<(String, String, String)> = sqlx::query_as(sql("SELECT id, kind, data FROM events WHERE identity = $1"))
            .bind(identity.to_owned())
            .fetch_optional(&self.read)
            .await?;
        let Some((id, kind, data)) = row else { return Ok(None) };
        let data = EventData::from_json(name(&kind)?, &data).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Some((EventId(id), data)))
    }

    async fn event_data(&self, id: &EventId) -> Result<Option<EventData>, StoreError> {
        let row: Option<(String, String)> =
            sqlx::query_as(sql("SELECT kind, data FROM events WHERE id = $1")).bind(id.as_str()).fetch_optional(&self.read).await?;
        let Some((kind, data)) = row else { return Ok(None) };
        EventData::from_json(name(&kind)?, &data).map(Some).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    async fn alert(&self, id: &str) -> Result<Option<Alert>, StoreError> {
        let row: Option<AlertRow> = sqlx::query_as(sql(
            "SELECT id, state, priority, summary, url, category, round, since_round, event_id, content, history FROM alerts WHERE id = $1",
        ))
        .bind(id.to_owned())
        .fetch_optional(&self.read)
        .await?;
        row.map(Alert::try_from).transpose()
    }

    async fn unreachable_count(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(sql("SELECT COUNT(*) FROM unreachable")).fetch_one(&self.read).await?)
    }
}

#[derive(sqlx_macros::FromRow)]
struct EventRow {
    id: String,
    kind: String,
    base_at: i64,
    received_at: i64,
    subject: String,
    problems: Option<String>,
    decision: Option<String>,
}

impl TryFrom<EventRow> for EventRecord {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: EventId(row.id),
            kind: name(&row.kind)?,
            base_at: at(row.base_at),
            received_at: at(row.received_at),
            alert_id: Scope::alert_of_subject(&row.subject).map(str::to_owned),
            problems: row.problems.as_deref().map(json).transpose()?.unwrap_or_default(),
            decision: row.decision.as_deref().map(Decision::read),
        })
    }
}
