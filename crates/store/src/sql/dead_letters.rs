//! What could not be used, kept as it came.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::QueryBuilder;
use watchbell_core::event::Original;

use super::rows::{all, at, json, to_json};
use super::{BindAll, Db, SqlStore, Tx, columns, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::columns::row;
use crate::intake::{DeadLetter, DeadLetterFilter, Rejected};

row! {
    struct NewRow {
        subject: String,
        reason: String,
        detail: String,
        headers: String,
        payload: String,
        received_at: i64,
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    subject: String,
    reason: String,
    detail: String,
    headers: String,
    payload: String,
    received_at: i64,
    created_at: i64,
    replayed_at: Option<i64>,
}

impl TryFrom<Row> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let payload = STANDARD.decode(&row.payload).map_err(|_| StoreError::Corrupt("dead_letters.payload holds no base64".to_owned()))?;
        let original = Original { subject: row.subject, headers: json(&row.headers)?, payload, received_at: at(row.received_at) };
        Ok(Self {
            id: row.id,
            rejected: Rejected { original, reason: row.reason, detail: row.detail },
            created_at: at(row.created_at),
            replayed_at: row.replayed_at.map(at),
        })
    }
}

impl SqlStore {
    /// Keeps what is no usable event, in the order given. Whatever it holds can be kept: an event that could be neither used
    /// nor kept would block its stream for ever.
    pub(super) async fn insert_dead_letters(&self, tx: &mut Tx, rejected: &[Rejected]) -> Result<(), StoreError> {
        if rejected.is_empty() {
            return Ok(());
        }
        let rows = rejected.iter().map(|rejected| {
            Ok(NewRow {
                subject: without_nul(&rejected.original.subject),
                reason: without_nul(&rejected.reason),
                detail: without_nul(&rejected.detail),
                headers: to_json(&rejected.original.headers)?,
                payload: STANDARD.encode(&rejected.original.payload),
                received_at: rejected.original.received_at.as_millis(),
            })
        });
        let rows: Vec<NewRow> = rows.collect::<Result<_, StoreError>>()?;
        sqlx::query(sql("INSERT INTO dead_letters (subject, reason, detail, headers, payload, received_at, created_at) \
             SELECT r.subject, r.reason, r.detail, r.headers, r.payload, r.received_at, $1 \
             FROM {rows $2: subject text, reason text, detail text, headers text, payload text, received_at bigint}"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Newest first.
    pub(super) async fn list_dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(
            "SELECT id, subject, reason, detail, headers, payload, received_at, created_at, replayed_at FROM dead_letters WHERE id < ",
        );
        query.push_bind(filter.before.unwrap_or(i64::MAX));
        push_filter(&mut query, filter);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit.max(0));
        let rows: Vec<Row> = query.build_query_as().fetch_all(&self.read).await?;
        all(rows)
    }

    pub(super) async fn get_dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, StoreError> {
        let row: Option<Row> = sqlx::query_as(sql(
            "SELECT id, subject, reason, detail, headers, payload, received_at, created_at, replayed_at FROM dead_letters WHERE id = $1",
        ))
        .bind(id)
        .fetch_optional(&self.read)
        .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Deletes what the filter finds, whatever its cursor and limit; how many.
    pub(super) async fn purge(&self, by: Actor, filter: &DeadLetterFilter) -> Result<u64, StoreError> {
        let mut tx = self.begin_edit().await?;
        let mut query = QueryBuilder::<Db>::new("DELETE FROM dead_letters WHERE 1 = 1");
        push_filter(&mut query, filter);
        let deleted = query.build().execute(&mut *tx).await?.rows_affected();
        self.record(&mut tx, by, "dead_letter.purge", format!("{deleted} dead letters")).await?;
        tx.commit().await?;
        Ok(deleted)
    }
}

fn push_filter(query: &mut QueryBuilder<Db>, filter: &DeadLetterFilter) {
    if let Some(reason) = &filter.reason {
        query.push(" AND reason = ").push_bind(reason.clone());
    }
    if let Some(subject) = &filter.subject {
        query.push(" AND subject = ").push_bind(subject.clone());
    }
    match filter.replayed {
        Some(true) => query.push(" AND replayed_at IS NOT NULL"),
        Some(false) => query.push(" AND replayed_at IS NULL"),
        None => query,
    };
}

/// PostgreSQL's texts cannot hold a NUL.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
