//! Messages that are to say that somebody has answered.

use async_trait::async_trait;
use watchbell_core::event::AlertState;
use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::Job;
use crate::StoreError;

/// A message that was sent, and who has answered since.
#[derive(Clone, Debug)]
pub struct EditJob {
    pub job: Job,
    /// Who sent it, and what they call it.
    pub provider: String,
    pub message_id: String,
    /// What the answer made of the alert.
    pub state: AlertState,
    /// What to call whoever answered.
    pub by: String,
    pub at: Timestamp,
}

#[async_trait]
pub trait Edits: Send + Sync {
    /// Messages of these channels that are to be edited, of the last few minutes; nobody else gets them until then.
    async fn take_edits(&self, channels: &[Channel], most: i64, until: Timestamp) -> Result<Vec<EditJob>, StoreError>;

    /// These need no edit any more: they have it, or cannot have it.
    async fn edits_done(&self, deliveries: &[DeliveryId]) -> Result<(), StoreError>;
}
