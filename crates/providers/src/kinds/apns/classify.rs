//! What Apple's answers mean: a status and, with an error, `{"reason": …}`.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};

fn reason(answer: &Answer) -> String {
    http::text(&answer.json(), "/reason").unwrap_or_default().to_owned()
}

/// Whether a fresh token may be taken where this one was not.
pub fn is_expired_token(answer: &Answer) -> bool {
    answer.status == 403 && reason(answer) == "ExpiredProviderToken"
}

pub fn classify(answer: &Answer, now: Timestamp) -> Report {
    if answer.status == 200 {
        return Report::accepted(answer.headers.get("apns-id").and_then(|id| id.to_str().ok()).map(str::to_owned));
    }
    let reason = reason(answer);
    let after = answer.retry_after(now);
    let retry = |scope| Outcome::Retry { after, scope };
    let outcome = match (answer.status, reason.as_str()) {
        // Too many tokens in too short a time: whatever is sent with the newest is refused for a while.
        (429, "TooManyProviderTokenUpdates") => retry(LimitScope::Provider),
        // Too many messages to this one device.
        (429, _) => retry(LimitScope::Recipient),
        // IdleTimeout is of the connection, not of the message.
        (500.., _) | (400, "IdleTimeout") => retry(LimitScope::Message),
        (410, _) | (400, "BadDeviceToken" | "DeviceTokenNotForTopic" | "Unregistered" | "ExpiredToken") => Outcome::BadAddress,
        // The key, the team, the app or the environment is not set up as these settings say.
        (400, "BadTopic" | "MissingTopic" | "TopicDisallowed") | (401 | 403 | 404 | 405, _) => Outcome::ProviderDown,
        (400 | 413, _) => Outcome::BadMessage,
        _ => http::by_status(answer, now).outcome,
    };
    let is_word = (1..=64).contains(&reason.len()) && reason.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Report::new(outcome, if is_word { reason } else { format!("http_{}", answer.status) })
}
