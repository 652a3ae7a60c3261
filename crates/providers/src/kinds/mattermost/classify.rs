//! What Mattermost's answers mean: an error has an id, and a text, which stays out of the record.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{Outcome, Report};

use crate::endpoint;
use crate::http::{self, Answer};

/// Of an incoming webhook.
pub fn hooked(answer: &Answer, now: Timestamp) -> Report {
    let report = endpoint::by_status(answer, now);
    let error = answer.json();
    let id = http::text(&error, "/id").unwrap_or_default();
    let Some(code) = id.strip_prefix("web.incoming_webhook.").and_then(|code| code.strip_suffix(".app_error")) else { return report };
    let outcome = match code {
        // The webhook was removed, webhooks are switched off, or its channel is gone, archived or closed to it.
        "invalid" | "disabled" | "channel" | "channel_locked" | "permissions" | "user" => Outcome::BadAddress,
        "parse" | "decode" | "text" => Outcome::BadMessage,
        _ => return report,
    };
    Report::new(outcome, format!("incoming_webhook.{code}"))
}

/// Of the API, for a bot.
pub fn posted(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    if answer.is_success() {
        return match http::id(&body, "/id") {
            Some(id) => Report::accepted(id),
            // A proxy's page, say.
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let by_status = http::by_status(answer, now);
    let id = http::text(&body, "/id").filter(|id| is_id(id));
    let outcome = match (answer.status, id) {
        // No such channel, or none that the bot is in.
        (403 | 404, Some(_)) => Outcome::BadAddress,
        // It is no Mattermost that answers.
        (404, None) => Outcome::ProviderDown,
        _ => by_status.outcome,
    };
    Report::new(outcome, id.map(str::to_owned).or(by_status.code))
}

/// Such as `api.context.permissions.app_error`.
fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte))
}
