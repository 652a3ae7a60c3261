//! Traces: the event's row has the span that accepted it, and what comes later is derived from that.

use std::collections::HashMap;

use async_trait::async_trait;
use watchbell_core::delivery::State;
use watchbell_core::event::Event;
use watchbell_core::{DeliveryId, EventId, TraceContext};

use super::{SqlStore, array, sql};
use crate::StoreError;
use crate::queue::Traces;

#[async_trait]
impl Traces for SqlStore {
    async fn last_calls(&self, deliveries: &[DeliveryId]) -> Result<HashMap<DeliveryId, TraceContext>, StoreError> {
        let rows: Vec<(String, String, i64, String)> = sqlx::query_as(sql("SELECT d.id, d.state, d.attempts, e.trace FROM deliveries d \
             JOIN events e ON e.id = d.event_id WHERE d.id {in $1 text} AND e.trace IS NOT NULL"))
        .bind(array(deliveries)?)
        .fetch_all(&self.write)
        .await?;
        let call = |(id, state, attempts, trace): (String, String, i64, String)| {
            // The call that is under way counts once it has ended.
            let attempt = if state == State::Sending.as_str() { attempts + 1 } else { attempts.max(1) };
            let (id, trace) = (DeliveryId(id), read(Some(&trace))?);
            Some((id.clone(), trace.call(&id, attempt)))
        };
        Ok(rows.into_iter().filter_map(call).collect())
    }
}

impl SqlStore {
    /// The span that accepts an event in this process, if it keeps traces. What Watchbell itself does next about an alert goes on with
    /// the span that accepted the alert.
    pub(super) fn accept_span(&self, event: &Event, id: &EventId) -> Option<TraceContext> {
        let share = self.traces?;
        if event.is_follow_up() { event.trace } else { Some(TraceContext::of_accept(event.trace, id, share)) }
    }

    /// The span that accepted an event before.
    pub(super) async fn span_of(&self, event: &EventId) -> Result<Option<TraceContext>, StoreError> {
        if self.traces.is_none() {
            return Ok(None);
        }
        let trace: Option<Option<String>> =
            sqlx::query_scalar(sql("SELECT trace FROM events WHERE id = $1")).bind(event.as_str()).fetch_optional(&self.write).await?;
        Ok(read(trace.flatten().as_deref()))
    }
}

/// What another version wrote differently is no trace: nothing is sent later or otherwise because of it.
pub(super) fn read(trace: Option<&str>) -> Option<TraceContext> {
    trace?.parse().ok()
}
