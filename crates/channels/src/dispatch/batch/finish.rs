//! Writes how deliveries ended, however long the database is away: what a provider answered must not be forgotten.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Notify, broadcast};
use tokio_util::task::task_tracker::TaskTrackerToken;
use watchbell_core::ids::Epoch;
use watchbell_core::{Clock, DeliveryId};
use watchbell_store::WorkerStore;
use watchbell_store::queue::{Finished, Job, Next};

use super::batcher::BatchWork;
use super::persist::{BETWEEN_TRIES, until_written};
use crate::dispatch::channel::notifier::ChannelNotifier;
use crate::dispatch::held::{LeaseGuard, LeaseTracker};
use crate::dispatch::metrics::ChannelMetrics;

/// A delivery that has just got further, for whoever wants to know.
#[derive(Clone, Debug)]
pub struct Progress {
    pub job: Arc<Job>,
    pub finished: Finished,
}

/// How a delivery ended, with what has to outlast the writing of it.
pub(in crate::dispatch) struct FinishedDelivery {
    /// Tells the delivery's channel worker what it may do next.
    pub notifier: Arc<ChannelNotifier>,
    pub metrics: Arc<ChannelMetrics>,
    pub job: Arc<Job>,
    pub finished: Finished,
    pub lease: LeaseGuard,
    /// Until this is dropped, the process waits for the delivery before it ends.
    pub under_way: TaskTrackerToken,
}

#[derive(Clone)]
pub(in crate::dispatch) struct FinishBatch {
    pub store: Arc<dyn WorkerStore>,
    pub clock: Arc<dyn Clock>,
    pub progress: broadcast::Sender<Progress>,
    pub held: LeaseTracker,
    /// Told of messages that their providers are to confirm.
    pub awaits_receipt: Arc<Notify>,
}

#[async_trait]
impl BatchWork for FinishBatch {
    type Item = FinishedDelivery;
    const IS_PATIENT: bool = true;

    async fn work(&self, epoch: Epoch, deliveries: Vec<FinishedDelivery>) {
        let finished: Vec<Finished> = deliveries.iter().map(|delivery| delivery.finished.clone()).collect();
        if let Some(held) = self.write_together(epoch, &finished).await {
            return self.written(deliveries, held);
        }
        // Each by itself, and beside this batcher: the others do not wait for the one that cannot be written.
        for delivery in deliveries {
            let finish = self.clone();
            tokio::spawn(async move { finish.write_alone(epoch, delivery).await });
        }
    }
}

impl FinishBatch {
    /// As soon as the database can be reached; None where it can, and does not take all of them. The answer: which of the
    /// deliveries this session still held.
    async fn write_together(&self, epoch: Epoch, finished: &[Finished]) -> Option<Vec<DeliveryId>> {
        let mut backoff = BETWEEN_TRIES;
        loop {
            match self.store.finish(epoch, finished).await {
                Ok(held) => return Some(held),
                Err(error) => {
                    let text = watchbell_core::error_chain(&error);
                    tracing::warn!(count = finished.len(), error = text, "delivery.finish failed; trying again");
                    if !error.is_outage() {
                        return None;
                    }
                }
            }
            self.clock.sleep(backoff.next_wait()).await;
        }
    }

    async fn write_alone(&self, epoch: Epoch, delivery: FinishedDelivery) {
        let finished = std::slice::from_ref(&delivery.finished);
        let held = until_written(self.clock.as_ref(), "delivery.finish", 1, || self.store.finish(epoch, finished)).await;
        if held.is_none() && delivery.finished.attempt.is_some() {
            self.held.note_call_without_end(&delivery.finished.id);
        }
        self.written(vec![delivery], held.unwrap_or_default());
    }

    fn written(&self, deliveries: Vec<FinishedDelivery>, held: Vec<DeliveryId>) {
        let held: HashSet<DeliveryId> = held.into_iter().collect();
        if deliveries.iter().any(|delivery| delivery.finished.receipt_by.is_some()) {
            self.awaits_receipt.notify_one();
        }
        for FinishedDelivery { notifier, metrics, job, finished, lease, under_way } in deliveries {
            tracing::debug!(delivery.id = %job.id, channel = %job.channel, held = held.contains(&job.id), "delivery.finish");
            let is_put_back = matches!(finished.next, Next::Retry { .. });
            let is_passed_on = is_put_back && finished.attempt.as_ref().is_some_and(|attempt| attempt.goes_on);
            drop(lease);
            if held.contains(&job.id) {
                metrics.finished(&finished);
                // Nobody has to listen.
                let _ = self.progress.send(Progress { job, finished });
            }
            if is_passed_on {
                notifier.passed_on();
            }
            if is_put_back {
                notifier.put_back();
            }
            drop(under_way);
        }
    }
}
