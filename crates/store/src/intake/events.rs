//! Reading what was accepted.

use async_trait::async_trait;
use watchbell_core::event::{EventData, EventKind};
use watchbell_core::{Decision, EventId, Timestamp};

use crate::StoreError;
use crate::facts::Alert;

/// An accepted event as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    pub id: EventId,
    pub kind: EventKind,
    pub base_at: Timestamp,
    pub received_at: Timestamp,
    /// The alert that it is about.
    pub alert_id: Option<String>,
    /// What of it was repaired, left out, or could not be used.
    pub problems: Vec<String>,
    pub decision: Option<Decision>,
}

/// Events and alerts as they are known.
#[async_trait]
pub trait Events: Send + Sync {
    async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError>;

    /// Those of these events that are still kept, in order of their ids.
    async fn events(&self, ids: &[EventId]) -> Result<Vec<EventRecord>, StoreError>;

    /// The event with that identity, as it was accepted.
    async fn event_by_identity(&self, identity: &str) -> Result<Option<(EventId, EventData)>, StoreError>;

    /// What an event says.
    async fn event_data(&self, id: &EventId) -> Result<Option<EventData>, StoreError>;

    async fn alert(&self, id: &str) -> Result<Option<Alert>, StoreError>;

    /// How many users events did not reach: once a user and event, as far as it is kept.
    async fn unreachable_count(&self) -> Result<i64, StoreError>;
}
