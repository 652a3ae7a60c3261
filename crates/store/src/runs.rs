//! What became of subscription events of a category, person by person: what Notiflows calls the notifications of a run, and their
//! deliveries.
//!
//! Nothing of it is kept for itself: a notification is an event and one whom it was for, and stands as long as its deliveries do.

use async_trait::async_trait;
use watchbell_core::delivery::State;
use watchbell_core::device::DeviceKind;
use watchbell_core::event::SubscriptionData;
use watchbell_core::{Channel, DeliveryId, EventId, Timestamp, UserId};

use crate::StoreError;
use crate::page::Side;

/// A delivery of a run. Messages that collect several are left out, as are channels that Notiflows does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct RunDelivery {
    pub id: DeliveryId,
    pub event_id: EventId,
    pub user_id: UserId,
    pub channel: Channel,
    /// Of push, while the device is registered.
    pub device: Option<DeviceKind>,
    pub state: State,
    pub provider: Option<String>,
    pub sent_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// In the app.
    pub seen_at: Option<Timestamp>,
    pub read_at: Option<Timestamp>,
    pub dismissed_at: Option<Timestamp>,
    pub data: SubscriptionData,
}

/// What a run had for one user.
#[derive(Clone, Debug, PartialEq)]
pub struct RunNotification {
    pub event_id: EventId,
    pub user_id: UserId,
    pub created_at: Timestamp,
    /// When one of its deliveries changed last.
    pub updated_at: Timestamp,
    /// Nothing reached the user.
    pub is_unreachable: bool,
    pub data: SubscriptionData,
}

/// A place in a list of deliveries or, without one, of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlace {
    pub event: EventId,
    pub user: UserId,
    pub delivery: Option<DeliveryId>,
}

/// Which of them; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    pub delivery: Option<DeliveryId>,
    pub event: Option<EventId>,
    pub user: Option<UserId>,
    pub topic: Option<String>,
    /// Of deliveries: in one of these states. Empty: in any.
    pub states: Vec<State>,
    /// Of deliveries: sent by this provider.
    pub provider: Option<String>,
    /// Of notifications: whether nothing reached the user.
    pub is_unreachable: Option<bool>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub side: Side<RunPlace>,
    pub limit: i64,
}

#[async_trait]
pub trait Runs: Send + Sync {
    /// Newest first, whichever side the filter looks to; of users who were deleted, none.
    async fn run_deliveries(&self, filter: &RunFilter) -> Result<Vec<RunDelivery>, StoreError>;

    /// Newest first, whichever side the filter looks to; of users who were deleted, none.
    async fn run_notifications(&self, filter: &RunFilter) -> Result<Vec<RunNotification>, StoreError>;
}
