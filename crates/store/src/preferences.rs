//! What users have switched off and asked for, the categories that they speak of, and what they were told in the app.
//!
//! Every change of a user's preferences or switches is one transaction with its audit entry and what it changes in that
//! user's unsent deliveries, as in the [`directory`](crate::directory).

use async_trait::async_trait;
use watchbell_core::UserId;
pub use watchbell_core::preference::{
    Category, ChannelType, Digest, NotificationAction, NotificationStatus, NotiflowSwitches, Preference, Switches, Wants,
};

use crate::StoreError;
use crate::access::Actor;

mod categories;
mod notifications;

pub use categories::{Categories, NewCategory};
pub use notifications::{Notification, NotificationCursor, NotificationFilter, Notifications, UnknownCursor};

/// What users want of events, by category and by channel.
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
}
