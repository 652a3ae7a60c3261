//! What Pushover's answers mean: `status` is 1 or it is not, and an error names the parameter that is wrong.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{Outcome, Report};

use crate::http::{self, Answer};
use crate::provider::EditOutcome;

pub fn posted(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    if answer.is_success() && body["status"] == 1 {
        // Of an emergency the receipt, by which it can be asked for and cancelled.
        return match http::id(&body, "/receipt").or_else(|| http::id(&body, "/request")) {
            Some(id) => Report::accepted(id),
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let by_status = http::by_status(answer, now);
    let is_wrong = |parameter: &str| http::text(&body, &format!("/{parameter}")) == Some("invalid");
    let (outcome, code) = match answer.status {
        200..=299 => (Outcome::Unknown, Some("broken_answer".to_owned())),
        // The month's messages are used up.
        429 => (Outcome::ProviderDown, by_status.code),
        400..=499 if is_wrong("token") => (Outcome::ProviderDown, Some("token_invalid".to_owned())),
        400..=499 if is_wrong("user") || says(&body, "user key is invalid") => (Outcome::BadAddress, Some("user_invalid".to_owned())),
        // What says 404 otherwise is not Pushover.
        404 => (Outcome::ProviderDown, by_status.code),
        _ => (by_status.outcome, by_status.code),
    };
    Report::new(outcome, code)
}

/// Of a cancelled receipt.
pub fn cancelled(answer: &Answer, now: Timestamp) -> EditOutcome {
    match answer.status {
        200..=299 => EditOutcome::Done,
        // No such receipt: it is older than a week.
        400..=404 => EditOutcome::Cannot,
        _ => EditOutcome::Failed(http::by_status(answer, now)),
    }
}

fn says(body: &serde_json::Value, words: &str) -> bool {
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().any(|error| error.as_str().is_some_and(|error| error.to_lowercase().contains(words)))
}
