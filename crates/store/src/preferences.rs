//! What users have switched off and asked for, the categories that they speak of, and what they were told in the app.
//!
//! Every change of a user's preferences or switches is one transaction with its audit entry and what it changes in that
//! user's unsent deliveries, as in the [`Directory`](crate::Directory).

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
pub use watchbell_core::preference::{
    Category, ChannelType, Digest, NotificationAction, NotificationStatus, NotiflowSwitches, Preference, Switches, Wants,
};
use watchbell_core::{Channel, DeliveryId, Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;

/// A category to be made, or what it is from now on. The handle is what it is found by, and stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCategory {
    pub handle: String,
    pub name: String,
    pub default_channels: Vec<Channel>,
}

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

/// Which side of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotificationsFrom {
    /// The newest.
    Newest,
    /// Those right after this one in the list: older.
    OlderThan(NotificationCursor),
    /// Those right before this one in the list: newer.
    NewerThan(NotificationCursor),
}

/// Which of a user's notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationFilter {
    pub from: NotificationsFrom,
    pub category: Option<String>,
    /// None is all that were not dismissed.
    pub status: Option<NotificationStatus>,
    pub limit: i64,
}

#[async_trait]
pub trait Preferences: Send + Sync {
    /// Sets what a user wants of a category, or by default; replaces outright. The preference keeps its id.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn put_preference(&self, by: Actor, user: UserId, category: Option<&str>, wants: Wants) -> Result<Preference, StoreError>;

    /// What a user has set explicitly: the default first, then by category.
    async fn preferences(&self, user: UserId) -> Result<Vec<Preference>, StoreError>;

    /// What holds for a category: its own preference, else the user's default, else in-app alone.
    async fn effective_wants(&self, user: UserId, category: Option<&str>) -> Result<Wants, StoreError> {
        Ok(watchbell_core::preference::effective(&self.preferences(user).await?, category))
    }

    /// Sets the switches that are given and leaves the others; answers all that were ever set. Notiflows are named by handle.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn merge_switches(&self, by: Actor, user: UserId, changes: &Switches) -> Result<Switches, StoreError>;

    /// The switches that were ever set; what is missing is on.
    async fn switches(&self, user: UserId) -> Result<Switches, StoreError>;

    /// Makes those categories that are not there yet, named by their handles. Called at start with the configured list.
    async fn ensure_categories(&self, handles: &[String]) -> Result<(), StoreError>;

    /// Makes a category, or gives the one with that handle this name and these channels; whether it is new. Events that come
    /// from now on are planned by it.
    async fn put_category(&self, by: Actor, category: NewCategory) -> Result<(Category, bool), StoreError>;

    /// # Errors
    /// `NotFound("category")`.
    async fn delete_category(&self, by: Actor, handle: &str) -> Result<(), StoreError>;

    /// The category with that id, else that handle.
    async fn category(&self, id_or_handle: &str) -> Result<Option<Category>, StoreError>;

    /// In order of handle.
    async fn categories(&self) -> Result<Vec<Category>, StoreError>;

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
