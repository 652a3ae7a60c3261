//! Accepting events, and keeping those that cannot be used.

use async_trait::async_trait;
use watchbell_core::decode::RejectReason;
use watchbell_core::event::Event;
use watchbell_core::{Decision, EventId, TraceContext, UserId};

use crate::StoreError;
use crate::access::Actor;
use crate::facts::Planned;
use crate::inline::InlineDispatch;

mod answers;
mod dead_letters;
mod events;
mod texts;

pub use answers::{Answered, Answers, Unanswered};
pub use dead_letters::{DETAIL_BYTES, DeadLetter, DeadLetterFilter, DeadLetters, Rejected, TOO_LARGE_KEPT_BYTES};
pub use events::{EventRecord, Events};
pub use texts::{Texts, Told};

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
    pub rejected: Vec<(RejectReason, String)>,
    pub decision: Option<Decision>,
    /// The span that accepted it, where traces are kept.
    pub trace: Option<TraceContext>,
}

impl Accepted {
    /// Whether another event has the same identity, and says something else.
    pub fn is_conflict(&self) -> bool {
        self.is_rejected_for(RejectReason::Conflict)
    }

    pub fn is_rejected_for(&self, reason: RejectReason) -> bool {
        self.rejected.iter().any(|(rejected, _)| *rejected == reason)
    }

    /// What of those whom it names could not be found, if that is so of some.
    pub fn missed(&self) -> Option<&str> {
        self.rejected.iter().find(|(reason, _)| reason.is_about_names()).map(|(_, problem)| problem.as_str())
    }

    /// The reason and the detail of its dead letter, if it has one.
    pub fn dead_letter(&self) -> Option<(RejectReason, String)> {
        let (reason, _) = self.rejected.first()?;
        let details: Vec<&str> = self.rejected.iter().map(|(_, detail)| detail.as_str()).collect();
        Some((*reason, details.join("; ")))
    }
}

/// A client that publishes events, and what that is called in the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Publisher {
    pub by: Actor,
    pub action: &'static str,
}

/// Accepting events: locked, planned and written in one transaction.
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
}
