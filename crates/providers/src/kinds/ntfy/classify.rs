//! What an ntfy server's answers mean: errors have a code, whose first three digits are the status.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};

/// No figure of ntfy's: the daily quota is used up, and the server does not say until when.
const QUOTA_WAIT_S: i64 = 60 * 60;

pub fn published(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    if answer.is_success() {
        return match http::id(&body, "/id") {
            Some(id) => Report::accepted(id),
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let by_status = http::by_status(answer, now);
    let code = http::number(&body, "/code").filter(|code| (10_000.0..100_000.0).contains(code)).map(|code| format!("{code}"));
    let Some(code) = code else {
        // What says 404 without one is no ntfy server.
        return if answer.status == 404 { Report::new(Outcome::ProviderDown, by_status.code) } else { by_status };
    };
    let outcome = match code.as_str() {
        // A topic that is none or not allowed, that belongs to somebody else, or for which no subscriber pays.
        "40009" | "40010" | "40301" | "50701" => Outcome::BadAddress,
        "42908" => Outcome::Retry { after: Some(now.plus_s(QUOTA_WAIT_S)), scope: LimitScope::Provider },
        // Too many wrong logins: each further one makes it longer.
        "42909" | "40101" => Outcome::ProviderDown,
        _ => by_status.outcome,
    };
    Report::new(outcome, code)
}
