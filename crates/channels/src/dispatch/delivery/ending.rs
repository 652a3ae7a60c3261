//! What an attempt's outcome makes of a delivery: a function of its inputs.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::retry::RetryPolicy;
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
    let code = report.code.as_deref().map(|code| format!(" (code {code})")).unwrap_or_default();
    let failed = |reason: &str, address| Next::Failed { reason: format!("{reason}{code}"), address };
    let why = match &report.outcome {
        Outcome::Accepted { .. } => return (Next::Sent, false),
        Outcome::BadAddress => return (failed("the provider says that this address cannot be reached", AddressFate::Bad), false),
        Outcome::BadMessage => return (failed("the provider refused the message", AddressFate::Keep), false),
        Outcome::Unknown => return (after_unknown(job, &code, c), false),
        Outcome::BadRoute => "the provider has no way there",
        Outcome::ProviderDown => "the provider is down",
        Outcome::Retry { scope: LimitScope::Provider, .. } => "the account takes no more for now",
        Outcome::Retry { .. } => "a passing fault",
    };
    if c.failover.has_alternative {
        // It stays as early in the ready queue as it was, so that nothing that became due later goes before it.
        return (Next::Retry { at: job.due_at.min(c.now), reason: format!("{why}{code}; another provider takes over") }, true);
    }
    match &report.outcome {
        _ if !c.failover.has_any => (failed("no provider takes the message", AddressFate::Keep), false),
        Outcome::Retry { scope: LimitScope::Provider, .. } => (at(job, c.paused_until.max(c.now), why, &code, c.policy), true),
        // This provider is not asked again for this message.
        Outcome::BadRoute => (again(job, why, &code, c), true),
        _ => (again(job, why, &code, c), false),
    }
}

fn after_unknown(job: &Job, code: &str, c: Circumstances<'_>) -> Next {
    let (unanswered, interrupted) = unknown(job);
    match unknown_again(unanswered + 1, interrupted, c.on_unknown) {
        Ok(()) => again(job, "no answer came; it may have gone out", code, c),
        Err(_) if c.can_look_up => again(job, "no answer came; the provider is asked whether it has it", code, c),
        Err(reason) => Next::Failed { reason: format!("{reason}{code}"), address: AddressFate::Keep },
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
pub(super) fn unknown_again(unanswered: usize, interrupted: usize, on_unknown: OnUnknown) -> Result<(), &'static str> {
    match on_unknown {
        OnUnknown::Fail if unanswered + interrupted > 0 => {
            Err("no answer came; it may have gone out, and this channel prefers a loss to a double")
        }
        OnUnknown::Resend if unanswered > 1 => Err("no answer came, twice; it may have gone out"),
        _ if interrupted >= MOST_INTERRUPTIONS => Err("the process that was sending it ended, ten times; it may have gone out"),
        _ => Ok(()),
    }
}

/// The ladder's next step; or sooner, where all providers are down and one of them is tried.
fn again(job: &Job, why: &str, code: &str, c: Circumstances<'_>) -> Next {
    let step = u32::try_from(job.rounds() + 1).unwrap_or(u32::MAX);
    let Some(ladder) = c.policy.wait(step, c.now, c.chance) else {
        return Next::Failed { reason: format!("{why}{code}"), address: AddressFate::Keep };
    };
    let next = c.failover.probe_at.map_or(ladder, |probe_at| ladder.min(probe_at));
    at(job, c.failover.not_before.map_or(next, |earliest| next.max(earliest)), why, code, c.policy)
}

fn at(job: &Job, at: Timestamp, why: &str, code: &str, policy: &RetryPolicy) -> Next {
    // Where a delivery was planned after its due time, its retry window begins when it was planned.
    if !policy.is_open(job.due_at.max(job.planned_at), at) {
        return Next::Failed { reason: format!("tried for too long: {why}{code}"), address: AddressFate::Keep };
    }
    if job.expires_at.is_some_and(|end| at >= end) {
        return Next::Expired;
    }
    Next::Retry { at, reason: format!("{why}{code}") }
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
            assert_eq!(unknown_again(unanswered, interrupted, on_unknown).is_ok(), again, "{unanswered} {interrupted} {on_unknown:?}");
        }
    }
}
