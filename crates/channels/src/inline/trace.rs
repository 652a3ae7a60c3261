//! The spans by which events are accepted.

use watchbell_core::Timestamp;
use watchbell_core::event::Event;
use watchbell_store::intake::Accepted;
use watchbell_traces::{Kind, Tracer};

use super::metrics::result;

/// Records that these events were accepted, by a transaction that was asked for then. One that is known already has its span, and what
/// Watchbell does next about an alert goes on with the alert's.
pub(super) fn record(tracer: &Tracer, events: &[Event], accepted: &[Accepted], began_at: Timestamp) {
    let Some(now) = tracer.now() else { return };
    for (event, accepted) in events.iter().zip(accepted) {
        let Some(context) = accepted.trace.filter(|_| !accepted.duplicate) else { continue };
        tracer.record(context, |span| {
            span.named("event.accept", Kind::Consumer)
                .under(event.trace)
                .during(began_at, now)
                .with("watchbell.event.id", accepted.id.as_str())
                .with("watchbell.event.kind", event.data.kind().as_str())
                .with("watchbell.result", result(accepted))
                .with("watchbell.planned", i64::try_from(accepted.planned).unwrap_or(i64::MAX))
        });
    }
}
