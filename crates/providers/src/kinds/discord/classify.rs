//! What Discord's answers mean: a status, and in the body a code of its own.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};
use crate::provider::EditOutcome;

/// Of a webhook's message.
pub fn posted(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    if answer.is_success() {
        return match http::id(&body, "/id") {
            Some(id) => Report::accepted(id),
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let by_status = http::by_status(answer, now);
    if answer.status == 429 {
        let outcome = Outcome::Retry { after: answer.retry_after(now), scope: scope(answer) };
        return Report::new(outcome, by_status.code);
    }
    // Discord's own errors have a code; what has none was said by something before it.
    let Some(code) = http::number(&body, "/code").filter(|_| !http::is_passing(answer.status)) else {
        let is_its_own = answer.status < 404 || http::is_passing(answer.status);
        return if is_its_own { by_status } else { Report::new(Outcome::ProviderDown, by_status.code) };
    };
    let outcome = match (code_of(code), answer.status) {
        // Channel, webhook, permission, or the webhook's token: it must not be tried again.
        (10_003 | 10_015 | 50_007 | 50_013 | 50_027, _) | (_, 401 | 403 | 404) => Outcome::BadAddress,
        // 50006 empty, 50035 a form that is none, 40005 too large, …
        _ => Outcome::BadMessage,
    };
    Report::new(outcome, code_of(code).to_string())
}

/// Of an edit. What is gone stays as it is.
pub fn edited(answer: &Answer, now: Timestamp) -> EditOutcome {
    match posted(answer, now) {
        Report { outcome: Outcome::Accepted { .. }, .. } => EditOutcome::Done,
        // Among them 10008, no such message, and 30046, edited too often.
        _ if matches!(answer.status, 400 | 401 | 403 | 404) => EditOutcome::Cannot,
        report => EditOutcome::Failed(report),
    }
}

/// Until when a webhook takes nothing more, where this call used up its limit.
pub fn used_up_until(answer: &Answer, now: Timestamp) -> Option<Timestamp> {
    let header = |name: &str| answer.headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let left = header("x-ratelimit-remaining")?;
    let after_s = header("x-ratelimit-reset-after").filter(|seconds| (0.0..=3_600.0).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "at most an hour's milliseconds")]
    (left < 1.0).then(|| now.plus_ms((after_s * 1000.0).ceil() as i64))
}

/// All that comes from this address, or what goes to this webhook.
fn scope(answer: &Answer) -> LimitScope {
    let is_global = answer.headers.contains_key("x-ratelimit-global") || answer.json()["global"] == true;
    // Without a body of Discord's it was the network before it that had enough of us.
    if is_global || answer.json().is_null() { LimitScope::Provider } else { LimitScope::Recipient }
}

#[expect(clippy::cast_possible_truncation, reason = "codes have five digits")]
fn code_of(code: f64) -> i64 {
    code as i64
}
