//! What providers say later about messages that they took.

use async_trait::async_trait;
pub use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::{Channel, ContactId, DeliveryId, Reason, Timestamp};

use super::Job;
use crate::StoreError;

/// Something that a provider said later about a message that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub delivery: DeliveryId,
    /// The provider's table in the configuration, by whose account it is signed.
    pub provider: String,
    /// How a message of which such a thing is said may have been sent.
    pub channels: &'static [Channel],
    /// The provider's id of the message, where it names one.
    pub message_id: Option<String>,
    pub outcome: ReceiptOutcome,
    pub code: Option<String>,
}

/// A receipt as its delivery keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReceipt {
    /// When it came.
    pub at: Timestamp,
    pub provider: String,
    pub outcome: ReceiptOutcome,
    pub code: Option<String>,
    pub message_id: Option<String>,
}

/// A message of an alert that is still open, whose provider has not said in time that it arrived.
#[derive(Clone, Debug)]
pub struct Overdue {
    pub job: Job,
    /// How long the receipt was waited for, in seconds.
    pub within_s: u32,
}

/// What providers say later, about messages and addresses.
#[async_trait]
pub trait Receipts: Send + Sync {
    /// Applies receipts; each moves its delivery only forward, and only that which its provider sent last under that id. Answers
    /// whether each one was about such a delivery, in order.
    async fn receipts(&self, receipts: Vec<Receipt>) -> Result<Vec<bool>, StoreError>;

    /// When the first of the receipts that these channels' messages wait for is overdue.
    async fn next_overdue(&self, channels: &[Channel]) -> Result<Option<Timestamp>, StoreError>;

    /// Messages of a channel whose receipt is overdue, `most` of them at most, as far as they are still wanted. Each is answered again
    /// until it is settled.
    async fn overdue(&self, channel: Channel, most: i64) -> Result<Vec<Overdue>, StoreError>;

    /// Settles overdue receipts, each for a reason for which another provider takes the message over, if it has not arrived and is wanted
    /// still; or without one, so that nothing is waited for any more.
    async fn settle_overdue(&self, overdue: Vec<(DeliveryId, Option<Reason>)>) -> Result<(), StoreError>;

    /// Writes a contact's new target, as its provider gave it.
    async fn contact_moved(&self, contact: ContactId, target: &str) -> Result<(), StoreError>;
}
