//! What providers say later about messages that they took.

use async_trait::async_trait;
pub use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::{Channel, ContactId, DeliveryId};

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

/// What providers say later, about messages and addresses.
#[async_trait]
pub trait Receipts: Send + Sync {
    /// Applies receipts; each moves its delivery only forward, and only that which its provider sent last under that id. Answers
    /// whether each one was about such a delivery, in order.
    async fn receipts(&self, receipts: Vec<Receipt>) -> Result<Vec<bool>, StoreError>;

    /// Writes a contact's new target, as its provider gave it.
    async fn contact_moved(&self, contact: ContactId, target: &str) -> Result<(), StoreError>;
}
