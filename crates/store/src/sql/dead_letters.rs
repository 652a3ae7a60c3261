//! What could not be used, kept as it came.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use watchbell_core::decode::MAX_PAYLOAD_BYTES;
use watchbell_core::event::{Event, Original};

use super::audit::Done;
use super::rows::{all, at, json, to_json};
use super::{BindAll, Db, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::columns::row;
use crate::intake::{Accepted, DETAIL_BYTES, DeadLetter, DeadLetterFilter, DeadLetters, Rejected, TOO_LARGE_KEPT_BYTES};
use crate::packed;

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

/// Rows that one transaction of a purge deletes at most.
const PURGED_AT_ONCE: i64 = 100;

macro_rules! columns {
    () => {
        "id, subject, reason, detail, received_at, created_at, replayed_at"
    };
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: i64,
    subject: String,
    reason: String,
    detail: String,
    received_at: i64,
    created_at: i64,
    replayed_at: Option<i64>,
}

impl TryFrom<Row> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            subject: row.subject,
            reason: row.reason,
            detail: row.detail,
            received_at: at(row.received_at),
            created_at: at(row.created_at),
            replayed_at: row.replayed_at.map(at),
        })
    }
}

#[async_trait]
impl DeadLetters for SqlStore {
    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError> {
        let mut tx = self.begin_tx().await?;
        self.insert_dead_letters(&mut tx, &rejected).await?;
        Ok(tx.commit().await?)
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(concat!("SELECT ", columns!(), " FROM dead_letters WHERE id < "));
        query.push_bind(filter.before.unwrap_or(i64::MAX));
        push_filter(&mut query, filter);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit.max(0));
        let rows: Vec<Row> = query.build_query_as().fetch_all(&self.read).await?;
        all(rows)
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<(DeadLetter, Original)>, StoreError> {
        #[derive(sqlx_macros::FromRow)]
        struct Whole {
            #[sqlx(flatten)]
            row: Row,
            headers: String,
            payload: String,
        }
        let whole: Option<Whole> =
            sqlx::query_as(sql(concat!("SELECT ", columns!(), ", headers, payload FROM dead_letters WHERE id = $1")))
                .bind(id)
                .fetch_optional(&self.read)
                .await?;
        let Some(Whole { row, headers, payload }) = whole else { return Ok(None) };
        let letter = DeadLetter::try_from(row)?;
        let headers = match packed::of_headers(&headers) {
            None => json(&headers)?,
            Some(packed) => serde_json::from_slice(&packed?).map_err(|error| StoreError::Corrupt(error.to_string()))?,
        };
        let original =
            Original { subject: letter.subject.clone(), headers, payload: packed::unpack(&payload)?, received_at: letter.received_at };
        Ok(Some((letter, original)))
    }

    async fn purge_dead_letters(&self, by: Actor, filter: &DeadLetterFilter) -> Result<u64, StoreError> {
        let newest: Option<i64> = sqlx::query_scalar(sql("SELECT MAX(id) FROM dead_letters")).fetch_one(&self.read).await?;
        let mut deleted = 0;
        loop {
            let mut tx = self.begin_edit().await?;
            let mut query = QueryBuilder::<Db>::new("SELECT id FROM dead_letters WHERE id <= ");
            query.push_bind(newest.unwrap_or_default());
            push_filter(&mut query, filter);
            query.push(" ORDER BY id LIMIT ").push_bind(PURGED_AT_ONCE);
            let ids: Vec<i64> = query.build_query_scalar().fetch_all(&mut *tx).await?;
            sqlx::query(sql("DELETE FROM dead_letters WHERE id {in $1 bigint}")).bind(array(&ids)?).execute(&mut *tx).await?;
            let batch = ids.len() as u64;
            deleted += batch;
            let is_last = batch < PURGED_AT_ONCE.unsigned_abs();
            if batch > 0 || deleted == 0 {
                let changes = Changes::default()
                    .field("reason", filter.reason.as_ref(), None)
                    .field("subject", filter.subject.as_ref(), None)
                    .field("replayed", filter.replayed.as_ref(), None)
                    .field("count", Some(&batch), None);
                self.record(&mut tx, by, "dead_letter.purge", Done::new("dead-letters", changes)).await?;
            }
            tx.commit().await?;
            if is_last {
                return Ok(deleted);
            }
        }
    }
}

impl SqlStore {
    /// Keeps what is no usable event, in the order given. Whatever it holds can be kept: an event that could be neither used
    /// nor kept would block its stream for ever.
    pub(super) async fn insert_dead_letters(&self, tx: &mut Tx, rejected: &[Rejected]) -> Result<(), StoreError> {
        if rejected.is_empty() {
            return Ok(());
        }
        let rows: Vec<NewRow> = rejected.iter().map(new_row).collect::<Result<_, StoreError>>()?;
        sqlx::query(sql("INSERT INTO dead_letters (subject, reason, detail, headers, payload, received_at, created_at) \
             SELECT r.subject, r.reason, r.detail, r.headers, r.payload, r.received_at, $1 \
             FROM {rows $2: subject text, reason text, detail text, headers text, payload text, received_at bigint}"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// A dead letter of which still not all can be used stays open.
    pub(super) async fn mark_replayed(&self, tx: &mut Tx, events: &[Event], accepted: &[Accepted]) -> Result<(), StoreError> {
        let used = events.iter().zip(accepted).filter(|(_, accepted)| accepted.missed().is_none());
        let replayed: Vec<i64> = used.filter_map(|(event, _)| event.replay_of).collect();
        if replayed.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("UPDATE dead_letters SET replayed_at = $2 WHERE id {in $1 bigint}"))
            .bind(array(&replayed)?)
            .bind(self.clock.now().as_millis())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

fn new_row(rejected: &Rejected) -> Result<NewRow, StoreError> {
    let original = &rejected.original;
    let mut detail = without_nul(&rejected.detail);
    if detail.len() > DETAIL_BYTES {
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES - '…'.len_utf8()));
        detail.push('…');
    }
    let mut payload = original.payload.as_slice();
    if payload.len() > MAX_PAYLOAD_BYTES {
        payload = &payload[..TOO_LARGE_KEPT_BYTES];
        detail = format!("{detail}; the first {TOO_LARGE_KEPT_BYTES} of its {} bytes are kept", original.payload.len());
    }
    Ok(NewRow {
        subject: without_nul(&original.subject),
        reason: without_nul(&rejected.reason),
        detail,
        headers: packed::headers(to_json(&original.headers)?),
        payload: packed::pack(payload),
        received_at: original.received_at.as_millis(),
    })
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
