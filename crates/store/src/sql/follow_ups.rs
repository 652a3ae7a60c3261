//! What Watchbell itself does next about open alerts: written with the plans that say so, and done when it is due.

use async_trait::async_trait;
use watchbell_core::decode::RejectReason;
use watchbell_core::event::{Event, Original};
use watchbell_core::{EventId, FollowUp, Group};

use super::rows::at;
use super::{SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::facts::Duty;
use crate::housekeeping::{FollowUps, NextFollowUp};
use crate::inline::NoInlineDispatch;
use crate::intake::{DeadLetters, Intake, Rejected};

/// What is done before others get their turn.
const AT_ONCE: i64 = 50;

/// Seconds until something is tried again that could not be done, so that it holds up nothing else.
const AGAIN_S: i64 = 60;

#[derive(Debug, sqlx_macros::FromRow)]
struct Row {
    alert_id: String,
    name: String,
    event_id: String,
    base_at: i64,
    number: i64,
    due_at: i64,
}

impl TryFrom<Row> for FollowUp {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            alert_id: row.alert_id,
            group: Group::parse(&row.name).ok_or_else(|| StoreError::Corrupt("unknown group of an alert".to_owned()))?,
            event_id: EventId(row.event_id),
            base_at: at(row.base_at),
            number: row.number,
            due_at: at(row.due_at),
        })
    }
}

#[async_trait]
impl FollowUps for SqlStore {
    async fn follow_up(&self) -> Result<NextFollowUp, StoreError> {
        let now = self.clock.now();
        let rows: Vec<Row> = sqlx::query_as(sql(
            "SELECT alert_id, name, event_id, base_at, number, due_at FROM follow_ups WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
        ))
        .bind(now.as_millis())
        .bind(AT_ONCE)
        .fetch_all(&self.write)
        .await?;
        if rows.is_empty() {
            let next: Option<i64> =
                sqlx::query_scalar(sql("SELECT due_at FROM follow_ups ORDER BY due_at LIMIT 1")).fetch_optional(&self.write).await?;
            return Ok(next.map_or(NextFollowUp::None, |next| NextFollowUp::At(at(next))));
        }
        for row in rows {
            let what = FollowUp::try_from(row)?;
            if let Err(error) = self.follow(&what).await {
                tracing::warn!(
                    alert.id = what.alert_id,
                    group = %what.group,
                    error = watchbell_core::error_chain(&error),
                    "the next step of an alert could not be taken; it will be tried again"
                );
                let put_off = FollowUp { due_at: now.plus_s(AGAIN_S), ..what.clone() };
                self.advance(&what, Some(put_off)).await?;
            }
        }
        Ok(NextFollowUp::At(now))
    }
}

impl SqlStore {
    /// Does it. Its plan says what comes next; where another process was faster, or had done it before, that is said here.
    async fn follow(&self, what: &FollowUp) -> Result<(), StoreError> {
        let Some(event) = self.planner.follow_up(what, self.clock.now()) else {
            self.reject(vec![no_such_list(what, self.clock.now())]).await?;
            return self.advance(what, None).await;
        };
        let event = Event { trace: self.span_of(&what.event_id).await?, ..event };
        Intake::accept(self, &[event], None, &NoInlineDispatch).await?;
        self.advance(what, self.planner.next(what)).await
    }

    /// Goes on to what comes next, unless somebody has meanwhile.
    async fn advance(&self, done: &FollowUp, next: Option<FollowUp>) -> Result<(), StoreError> {
        let text = match &next {
            Some(_) => {
                sql("UPDATE follow_ups SET number = $5, due_at = $6 WHERE alert_id = $1 AND name = $2 AND event_id = $3 AND number = $4")
            }
            None => sql("DELETE FROM follow_ups WHERE alert_id = $1 AND name = $2 AND event_id = $3 AND number = $4"),
        };
        let mut query =
            sqlx::query(text).bind(done.alert_id.clone()).bind(done.group.to_string()).bind(done.event_id.0.clone()).bind(done.number);
        if let Some(next) = next {
            query = query.bind(next.number).bind(next.due_at.as_millis());
        }
        query.execute(&self.write).await?;
        Ok(())
    }

    pub(super) async fn write_follow_ups(&self, tx: &mut Tx, follow: &[FollowUp], unfollow: &[(String, Group)]) -> Result<(), StoreError> {
        if !unfollow.is_empty() {
            // Found by the alert, and told apart as one text: a join with a table that is mostly empty has no plan worth the name.
            let keys = unfollow.iter().map(|(alert_id, group)| format!("{}:{alert_id}{group}", alert_id.chars().count()));
            sqlx::query(sql(
                "DELETE FROM follow_ups WHERE alert_id {in $1 text} AND length(alert_id) || ':' || alert_id || name {in $2 text}",
            ))
            .bind(array(unfollow.iter().map(|(alert_id, _)| alert_id))?)
            .bind(array(keys)?)
            .execute(&mut **tx)
            .await?;
        }
        for what in follow {
            sqlx::query(sql("INSERT INTO follow_ups (alert_id, name, event_id, base_at, number, due_at) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (alert_id, name) DO UPDATE SET event_id = excluded.event_id, base_at = excluded.base_at, \
                 number = excluded.number, due_at = excluded.due_at"))
            .bind(what.alert_id.clone())
            .bind(what.group.to_string())
            .bind(what.event_id.0.clone())
            .bind(what.base_at.as_millis())
            .bind(what.number)
            .bind(what.due_at.as_millis())
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }

    /// Has open alerts that name the schedules of these shifts looked at now; whether there are any. Rows that somebody has locked
    /// are of alerts that end just now: whoever goes on with one by the schedule waits for the schedule's row.
    pub(super) async fn look_at_schedules(&self, tx: &mut Tx, duties: &[Duty]) -> Result<bool, StoreError> {
        if duties.is_empty() {
            return Ok(false);
        }
        let names: Vec<String> = duties.iter().map(|duty| Group::Duty(duty.schedule.clone()).to_string()).collect();
        let looked = sqlx::query(sql("UPDATE follow_ups SET due_at = $1 WHERE {row} {anyof} SELECT {row} FROM follow_ups \
             WHERE name {in $2 text} AND due_at > $1 {skip} {end}"))
        .bind(self.clock.now().as_millis())
        .bind(array(names)?)
        .execute(&mut **tx)
        .await?;
        Ok(looked.rows_affected() > 0)
    }
}

fn no_such_list(what: &FollowUp, now: watchbell_core::Timestamp) -> Rejected {
    let payload = serde_json::json!({ "alertId": what.alert_id, "status": "ESCALATED", "responders": [what.group.to_string()] });
    Rejected {
        original: Original {
            subject: "watchbell.events.update".to_owned(),
            headers: Vec::new(),
            payload: payload.to_string().into_bytes(),
            received_at: now,
        },
        reason: RejectReason::UnknownEscalation.as_str().to_owned(),
        detail: format!("the next step of {} was due, and it is not configured any more", what.group),
    }
}
