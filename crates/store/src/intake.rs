//! Accepting events, and keeping those that cannot be used.

use async_trait::async_trait;
use watchbell_core::decode::Reason;
use watchbell_core::event::{Answer, Event, EventData, EventKind, Original};
use watchbell_core::{Decision, EventId, Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;
use crate::facts::{Alert, Planned};
use crate::inline::InlineDispatch;

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: EventId,
    /// The identity was known: nothing was done.
    pub duplicate: bool,
    /// Deliveries that were planned.
    pub planned: usize,
    /// What of the event was repaired, left out, or could not be used.
    pub problems: Vec<String>,
    /// Why it is kept as a dead letter as well, each with a sentence for people.
    pub rejected: Vec<(Reason, String)>,
    pub decision: Option<Decision>,
}

impl Accepted {
    /// Whether another event has the same identity, and says something else.
    pub fn is_conflict(&self) -> bool {
        self.is_rejected_for(Reason::Conflict)
    }

    pub fn is_rejected_for(&self, reason: Reason) -> bool {
        self.rejected.iter().any(|(rejected, _)| *rejected == reason)
    }

    /// The reason and the detail of its dead letter, if it has one.
    pub fn dead_letter(&self) -> Option<(Reason, String)> {
        let (reason, _) = self.rejected.first()?;
        let details: Vec<&str> = self.rejected.iter().map(|(_, detail)| detail.as_str()).collect();
        Some((*reason, details.join("; ")))
    }
}

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

/// An answer of somebody that took effect, and of which nobody outside knows yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The event that it is.
    pub event_id: EventId,
    pub alert_id: String,
    pub answer: Answer,
    /// When it took effect.
    pub at: Timestamp,
}

/// A client that publishes events, and what that is called in the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Publisher {
    pub by: Actor,
    pub action: &'static str,
}

#[async_trait]
pub trait Intake: Send + Sync {
    /// Accepts events in the order given, in one transaction: the events, what is planned from them, dead letters for what of them
    /// cannot be used, and a line of the audit log where a client published them and some were new. An event whose identity is
    /// known changes nothing. What is due at once is begun in the transaction as far as `inline` has room for it.
    ///
    /// # Errors
    /// Any error: none of the events was accepted.
    async fn accept(
        &self,
        events: &[Event],
        publisher: Option<Publisher>,
        inline: &dyn InlineDispatch,
    ) -> Result<Vec<Accepted>, StoreError>;

    /// What accepting an event would plan for one user, and what would be decided about it: the planner asked about that user
    /// alone, with what one snapshot of the database knows. Nothing is locked or written.
    async fn explain(&self, event: Event, user: UserId) -> Result<(Accepted, Vec<Planned>), StoreError>;

    /// Plans the next chunk of members of one topic event; whether there was one to do. Many processes may call this.
    async fn fan_out(&self) -> Result<bool, StoreError>;

    /// Closes open alerts of which nothing has been heard since then and nothing is still to be sent, `most` of them at most;
    /// whether there may be more.
    async fn close_unresolved(&self, before: Timestamp, most: i64) -> Result<bool, StoreError>;

    /// Keeps what is no usable event.
    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError>;

    /// Newest first.
    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError>;

    /// One, with what came over the wire.
    async fn dead_letter(&self, id: i64) -> Result<Option<(DeadLetter, Original)>, StoreError>;

    /// Deletes those that the filter finds and that are there now (its cursor and limit do not count), batch by batch; how many.
    async fn purge_dead_letters(&self, by: Actor, filter: &DeadLetterFilter) -> Result<u64, StoreError>;

    async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError>;

    /// Those of these events that are still kept, in order of their ids.
    async fn events(&self, ids: &[EventId]) -> Result<Vec<EventRecord>, StoreError>;

    async fn alert(&self, id: &str) -> Result<Option<Alert>, StoreError>;

    /// How many users events did not reach: once a user and event, as far as it is kept.
    async fn unreachable_count(&self) -> Result<i64, StoreError>;

    /// Answers that the broker is to be told of, the oldest first; nobody else gets them until then.
    async fn take_answers(&self, most: i64, until: Timestamp) -> Result<Vec<Answered>, StoreError>;

    /// The broker has been told of these.
    async fn answers_told(&self, answers: &[EventId]) -> Result<(), StoreError>;

    /// The event with that identity, as it was accepted.
    async fn event_by_identity(&self, identity: &str) -> Result<Option<(EventId, EventData)>, StoreError>;
}
