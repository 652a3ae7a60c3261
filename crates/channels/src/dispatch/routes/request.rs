//! What decides by which provider a message goes, and what is left when one has failed.

use watchbell_core::outcome::Class;
use watchbell_core::{DeliveryId, Timestamp};
use watchbell_store::queue::{Attempt, Job};

use crate::provider::Address;

/// What matters of a message for the choice of its provider.
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) struct RouteRequest<'a> {
    pub delivery: &'a DeliveryId,
    pub to: &'a Address,
    /// A HIGH alert.
    pub is_urgent: bool,
    /// What was tried before, the last one last.
    pub log: &'a [Attempt],
}

impl<'a> RouteRequest<'a> {
    pub fn new(job: &'a Job, to: &'a Address) -> Self {
        Self { delivery: &job.id, to, is_urgent: job.rank == watchbell_store::rank::HIGH, log: &job.log }
    }

    fn attempts(self, provider: &str) -> impl Iterator<Item = &'a Attempt> {
        self.log.iter().rev().filter(move |attempt| attempt.provider == provider)
    }

    /// Whether a provider has nothing to do with this message any more: it has said that it has no way for it, or it took it and another
    /// one took over. (A message that every provider would refuse has failed by then.)
    pub(super) fn is_done_with(self, provider: &str) -> bool {
        self.attempts(provider).any(|attempt| (attempt.class == Class::BadMessage && attempt.goes_on) || attempt.took_and_was_passed_on())
    }

    /// Whether a provider took it, and it has to go on to another one.
    pub fn did_not_arrive(self) -> bool {
        self.log.last().is_some_and(Attempt::took_and_was_passed_on)
    }

    /// When a provider may be asked again, by what it said itself.
    pub(super) fn not_before(self, provider: &str) -> Timestamp {
        self.attempts(provider).find_map(|attempt| attempt.not_before).unwrap_or_default()
    }

    /// Whether a provider was asked since all were asked the last time.
    pub(super) fn was_tried_by(self, provider: &str) -> bool {
        self.log.iter().rev().take_while(|attempt| attempt.goes_on).any(|attempt| attempt.provider == provider)
    }
}

/// What a failed attempt leaves to be tried.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dispatch) struct FailoverOptions {
    /// Another provider, at once; or none that may be called any more today.
    pub has_alternative: bool,
    /// Some provider, later.
    pub has_any: bool,
    /// None of them may be asked before this time, by what they said themselves.
    pub not_before: Option<Timestamp>,
    /// All of them are down: when one of them is tried, if that is before the ladder's next step.
    pub probe_at: Option<Timestamp>,
}
