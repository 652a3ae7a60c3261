//! What provider accounts are used for: calls that a day allows, and how calls ended.

use async_trait::async_trait;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, Timestamp};

use crate::StoreError;

/// How many calls a provider may make by one channel in one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub channel: Channel,
    /// The name of its table in the configuration.
    pub provider: String,
    /// The calendar day in UTC, in days since 1970.
    pub day: i64,
    pub calls: i64,
}

/// What a budget's day has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    pub channel: Channel,
    pub provider: String,
    /// Calls that processes have taken: made, or to be made.
    pub calls: i64,
    /// Messages that were refused because there were no more.
    pub refused: i64,
}

/// How some calls of a provider ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTally {
    pub channel: Channel,
    pub provider: String,
    pub calls: i64,
    /// Those that it did not take, whatever the reason.
    pub failures: i64,
    pub success_at: Option<Timestamp>,
    /// The last one of them.
    pub failure: Option<Failure>,
}

/// A call that a provider did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub at: Timestamp,
    pub class: Class,
    /// The provider's own.
    pub code: Option<String>,
}

#[async_trait]
pub trait ProviderUse: Send + Sync {
    /// Takes up to `most` calls of a day's budget for this process, and answers how many; 0 where they are used up.
    async fn take_calls(&self, budget: &Budget, most: i64) -> Result<i64, StoreError>;

    /// Gives back calls that were taken and not made.
    async fn return_calls(&self, budget: &Budget, calls: i64) -> Result<(), StoreError>;

    /// Counts messages that were refused because these budgets were used up.
    async fn note_refused(&self, budgets: &[Budget], messages: i64) -> Result<(), StoreError>;

    /// What was spent on a day, of budgets that something was taken of.
    async fn spent(&self, day: i64) -> Result<Vec<Spent>, StoreError>;

    /// Adds up how calls ended.
    async fn note_calls(&self, tallies: &[CallTally]) -> Result<(), StoreError>;

    /// How calls ended in the last hour, to five minutes; and the last of each kind within the last week.
    async fn tallies(&self) -> Result<Vec<CallTally>, StoreError>;
}
