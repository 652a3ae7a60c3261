//! What users were told in the app.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use watchbell_core::preference::{NotificationAction, NotificationStatus};
use watchbell_core::{DeliveryId, Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;
use crate::page::Side;

/// Something that a user was told in the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The delivery that it came by.
    pub id: DeliveryId,
    pub user_id: UserId,
    pub category: Option<String>,
    pub title: String,
    pub body: String,
    pub url: Option<String>,
    pub created_at: Timestamp,
    pub seen_at: Option<Timestamp>,
    pub read_at: Option<Timestamp>,
    pub dismissed_at: Option<Timestamp>,
}

impl Notification {
    /// Where it stands in its user's list.
    pub fn cursor(&self) -> NotificationCursor {
        NotificationCursor { created_at: self.created_at, id: self.id.clone() }
    }
}

/// A place in a user's list of notifications. As text it is opaque to clients; it stays valid when the notification is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationCursor {
    pub created_at: Timestamp,
    pub id: DeliveryId,
}

impl fmt::Display for NotificationCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at.as_millis(), self.id)
    }
}

/// The text is no cursor that a list gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that this list gave")]
pub struct UnknownCursor;

impl FromStr for NotificationCursor {
    type Err = UnknownCursor;

    fn from_str(text: &str) -> Result<Self, UnknownCursor> {
        let (created_at, id) = text.split_once('-').ok_or(UnknownCursor)?;
        if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(UnknownCursor);
        }
        let created_at = created_at.parse().map_err(|_| UnknownCursor)?;
        Ok(Self { created_at: Timestamp::from_millis(created_at), id: DeliveryId(id.to_owned()) })
    }
}

/// Which of a user's notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationFilter {
    pub from: Side<NotificationCursor>,
    pub category: Option<String>,
    /// None is all that were not dismissed.
    pub status: Option<NotificationStatus>,
    pub limit: i64,
}

/// Notifications in the app: kept, listed, seen and read.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// Keeps a notification and announces it by [`Wakes::notified`](crate::Wakes::notified); whether it is new. Its delivery's
    /// id is its own, so trying again adds nothing. For a user who was deleted meanwhile nothing is kept.
    async fn add_notification(&self, notification: Notification) -> Result<bool, StoreError>;

    async fn notification(&self, user: UserId, id: &DeliveryId) -> Result<Option<Notification>, StoreError>;

    /// Newest first, whichever side the filter looks to.
    async fn notifications(&self, user: UserId, filter: &NotificationFilter) -> Result<Vec<Notification>, StoreError>;

    /// Neither read nor dismissed.
    async fn unread_count(&self, user: UserId) -> Result<i64, StoreError>;

    /// What was done already keeps its time.
    ///
    /// # Errors
    /// `NotFound("notification")`.
    async fn act_on_notification(
        &self,
        by: Actor,
        user: UserId,
        id: &DeliveryId,
        action: NotificationAction,
    ) -> Result<Notification, StoreError>;

    /// Marks all that were not dismissed as seen; how many were not yet.
    async fn mark_all_seen(&self, by: Actor, user: UserId) -> Result<u64, StoreError>;
}
