//! What an attempt's outcome makes of a delivery: a function of its inputs.

use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::retry::RetryPolicy;
use watchbell_core::{Reason, Timestamp};
use watchbell_store::queue::{AddressFate, Job, Next};

use crate::dispatch::routes::request::FailoverOptions;
use crate::settings::OnUnknown;

/// The circumstances of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    pub policy: &'a RetryPolicy,
    pub on_unknown: OnUnknown,
    /// The provider can be asked later what became of a call without an answer.
    pub can_look_up: bool,
    pub failover: FailoverOptions,
    /// Until when the provider's account takes nothing.
    pub paused_until: Timestamp,
    pub now: Timestamp,
    /// In 0..1: where a wait is placed within its jitter.
    pub chance: f64,
}

/// What becomes of the delivery, and whether the attempt leaves the retry ladder where it is, as only one provider stood in the way.
pub(super) fn decide(job: &Job, report: &Report, c: Circumstances<'_>) -> (Next, bool) {
    let code = report.code.clone();
    let failed = |reason, address| Next::Failed { reason, address };
    let why = match &report.outcome {
        Outcome::Accepted { .. } => return (Next::Sent, false),
        Outcome::BadAddress => return (failed(Reason::BadAddress { code }, AddressFate::Bad), false),
        Outcome::BadMessage => return (failed(Reason::BadMessage { code }, AddressFate::Keep), false),
        Outcome::Unknown => return (after_unknown(job, code, c), false),
        Outcome::BadRoute => Reason::BadRoute { code },
        Outcome::ProviderDown => Reason::ProviderDown { code },
        Outcome::Retry { scope: LimitScope::Provider, .. } => Reason::AccountLimited { code },
        Outcome::Retry { .. } => Reason::PassingFault { code },
    };
    if c.failover.has_alternative {
        // It stays as early in the ready queue as it was, so that nothing that became due later goes before it.
        return (Next::Retry { at: job.due_at.min(c.now), reason: Reason::PassedOn { after: why.boxed() } }, true);
    }
    match &report.outcome {
        _ if !c.failover.has_any => (failed(Reason::NoRouteLeft { code: report.code.clone() }, AddressFate::Keep), false),
        Outcome::Retry { scope: LimitScope::Provider, .. } => (at(job, c.paused_until.max(c.now), why, c.policy), true),
        // This provider is not asked again for this message.
        Outcome::BadRoute => (again(job, why, c), true),
        _ => (again(job, why, c), false),
    }
}

fn after_unknown(job: &Job, code: Option<String>, c: Circumstances<'_>) -> Next {
    let (unanswered, interrupted) = unknown(job);
    match unknown_again(unanswered + 1, interrupted, c.on_unknown, code.clone()) {
        Ok(()) => again(job, Reason::Unanswered { code }, c),
        Err(_) if c.can_look_up => again(job, Reason::UnansweredAndLookedUp { code }, c),
        Err(reason) => Next::Failed { reason, address: AddressFate::Keep },
    }
}

/// How many calls of a delivery had no answer, and how many were begun by a process that died.
pub(super) fn unknown(job: &Job) -> (usize, usize) {
    let (interrupted, unanswered): (Vec<_>, Vec<_>) = job.unknown().partition(|attempt| attempt.latency_ms.is_none());
    (unanswered.len(), interrupted.len())
}

/// Where so many processes died while they sent a delivery, it may be that delivery that killed them.
const MOST_INTERRUPTIONS: usize = 10;

/// Whether a delivery that may have gone out is sent again. `unanswered` calls were made and had no answer; `interrupted` ones
/// may not have been made, because the process died: those are made again, or a delivery that meets two crashes would be lost.
///
/// # Errors
/// Why it is not, with the code that the last call ended with.
pub(super) fn unknown_again(unanswered: usize, interrupted: usize, on_unknown: OnUnknown, code: Option<String>) -> Result<(), Reason> {
    match on_unknown {
        OnUnknown::Fail if unanswered + interrupted > 0 => Err(Reason::UnansweredAndGivenUp { code }),
        OnUnknown::Resend if unanswered > 1 => Err(Reason::UnansweredTwice { code }),
        _ if interrupted >= MOST_INTERRUPTIONS => Err(Reason::InterruptedTooOften { code }),
        _ => Ok(()),
    }
}

/// The ladder's next step; or sooner, where all providers are down and one of them is tried.
fn again(job: &Job, why: Reason, c: Circumstances<'_>) -> Next {
    let step = u32::try_from(job.rounds() + 1).unwrap_or(u32::MAX);
    let Some(ladder) = c.policy.wait(step, c.now, c.chance) else {
        return Next::Failed { reason: why, address: AddressFate::Keep };
    };
    let next = c.failover.probe_at.map_or(ladder, |probe_at| ladder.min(probe_at));
    at(job, c.failover.not_before.map_or(next, |earliest| next.max(earliest)), why, c.policy)
}

fn at(job: &Job, at: Timestamp, why: Reason, policy: &RetryPolicy) -> Next {
    // Where a delivery was planned after its due time, its retry window begins when it was planned.
    if !policy.is_open(job.due_at.max(job.planned_at), at) {
        return Next::Failed { reason: Reason::TriedTooLong { last: why.boxed() }, address: AddressFate::Keep };
    }
    if job.expires_at.is_some_and(|end| at >= end) {
        return Next::Expired;
    }
    Next::Retry { at, reason: why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_interrupted_is_sent_again_and_what_had_no_answer_once() {
        use OnUnknown::{Fail, Resend};
        let table = [
            (0, 0, Resend, true),
            (1, 0, Resend, true),
            (2, 0, Resend, false),
            (0, 2, Resend, true),
            (1, 9, Resend, true),
            (0, 10, Resend, false),
            (0, 0, Fail, true),
            (1, 0, Fail, false),
            (0, 1, Fail, false),
        ];
        for (unanswered, interrupted, on_unknown, again) in table {
            assert_eq!(
                unknown_again(unanswered, interrupted, on_unknown, None).is_ok(),
                again,
                "{unanswered} {interrupted} {on_unknown:?}"
            );
        }
    }
}
