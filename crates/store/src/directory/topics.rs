//! Topics, and who is told of their events.

use async_trait::async_trait;
use watchbell_core::{Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;
use crate::page::Side;

/// A topic, as events and members name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// When it had its first member.
    pub created_at: Timestamp,
}

/// That a user is a member of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub topic: String,
    pub user_id: UserId,
    pub created_at: Timestamp,
}

/// Which memberships to list. One of the two names is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    pub topic: Option<String>,
    pub user: Option<UserId>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub side: Side<Subscription>,
    pub limit: i64,
}

/// Topics and their members.
#[async_trait]
pub trait Topics: Send + Sync {
    /// Makes users members of a topic; those who are already stay so.
    ///
    /// # Errors
    /// `NotFound("user")`; then none was added.
    async fn add_members(&self, by: Actor, topic: &str, users: &[UserId]) -> Result<(), StoreError>;

    /// Which of them were members.
    async fn remove_members(&self, by: Actor, topic: &str, users: &[UserId]) -> Result<Vec<UserId>, StoreError>;

    /// Topics that have, or once had, members; newest first, whichever side is looked to.
    async fn topics(&self, side: &Side<Topic>, limit: i64) -> Result<Vec<Topic>, StoreError>;

    async fn topic(&self, topic: &str) -> Result<Option<Topic>, StoreError>;

    /// Deletes a topic with all memberships.
    ///
    /// # Errors
    /// `NotFound("topic")`.
    async fn delete_topic(&self, by: Actor, topic: &str) -> Result<(), StoreError>;

    /// Memberships, newest first, whichever side the filter looks to.
    async fn subscriptions(&self, filter: &SubscriptionFilter) -> Result<Vec<Subscription>, StoreError>;

    /// The memberships of some users, in order of user.
    async fn subscriptions_of(&self, topic: &str, users: &[UserId]) -> Result<Vec<Subscription>, StoreError>;

    /// Members after `after`, in order of id.
    async fn members(&self, topic: &str, after: UserId, limit: i64) -> Result<Vec<UserId>, StoreError>;

    /// The topics that a user is a member of, in order of name.
    async fn topics_of(&self, user: UserId) -> Result<Vec<String>, StoreError>;
}
