//! What an attempt's outcome makes of a delivery: a function of its inputs.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::retry::RetryPolicy;
use watchbell_store::queue::{AddressFate, Job, Next};

use crate::settings::OnUnknown;

/// The circumstances of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    pub policy: &'a RetryPolicy,
    pub on_unknown: OnUnknown,
    /// Another provider of the channel would take the message now.
    pub has_alternative: bool,
    pub now: Timestamp,
    /// In 0..1: where a wait is placed within its jitter.
    pub chance: f64,
}

/// What becomes of the delivery.
pub(super) fn decide(job: &Job, report: &Report, c: Circumstances<'_>) -> Next {
    let code = report.code.as_deref().map(|code| format!(" (code {code})")).unwrap_or_default();
    let failed = |reason: &str, address| Next::Failed { reason: format!("{reason}{code}"), address };
    match &report.outcome {
        Outcome::Accepted { .. } => Next::Sent,
        Outcome::BadAddress => failed("the provider says that this address cannot be reached", AddressFate::Bad),
        Outcome::BadMessage => failed("the provider refused the message", AddressFate::Keep),
        Outcome::Retry { after, .. } => again(job, *after, "a passing fault", &code, c),
        Outcome::ProviderDown if c.has_alternative => {
            Next::Retry { at: c.now, reason: format!("the provider is down{code}; another one takes over") }
        }
        Outcome::ProviderDown => again(job, None, "the provider is down", &code, c),
        Outcome::Unknown => match unknown_again(job.unknowns - job.interrupted + 1, job.interrupted, c.on_unknown) {
            Ok(()) => again(job, None, "no answer came; it may have gone out", &code, c),
            Err(reason) => failed(reason, AddressFate::Keep),
        },
    }
}

/// A delivery during which so many processes died may be what killed them.
const MOST_INTERRUPTIONS: i64 = 10;

/// Whether a delivery that may have gone out is sent again. `unanswered` calls were made and had no answer; `interrupted` ones
/// may not have been made, because the process died: those are made again, or a delivery that meets two crashes would be lost.
pub(super) fn unknown_again(unanswered: i64, interrupted: i64, on_unknown: OnUnknown) -> Result<(), &'static str> {
    match on_unknown {
        OnUnknown::Fail if unanswered + interrupted > 0 => {
            Err("no answer came; it may have gone out, and this channel prefers a loss to a double")
        }
        OnUnknown::Resend if unanswered > 1 => Err("no answer came, twice; it may have gone out"),
        _ if interrupted >= MOST_INTERRUPTIONS => Err("the process that was sending it ended, ten times; it may have gone out"),
        _ => Ok(()),
    }
}

fn again(job: &Job, after: Option<Timestamp>, why: &str, code: &str, c: Circumstances<'_>) -> Next {
    let attempts = u32::try_from(job.attempts + 1).unwrap_or(u32::MAX);
    // What was planned after its time is tried as long as what is planned in time.
    match c.policy.next(attempts, job.due_at.max(job.planned_at), c.now, after, c.chance) {
        Some(at) if job.expires_at.is_none_or(|end| at < end) => Next::Retry { at, reason: format!("{why}{code}") },
        Some(_) => Next::Expired,
        None => Next::Failed { reason: format!("tried for too long: {why}{code}"), address: AddressFate::Keep },
    }
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
