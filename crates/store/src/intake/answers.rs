//! Answers of people that took effect, and whether the broker knows of them.

use async_trait::async_trait;
use watchbell_core::device::DeviceKind;
use watchbell_core::event::Answer;
use watchbell_core::{DeliveryId, EventId, Secret, Timestamp};

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

/// A message that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    pub delivery: DeliveryId,
    /// As its provider calls it.
    pub message_id: String,
    /// Of the device that it went to.
    pub token: Secret,
}

/// Answers of people: those that the broker is to be told of, those that were given to a message, and those that are missing.
#[async_trait]
pub trait Answers: Send + Sync {
    /// Answers that the broker is to be told of, the oldest first; nobody else gets them until then.
    async fn take_answers(&self, most: i64, until: Timestamp) -> Result<Vec<Answered>, StoreError>;

    /// The broker has been told of these.
    async fn answers_told(&self, answers: &[EventId]) -> Result<(), StoreError>;

    /// What people answered to these messages, in order.
    async fn answers_to(&self, deliveries: &[DeliveryId]) -> Result<Vec<Answered>, StoreError>;

    /// Messages on devices of that kind which their users have not answered yet, in order of their ids: those that the provider took
    /// at `since` or later, of rounds that are open; `most` of those after `after`.
    async fn unanswered(
        &self,
        device: DeviceKind,
        provider: &str,
        since: Timestamp,
        after: Option<&DeliveryId>,
        most: i64,
    ) -> Result<Vec<Unanswered>, StoreError>;
}
