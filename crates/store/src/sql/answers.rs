//! Answers that took effect, on their way to whoever waits for them. They are written with what they changed, and forgotten when
//! the broker has them, so that none is lost while it is away or when a process dies.

use async_trait::async_trait;
use watchbell_core::event::{Answer, Event, EventData};
use watchbell_core::{EventId, Timestamp};

use super::rows::{at, json, to_json};
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::facts::Plan;
use crate::intake::{Answered, Answers};

row! {
    struct Row<'a> {
        event_id: &'a EventId,
        alert_id: &'a str,
        answer: String,
        at: i64,
    }
}

/// The answer that an event is, where it took effect.
pub(super) fn taken<'e>(event: &'e Event, plan: &Plan) -> Option<(&'e str, &'e Answer)> {
    match &event.data {
        EventData::Update(data) if plan.decision.is_none() => Some((&data.alert_id, data.answer.as_ref()?)),
        _ => None,
    }
}

#[async_trait]
impl Answers for SqlStore {
    async fn take_answers(&self, most: i64, until: Timestamp) -> Result<Vec<Answered>, StoreError> {
        // Nearly always there is none, and nothing need be written to know that.
        let any: Option<i64> =
            sqlx::query_scalar(sql("SELECT at FROM answers ORDER BY event_id LIMIT 1")).fetch_optional(&self.write).await?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin_tx().await?;
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(sql(
            "UPDATE answers SET taken_until = $2 WHERE event_id {anyof} SELECT event_id FROM answers WHERE taken_until <= $3 \
             ORDER BY event_id LIMIT $1 {skip} {end} RETURNING event_id, alert_id, answer, at",
        ))
        .bind(most)
        .bind(until.as_millis())
        .bind(self.clock.now().as_millis())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let answered = |(event_id, alert_id, answer, ms): (String, String, String, i64)| {
            Ok(Answered { event_id: EventId(event_id), alert_id, answer: json(&answer)?, at: at(ms) })
        };
        let mut answers = rows.into_iter().map(answered).collect::<Result<Vec<_>, StoreError>>()?;
        answers.sort_by(|a, b| a.event_id.cmp(&b.event_id));
        Ok(answers)
    }

    async fn answers_told(&self, answers: &[EventId]) -> Result<(), StoreError> {
        let ids: Vec<&str> = answers.iter().map(EventId::as_str).collect();
        let mut tx = self.begin_tx().await?;
        sqlx::query(sql("DELETE FROM answers WHERE event_id {in $1 text}")).bind(array(&ids)?).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

impl SqlStore {
    pub(super) async fn note_answers(&self, tx: &mut Tx, answers: Vec<(EventId, &str, &Answer)>) -> Result<(), StoreError> {
        if answers.is_empty() {
            return Ok(());
        }
        let now = self.clock.now().as_millis();
        let row = |(event_id, alert_id, answer)| Ok(Row { event_id, alert_id, answer: to_json(answer)?, at: now });
        let answers: Vec<_> = answers.iter().map(|(event_id, alert_id, answer)| (event_id, *alert_id, *answer)).collect();
        let rows = answers.into_iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
        sqlx::query(sql("INSERT INTO answers (event_id, alert_id, answer, taken_until, at) SELECT event_id, alert_id, answer, 0, at \
             FROM {rows $1: event_id text, alert_id text, answer text, at bigint} WHERE true ON CONFLICT DO NOTHING"))
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
