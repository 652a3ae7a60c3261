//! Answers that took effect, on their way to whoever waits for them. They are written with what they changed, and told until the
//! broker has them, so that none is lost while it is away or when a process dies. What was answered to a message is kept as long as
//! the event that it is.

use async_trait::async_trait;
use watchbell_core::device::DeviceKind;
use watchbell_core::event::{Answer, Event, EventData};
use watchbell_core::{DeliveryId, EventId, Secret, Timestamp};

use super::audit::Done;
use super::rows::{at, json, to_json};
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::columns::row;
use crate::facts::Plan;
use crate::intake::{Answered, Answers, Unanswered};

row! {
    struct Row<'a> {
        event_id: &'a EventId,
        alert_id: &'a str,
        delivery_id: &'a str,
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
        let any: Option<i64> = sqlx::query_scalar(sql("SELECT at FROM answers WHERE told_at IS NULL ORDER BY event_id LIMIT 1"))
            .fetch_optional(&self.write)
            .await?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin_tx().await?;
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(sql(
            "UPDATE answers SET taken_until = $2 WHERE event_id {anyof} SELECT event_id FROM answers WHERE told_at IS NULL AND taken_until <= $3 \
             ORDER BY event_id LIMIT $1 {skip} {end} RETURNING event_id, alert_id, answer, at",
        ))
        .bind(most)
        .bind(until.as_millis())
        .bind(self.clock.now().as_millis())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut answers = rows.into_iter().map(answered).collect::<Result<Vec<_>, StoreError>>()?;
        answers.sort_by(|a, b| a.event_id.cmp(&b.event_id));
        Ok(answers)
    }

    async fn answers_told(&self, answers: &[EventId]) -> Result<(), StoreError> {
        let ids: Vec<&str> = answers.iter().map(EventId::as_str).collect();
        let mut tx = self.begin_tx().await?;
        sqlx::query(sql("UPDATE answers SET told_at = $2 WHERE event_id {in $1 text}"))
            .bind(array(&ids)?)
            .bind(self.clock.now().as_millis())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn answers_to(&self, deliveries: &[DeliveryId]) -> Result<Vec<Answered>, StoreError> {
        let rows: Vec<(String, String, String, i64)> =
            sqlx::query_as(sql("SELECT event_id, alert_id, answer, at FROM answers WHERE delivery_id {in $1 text} ORDER BY event_id"))
                .bind(array(deliveries)?)
                .fetch_all(&self.read)
                .await?;
        rows.into_iter().map(answered).collect()
    }

    async fn unanswered(
        &self,
        device: DeviceKind,
        provider: &str,
        since: Timestamp,
        after: Option<&DeliveryId>,
        most: i64,
    ) -> Result<Vec<Unanswered>, StoreError> {
        // By the connections whose plans begin with the devices, which are few: PostgreSQL's own would read all deliveries.
        let rows: Vec<(String, String, String)> = sqlx::query_as(sql("SELECT d.id, d.message_id, v.token FROM devices v \
             JOIN responders r ON r.user_id = v.user_id \
             JOIN deliveries d ON d.subject = 'alert:' || r.alert_id AND d.user_id = r.user_id \
             WHERE v.kind = $1 AND d.device_id = v.id AND d.scope = 'alert:' || r.round || ':' || r.alert_id AND d.provider = $2 \
             AND d.state IN ('sent', 'delivered') AND d.message_id IS NOT NULL AND d.sent_at >= $3 AND d.id > $4 ORDER BY d.id LIMIT $5"))
        .bind(device.as_str())
        .bind(provider.to_owned())
        .bind(since.as_millis())
        .bind(after.map_or("", DeliveryId::as_str).to_owned())
        .bind(most)
        .fetch_all(&self.write)
        .await?;
        let unanswered =
            |(delivery, message_id, token)| Unanswered { delivery: DeliveryId(delivery), message_id, token: Secret::new(token) };
        Ok(rows.into_iter().map(unanswered).collect())
    }
}

fn answered((event_id, alert_id, answer, ms): (String, String, String, i64)) -> Result<Answered, StoreError> {
    Ok(Answered { event_id: EventId(event_id), alert_id, answer: json(&answer)?, at: at(ms) })
}

impl SqlStore {
    /// Keeps answers that took effect, with a line of the audit log for each.
    pub(super) async fn note_answers<'a>(&self, tx: &mut Tx, answers: Vec<(EventId, &'a str, &'a Answer)>) -> Result<(), StoreError> {
        if answers.is_empty() {
            return Ok(());
        }
        let now = self.clock.now().as_millis();
        for (_, alert_id, answer) in &answers {
            let changes = Changes::default()
                .field("alertId", None, Some(alert_id))
                .field("round", None, Some(&answer.round))
                .field("user", None, Some(&answer.user))
                .field("channel", None, Some(&answer.channel));
            let done = Done::new(format!("deliveries/{}", answer.delivery), changes);
            self.note_edits(tx, alert_id, answer).await?;
            self.record(tx, Actor::System, &format!("alert.{}", answer.action), done).await?;
        }
        let row = |(event_id, alert_id, answer): (_, _, &'a Answer)| {
            Ok(Row { event_id, alert_id, delivery_id: answer.delivery.as_str(), answer: to_json(answer)?, at: now })
        };
        let answers: Vec<_> = answers.iter().map(|(event_id, alert_id, answer)| (event_id, *alert_id, *answer)).collect();
        let rows = answers.into_iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
        sqlx::query(sql("INSERT INTO answers (event_id, alert_id, delivery_id, answer, taken_until, at) \
             SELECT event_id, alert_id, delivery_id, answer, 0, at \
             FROM {rows $1: event_id text, alert_id text, delivery_id text, answer text, at bigint} WHERE true ON CONFLICT DO NOTHING"))
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
