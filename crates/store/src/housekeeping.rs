//! What the scheduler does beside planning: work that one transaction would be too large for, and tidying up.

use async_trait::async_trait;
use watchbell_core::Timestamp;

use crate::StoreError;

/// What is older than these has been kept long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoffs {
    pub deliveries: Timestamp,
    pub events: Timestamp,
    pub dead_letters: Timestamp,
    pub audit: Timestamp,
}

impl Cutoffs {
    /// The same for everything.
    pub fn all(before: Timestamp) -> Self {
        Self { deliveries: before, events: before, dead_letters: before, audit: before }
    }
}

/// Events for topics, whose members are planned chunk by chunk.
#[async_trait]
pub trait FanOut: Send + Sync {
    /// Plans the next chunk of members of one topic event; whether there was one to do. Many processes may call this.
    async fn fan_out(&self) -> Result<bool, StoreError>;
}

/// What Watchbell itself does about open alerts: steps of escalation lists, and telling who has come on duty.
#[async_trait]
pub trait FollowUps: Send + Sync {
    /// Does some of what is due, each in a transaction of its own. Many processes may call this: each thing is done once.
    async fn follow_up(&self) -> Result<NextFollowUp, StoreError>;
}

/// When there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextFollowUp {
    None,
    At(Timestamp),
}

/// Ending and deleting what has been there long enough.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Closes open alerts of which nothing has been heard since then and nothing is still to be sent, `most` of them at most;
    /// whether there may be more.
    async fn close_unresolved(&self, before: Timestamp, most: i64) -> Result<bool, StoreError>;

    /// Deletes a batch of what has been kept long enough, at most so many rows of a table; whether there may be more.
    async fn tidy(&self, before: &Cutoffs, most: i64) -> Result<bool, StoreError>;
}
