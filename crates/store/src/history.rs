//! Reading what was planned and what became of it.

use async_trait::async_trait;
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, ContactId, DeliveryId, EventId, NamedAs, Reason, RuleId, Timestamp, UserId};

use crate::access::Actor;
use crate::queue::{Attempt, KeptReceipt};
use crate::{Scope, StoreError};

/// A delivery as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub scope: Scope,
    pub event_id: EventId,
    pub alert_id: Option<String>,
    pub user_id: UserId,
    /// None for a user who was deleted.
    pub user_name: Option<String>,
    pub purpose: Purpose,
    pub trigger: Trigger,
    pub channel: Channel,
    pub contact_id: Option<ContactId>,
    /// Masked.
    pub address: String,
    pub rules: Vec<RuleId>,
    pub high: bool,
    pub due_at: Timestamp,
    pub ready_at: Timestamp,
    pub state: State,
    pub reason: Option<Reason>,
    /// As what the user was named, where that was not by name.
    pub named_as: Option<NamedAs>,
    pub attempts: i64,
    pub provider: Option<String>,
    pub sent_at: Option<Timestamp>,
    /// In the order in which they came.
    pub receipts: Vec<KeptReceipt>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Which deliveries; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    pub user: Option<UserId>,
    pub alert: Option<String>,
    pub event: Option<EventId>,
    pub channel: Option<Channel>,
    pub state: Option<State>,
    /// Due at or after.
    pub from: Option<Timestamp>,
    /// Due before.
    pub to: Option<Timestamp>,
    /// Changed after; for following.
    pub changed_after: Option<Timestamp>,
    /// Only ids below this one: the cursor.
    pub before: Option<DeliveryId>,
    pub limit: i64,
}

#[async_trait]
pub trait History: Send + Sync {
    /// Newest first, by id.
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError>;

    /// What may be moving now: the `most` newest deliveries, `most` of those that are claimed or due before `soon`, and those
    /// of `again`. In no order.
    async fn lately(&self, again: &[DeliveryId], soon: Timestamp, most: i64) -> Result<Vec<Delivery>, StoreError>;

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError>;

    /// Puts a failed delivery back in the queue, due now. False when it is in another state.
    ///
    /// # Errors
    /// `NotFound("delivery")`.
    async fn replay_delivery(&self, by: Actor, id: &DeliveryId) -> Result<bool, StoreError>;

    /// Users whom events did not reach, newest first: scope, user, event, when.
    async fn unreachable(&self, limit: i64) -> Result<Vec<(Scope, UserId, EventId, Timestamp)>, StoreError>;
}
