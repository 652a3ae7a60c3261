//! Marks deliveries as begun, right before they are called.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;
use watchbell_core::DeliveryId;
use watchbell_core::ids::Epoch;
use watchbell_store::WorkerStore;
use watchbell_store::queue::Call;

use super::batcher::BatchWork;

/// Says of each delivery whether it may be called. After a fault of the database none may.
pub(in crate::dispatch) struct BeginBatch {
    pub store: Arc<dyn WorkerStore>,
}

#[async_trait]
impl BatchWork for BeginBatch {
    type Item = (Call, oneshot::Sender<bool>);
    const IS_PATIENT: bool = false;

    async fn work(&self, epoch: Epoch, items: Vec<Self::Item>) {
        let (calls, answers): (Vec<Call>, Vec<_>) = items.into_iter().unzip();
        let begun = self.store.begin(epoch, &calls).await.unwrap_or_else(|error| {
            let error = watchbell_core::error_chain(&error);
            tracing::warn!(error, count = calls.len(), "delivery.begin failed; nothing was called");
            Vec::new()
        });
        let begun: HashSet<DeliveryId> = begun.into_iter().collect();
        for (call, answer) in calls.iter().zip(answers) {
            // Nobody waits any more for an answer when the process is ending.
            let _ = answer.send(begun.contains(&call.id));
        }
    }
}
