//! Keeping what is no usable event.

use async_trait::async_trait;
use watchbell_core::Timestamp;
use watchbell_core::event::Original;

use crate::StoreError;
use crate::access::Actor;

/// A payload that is no event, or an event of which something could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub original: Original,
    /// A [`Reason`]'s name.
    pub reason: String,
    /// A sentence for people; names fields, never quotes message text or addresses.
    pub detail: String,
}

/// A dead letter as it is listed: without what came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: i64,
    pub subject: String,
    pub reason: String,
    /// At most [`DETAIL_BYTES`].
    pub detail: String,
    pub received_at: Timestamp,
    pub created_at: Timestamp,
    pub replayed_at: Option<Timestamp>,
}

/// What a dead letter's detail may have, in bytes; a longer one is cut.
pub const DETAIL_BYTES: usize = 4_096;

/// Of a payload that is too large to be an event, so many bytes are kept: enough to see what it is, as it cannot be replayed.
pub const TOO_LARGE_KEPT_BYTES: usize = 65_536;

/// Which dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    pub reason: Option<String>,
    pub subject: Option<String>,
    /// Some(false): only those not replayed yet.
    pub replayed: Option<bool>,
    /// Only ids below this one: the cursor.
    pub before: Option<i64>,
    pub limit: i64,
}

/// Dead letters: kept, listed, purged.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Keeps what is no usable event.
    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError>;

    /// Newest first.
    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError>;

    /// One, with what came over the wire.
    async fn dead_letter(&self, id: i64) -> Result<Option<(DeadLetter, Original)>, StoreError>;

    /// Deletes those that the filter finds and that are there now (its cursor and limit do not count), batch by batch; how many.
    async fn purge_dead_letters(&self, by: Actor, filter: &DeadLetterFilter) -> Result<u64, StoreError>;
}
