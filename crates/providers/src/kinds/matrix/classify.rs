//! What a homeserver's answers mean: `errcode` says it, the status is only its like.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};

pub fn posted(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    if answer.is_success() {
        return match http::id(&body, "/event_id") {
            Some(id) => Report::accepted(id),
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let by_status = http::by_status(answer, now);
    let Some(code) = http::text(&body, "/errcode").filter(|code| is_code(code)) else {
        // What says 404 without one is no homeserver.
        return if answer.status == 404 { Report::new(Outcome::ProviderDown, by_status.code) } else { by_status };
    };
    let outcome = match code {
        // The bot's account has such a limit for all rooms together.
        "M_LIMIT_EXCEEDED" => Outcome::Retry { after: retry_after(answer, now), scope: LimitScope::Provider },
        _ if http::is_passing(answer.status) => by_status.outcome,
        "M_FORBIDDEN" | "M_NOT_FOUND" | "M_GUEST_ACCESS_FORBIDDEN" | "M_INCOMPATIBLE_ROOM_VERSION" => Outcome::BadAddress,
        "M_UNKNOWN_TOKEN"
        | "M_MISSING_TOKEN"
        | "M_USER_DEACTIVATED"
        | "M_USER_LOCKED"
        | "M_USER_SUSPENDED"
        | "M_UNRECOGNIZED"
        | "M_CONSENT_NOT_GIVEN"
        | "M_RESOURCE_LIMIT_EXCEEDED" => Outcome::ProviderDown,
        // M_TOO_LARGE, M_BAD_JSON, M_NOT_JSON, M_INVALID_PARAM, …
        _ => by_status.outcome,
    };
    Report::new(outcome, code.to_owned())
}

/// By the header, or by what stood in its place before there was one.
fn retry_after(answer: &Answer, now: Timestamp) -> Option<Timestamp> {
    /// No longer is believed, in milliseconds: a day.
    const LONGEST_MS: f64 = 86_400_000.0;
    #[expect(clippy::cast_possible_truncation, reason = "at most a day's milliseconds")]
    let told =
        || http::number(&answer.json(), "/retry_after_ms").filter(|ms| *ms > 0.0).map(|ms| now.plus_ms(ms.min(LONGEST_MS).ceil() as i64));
    answer.retry_after(now).or_else(told)
}

fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
