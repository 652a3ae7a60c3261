//! What workers do with deliveries: claim, begin, finish; and the worker sessions that their leases belong to.

use async_trait::async_trait;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, DeliveryId, Timestamp};

use crate::StoreError;

mod edits;
mod jobs;
mod outcomes;
mod provider_use;
mod receipts;
mod sessions;
mod traces;
mod wake_ups;

pub use edits::{EditJob, Edits};
pub use jobs::{Call, Job, Ranks, Target};
pub use outcomes::{AddressFate, Attempt, Finished, Next};
pub use provider_use::{Budget, CallTally, Failure, ProviderUse, Spent};
pub use receipts::{KeptReceipt, Overdue, Receipt, ReceiptOutcome, Receipts};
pub use sessions::{Heartbeat, HeldLeases, Outage, Sending, WorkerSession, WorkerSessions};
pub use traces::Traces;
pub use wake_ups::{Ready, WakeUps};

/// The way of a delivery through a worker.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Leases up to `most` deliveries of a channel that are ready and that their recipients take now: HIGH before others, older
    /// before newer. HeldLeases ones whose time has come count as ready; what goes together comes as one job. What cannot be read is set
    /// aside as failed, and keeps nothing else up.
    ///
    /// # Errors
    /// `Lapsed`: the worker session has ended, or is to be renewed first.
    async fn claim(&self, epoch: Epoch, channel: Channel, ranks: Ranks, most: i64) -> Result<Vec<Job>, StoreError>;

    /// Gives claimed deliveries back, with their recipients' slots; they are ready again at the given time.
    async fn release(&self, epoch: Epoch, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<(), StoreError>;

    /// Marks claimed deliveries as begun, right before their calls. Answers those that may be called: not the ones that were
    /// cancelled or changed since, nor any when the worker session has ended. What was begun as it was planned, and not called
    /// at once, is begun anew.
    async fn begin(&self, epoch: Epoch, calls: &[Call]) -> Result<Vec<DeliveryId>, StoreError>;

    /// What a bundle or digest that has begun tells: the deliveries in it, the most urgent first.
    async fn bundled(&self, bundle: &DeliveryId) -> Result<Vec<Job>, StoreError>;

    /// Which of a provider's message ids belong to other deliveries of the job's user.
    async fn ids_of_others(&self, job: &Job, message_ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Writes how begun deliveries ended, with all that follows for others. Answers those that this process still held. Calls that
    /// reached nobody give their recipients' slots back.
    async fn finish(&self, epoch: Epoch, finished: &[Finished]) -> Result<Vec<DeliveryId>, StoreError>;

    /// When the next delivery of a channel becomes ready, now or later.
    async fn next_ready(&self, channel: Channel, ranks: Ranks) -> Result<Option<Timestamp>, StoreError>;
}
