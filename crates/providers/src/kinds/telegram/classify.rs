//! What the Bot API's answers mean.

use serde_json::Value;
use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};
use crate::provider::EditOutcome;

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Done(Report),
    /// The group is a supergroup now, under that id.
    MovedTo(String),
    /// The URL of the button is none that Telegram opens (a host without a dot, say): the text can go without.
    BadButton,
}

/// Descriptions, in lower case, that mean a chat which is not there or not open to the bot. They come as 400.
const NO_SUCH_CHAT: [&str; 9] = [
    "chat not found",
    "peer_id_invalid",
    "user not found",
    "user_deactivated",
    "chat_write_forbidden",
    "not enough rights",
    "have no rights to send",
    "need administrator rights",
    "group chat was deactivated",
];

/// Descriptions, in lower case, that mean the inline keyboard.
const BAD_BUTTON: [&str; 3] = ["button_url_invalid", "inline keyboard button url", "reply_markup"];

/// Of a message that cannot be changed: gone, too old, or somebody else's.
const NOT_TO_BE_EDITED: [&str; 3] = ["message to edit not found", "message can't be edited", "message_id_invalid"];

/// How an edit ended; None where the URL of its button is none that Telegram opens.
pub fn edited(answer: &Answer, now: Timestamp) -> Option<EditOutcome> {
    let description = http::text(&answer.json(), "/description").unwrap_or_default().to_lowercase();
    let says = |texts: &[&str]| answer.status == 400 && texts.iter().any(|text| description.contains(text));
    if says(&["message is not modified"]) {
        return Some(EditOutcome::Done);
    }
    if says(&NOT_TO_BE_EDITED) {
        return Some(EditOutcome::Cannot);
    }
    match classify(answer, now) {
        Verdict::BadButton => None,
        Verdict::MovedTo(_) => Some(EditOutcome::Cannot),
        Verdict::Done(Report { outcome: Outcome::Accepted { .. }, .. }) => Some(EditOutcome::Done),
        Verdict::Done(report) => Some(EditOutcome::Failed(report)),
    }
}

/// `{ok, result, error_code, description, parameters}`.
pub fn classify(answer: &Answer, now: Timestamp) -> Verdict {
    let code = Some(format!("http_{}", answer.status));
    let body = answer.json();
    let Some(is_ok) = body.pointer("/ok").and_then(Value::as_bool) else {
        return Verdict::Done(match answer.status {
            200..=299 => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
            404 => Report::new(Outcome::ProviderDown, code),
            _ => http::by_status(answer, now),
        });
    };
    if is_ok && answer.status < 300 {
        return Verdict::Done(Report::accepted(http::id(&body, "/result/message_id")));
    }
    let description = http::text(&body, "/description").unwrap_or_default().to_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| description.contains(text));
    let moved_to = http::id(&body, "/parameters/migrate_to_chat_id");
    let outcome = match answer.status {
        // It does not say whether the chat's limit or the bot's was reached.
        429 => Outcome::Retry { after: answer.retry_after(now), scope: LimitScope::Provider },
        400 if moved_to.is_some() => return Verdict::MovedTo(moved_to.unwrap_or_default()),
        400 if says(&BAD_BUTTON) => return Verdict::BadButton,
        400 if says(&NO_SUCH_CHAT) => Outcome::BadAddress,
        // Blocked by the user, kicked from the group, or never started.
        403 => Outcome::BadAddress,
        // A wrong token is 401 or 404.
        401 | 404 => Outcome::ProviderDown,
        200..=299 => Outcome::Unknown,
        _ => http::by_status(answer, now).outcome,
    };
    Verdict::Done(Report::new(outcome, code))
}
