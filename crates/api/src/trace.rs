//! What is heard of deliveries goes on with the traces that they belong to.

use std::collections::HashMap;

use watchbell_core::{DeliveryId, Timestamp, TraceContext};
use watchbell_store::queue::Receipt;
use watchbell_traces::Kind;

use crate::state::Api;

/// The spans of the last calls for these deliveries, where traces are kept. Whoever asks goes on without them where the database does
/// not answer.
pub(crate) async fn last_calls(api: &Api, deliveries: &[DeliveryId]) -> HashMap<DeliveryId, TraceContext> {
    if !api.settings.tracer.is_on() {
        return HashMap::new();
    }
    api.store.last_calls(deliveries).await.unwrap_or_else(|error| {
        tracing::debug!(error = watchbell_core::error_chain(&error), "what is heard of deliveries is missing from their traces");
        HashMap::new()
    })
}

/// Records that a provider said something of a delivery's call.
pub(crate) fn record_receipt(api: &Api, calls: &HashMap<DeliveryId, TraceContext>, receipt: &Receipt, began_at: Timestamp) {
    let Some(call) = calls.get(&receipt.delivery).copied() else { return };
    let heard = call.receipt(&receipt.delivery, receipt.outcome.as_str(), began_at);
    api.settings.tracer.record(heard, |span| {
        span.about(&receipt.delivery)
            .named("delivery.receipt", Kind::Consumer)
            .under(Some(call))
            .during(began_at, api.clock.now())
            .with("watchbell.provider", receipt.provider.as_str())
            .with("watchbell.receipt", receipt.outcome.as_str())
            .with_some("watchbell.code", receipt.code.as_deref())
    });
}
