//! Who is told of open alerts: found by user, for planning anew what a user changes. What was is in the alerts' histories.

use watchbell_core::{EventId, UserId};

use super::if_known::IfKnown;
use super::together::Together;
use super::{BindAll, Tx, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::facts::Responder;

/// Written with the plan's deliveries. Of somebody who is in the round already, the new times count.
pub(super) fn add(together: &mut Together, responders: &[Responder], if_known: IfKnown) -> Result<(), StoreError> {
    row! {
        struct Row<'a> {
            alert_id: &'a str,
            round: i64,
            user_id: UserId,
            base_at: i64,
            event_id: &'a EventId,
        }
    }
    if responders.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row<'_>> = responders
        .iter()
        .map(|r| Row { alert_id: &r.alert_id, round: r.round, user_id: r.user_id, base_at: r.base_at.as_millis(), event_id: &r.event_id })
        .collect();
    macro_rules! insert {
        () => {
            "INSERT INTO responders (alert_id, round, user_id, base_at, event_id) \
             SELECT alert_id, round, user_id, base_at, event_id FROM {rows $1: alert_id text, round bigint, \
             user_id bigint, base_at bigint, event_id text} WHERE true "
        };
    }
    let text = match if_known {
        IfKnown::GiveUp => insert!(),
        IfKnown::LeaveAlone => concat!(
            insert!(),
            "ON CONFLICT (user_id, alert_id, round) DO UPDATE SET base_at = excluded.base_at, event_id = excluded.event_id"
        ),
    };
    together.add_rows(text, [], &rows, None)
}

/// Forgets who is not told any more.
pub(super) async fn release(tx: &mut Tx, released: &[Responder]) -> Result<(), StoreError> {
    row! {
        struct Row<'a> {
            user_id: UserId,
            alert_id: &'a str,
            round: i64,
        }
    }
    if released.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row<'_>> = released.iter().map(|r| Row { user_id: r.user_id, alert_id: &r.alert_id, round: r.round }).collect();
    sqlx::query(sql(
        "DELETE FROM responders WHERE {row} {anyof} SELECT p.{row} FROM {rows $1: user_id bigint, alert_id text, round bigint} \
         JOIN responders p ON p.user_id = r.user_id AND p.alert_id = r.alert_id AND p.round = r.round {end}",
    ))
    .bind_all(columns(&rows)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
