//! Trying whether a contact can be reached.

use async_trait::async_trait;
use watchbell_core::{Channel, ContactId, DeliveryId, UserId};

use crate::StoreError;
use crate::access::Actor;

#[async_trait]
pub trait ContactTrials: Send + Sync {
    /// Plans a test message to a contact that may be used, by a channel of its kind. It goes the way of every message, so that its
    /// delivery shows what becomes of it.
    ///
    /// # Errors
    /// `NotFound("contact")`, `TooManyTests`: one a minute, and so many a day, to an address and to a user.
    async fn send_test(&self, by: Actor, user: UserId, contact: ContactId, channel: Channel) -> Result<DeliveryId, StoreError>;
}
