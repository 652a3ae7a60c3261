//! Answers of people that took effect, and whether the broker knows of them.

use async_trait::async_trait;
use watchbell_core::event::Answer;
use watchbell_core::{DeliveryId, EventId, Timestamp};

use crate::StoreError;

/// An answer of somebody that took effect, and of which nobody outside knows yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The event that it is.
    pub event_id: EventId,
    pub alert_id: String,
    pub answer: Answer,
    /// When it took effect.
    pub at: Timestamp,
}

/// Answers that the broker is to be told of.
#[async_trait]
pub trait Answers: Send + Sync {
    /// Answers that the broker is to be told of, the oldest first; nobody else gets them until then.
    async fn take_answers(&self, most: i64, until: Timestamp) -> Result<Vec<Answered>, StoreError>;

    /// The broker has been told of these.
    async fn answers_told(&self, answers: &[EventId]) -> Result<(), StoreError>;

    /// What people answered to one message, in order.
    async fn answers_to(&self, delivery: &DeliveryId) -> Result<Vec<Answered>, StoreError>;
}
