//! The audit log: a line for every change, written in its transaction, and for readings that matter.

use async_trait::async_trait;
use serde_json::{Map, Value};
use sqlx::QueryBuilder;
use watchbell_core::KeyId;
use watchbell_core::event::Event;

use super::rows::{at, json, to_json};
use super::{Db, SqlStore, Tx, sql};
use crate::StoreError;
use crate::access::{Actor, AuditEntry, AuditFilter, AuditLog};
use crate::changes::Changes;
use crate::intake::Accepted;

/// Of a batch of events so many are named.
const NAMED_EVENTS: usize = 20;

/// To what something was done, and what that changed.
pub(super) struct Done {
    object: String,
    detail: Option<Map<String, Value>>,
}

impl Done {
    pub fn new(object: impl Into<String>, changes: Changes) -> Self {
        Self { object: object.into(), detail: changes.into_detail() }
    }
}

impl From<String> for Done {
    fn from(object: String) -> Self {
        Self { object, detail: None }
    }
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: i64,
    at: i64,
    key_id: Option<i64>,
    address: Option<String>,
    action: String,
    object: String,
    detail: Option<String>,
}

impl TryFrom<Row> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            at: at(row.at),
            key_id: row.key_id.map(KeyId),
            address: row.address,
            action: row.action,
            object: row.object,
            detail: row.detail.as_deref().map(json).transpose()?,
        })
    }
}

#[async_trait]
impl AuditLog for SqlStore {
    async fn note(&self, by: Actor, action: &str, object: &str, detail: Option<Map<String, Value>>) -> Result<(), StoreError> {
        self.record_alone(by, action, object, detail).await
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let mut query = QueryBuilder::<Db>::new("SELECT id, at, key_id, address, action, object, detail FROM audit WHERE id < ");
        query.push_bind(filter.before.unwrap_or(i64::MAX));
        if let Some(key) = filter.key {
            query.push(" AND key_id = ").push_bind(key.0);
        }
        if let Some(action) = &filter.action {
            query.push(" AND substr(action, 1, length(").push_bind(action.clone()).push(")) = ").push_bind(action.clone());
        }
        if let Some(object) = &filter.object {
            let inside = format!("{object}/");
            query.push(" AND (object = ").push_bind(object.clone());
            query.push(" OR substr(object, 1, length(").push_bind(inside.clone()).push(")) = ").push_bind(inside).push(")");
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit.max(0));
        let rows: Vec<Row> = query.build_query_as().fetch_all(&self.read).await?;
        super::rows::all(rows)
    }
}

impl SqlStore {
    /// Writes a line of the audit log.
    pub(super) async fn record(&self, tx: &mut Tx, by: Actor, action: &str, done: impl Into<Done>) -> Result<(), StoreError> {
        let Done { object, detail } = done.into();
        sqlx::query(sql("INSERT INTO audit (at, key_id, address, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)"))
            .bind(self.clock.now().as_millis())
            .bind(by.key_id())
            .bind(by.address().map(|address| address.to_string()))
            .bind(action.to_owned())
            .bind(object)
            .bind(detail.as_ref().map(to_json).transpose()?)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// Writes a line for a client's events, those of them that are new.
    pub(super) async fn record_accepted(
        &self,
        tx: &mut Tx,
        by: Actor,
        action: &str,
        events: &[Event],
        accepted: &[Accepted],
    ) -> Result<(), StoreError> {
        let new: Vec<&Accepted> = accepted.iter().filter(|accepted| !accepted.duplicate).collect();
        let Some(first) = new.first() else { return Ok(()) };
        let object = match events {
            [Event { replay_of: Some(letter), .. }] => format!("dead-letters/{letter}"),
            _ if new.len() == 1 => format!("events/{}", first.id),
            _ => format!("{} events", new.len()),
        };
        let planned: usize = new.iter().map(|accepted| accepted.planned).sum();
        let ids: Vec<&str> = new.iter().take(NAMED_EVENTS).map(|accepted| accepted.id.as_str()).collect();
        let detail = Map::from_iter([("events".to_owned(), ids.into()), ("planned".to_owned(), planned.into())]);
        self.record(tx, by, action, Done { object, detail: Some(detail) }).await
    }

    /// Writes a line by itself, for what is no change.
    pub(super) async fn record_alone(
        &self,
        by: Actor,
        action: &str,
        object: &str,
        detail: Option<Map<String, Value>>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_edit().await?;
        self.record(&mut tx, by, action, Done { object: object.to_owned(), detail }).await?;
        Ok(tx.commit().await?)
    }
}
