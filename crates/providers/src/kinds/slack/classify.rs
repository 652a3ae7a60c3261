//! What Slack's answers mean: `chat.postMessage` says everything with 200, incoming webhooks with a status and one word.

use serde_json::Value;
use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};
use crate::provider::EditOutcome;

/// Of `chat.postMessage`: `{"ok":true,"ts":…}` or `{"ok":false,"error":…}`.
pub fn posted(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    let Some(is_ok) = body.pointer("/ok").and_then(Value::as_bool) else {
        return match answer.status {
            200..=299 => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
            _ => limited(answer, now).unwrap_or_else(|| http::by_status(answer, now)),
        };
    };
    if is_ok && answer.status < 300 {
        // What names a message in every other call: both, and the channel of a direct message is not the member it was sent to.
        let id = http::text(&body, "/channel").zip(http::text(&body, "/ts")).map(|(channel, ts)| format!("{channel}:{ts}"));
        return Report::accepted(id);
    }
    let error = http::text(&body, "/error").unwrap_or_default();
    if let Some(limited) = limited(answer, now) {
        return Report { code: Some(error.to_owned()).filter(|error| is_word(error)).or(limited.code), ..limited };
    }
    if http::is_passing(answer.status) {
        return http::by_status(answer, now);
    }
    let outcome = by_error(error, answer.retry_after(now));
    Report::new(outcome, if is_word(error) { error } else { "no_error" }.to_owned())
}

/// Of `chat.update`. What cannot be changed any more is left as it is.
pub fn edited(answer: &Answer, now: Timestamp) -> EditOutcome {
    match http::text(&answer.json(), "/error") {
        Some("message_not_found" | "cant_update_message" | "edit_window_closed" | "channel_not_found" | "is_inactive") => {
            EditOutcome::Cannot
        }
        _ => match posted(answer, now) {
            Report { outcome: Outcome::Accepted { .. }, .. } => EditOutcome::Done,
            report => EditOutcome::Failed(report),
        },
    }
}

/// 429: one message a second for a channel is the limit that is met.
fn limited(answer: &Answer, now: Timestamp) -> Option<Report> {
    let after = answer.retry_after(now);
    let outcome = Outcome::Retry { after, scope: LimitScope::Recipient };
    (answer.status == 429).then(|| Report::new(outcome, "http_429".to_owned()))
}

/// Slack's codes, as the method's page lists them. One that is not listed is about this message.
fn by_error(error: &str, after: Option<Timestamp>) -> Outcome {
    match error {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => Outcome::Retry { after, scope: LimitScope::Recipient },
        "fatal_error"
        | "internal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org"
        | "external_channel_migrating" => Outcome::Retry { after, scope: LimitScope::Message },
        // No such channel or member, or one that the bot may not write to: the bot is to be invited, or the contact changed.
        "channel_not_found"
        | "is_archived"
        | "not_in_channel"
        | "user_not_found"
        | "user_disabled"
        | "user_not_visible"
        | "cannot_dm_bot"
        | "messages_tab_disabled"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_non_threadable_channel"
        | "slack_connect_canvas_sharing_blocked"
        | "slack_connect_file_link_sharing_blocked"
        | "channel_type_not_supported"
        | "team_access_not_granted" => Outcome::BadAddress,
        "not_authed"
        | "invalid_auth"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "no_permission"
        | "missing_scope"
        | "not_allowed_token_type"
        | "org_login_required"
        | "ekm_access_denied"
        | "enterprise_is_restricted"
        | "access_denied"
        | "accesslimited"
        | "two_factor_setup_required"
        | "team_not_found"
        | "deprecated_endpoint"
        | "method_deprecated" => Outcome::ProviderDown,
        // msg_too_long, no_text, invalid_blocks, invalid_arguments, …
        _ => Outcome::BadMessage,
    }
}

/// Of an incoming webhook: `ok`, or one word with a status of 400 and more. A word that is not listed is judged by its status, and
/// nothing is `ProviderDown`: a webhook's faults are its own.
pub fn hooked(answer: &Answer, now: Timestamp) -> Report {
    let text = String::from_utf8_lossy(&answer.body);
    let word = text.trim();
    let by_status = || crate::endpoint::by_status(answer, now);
    let outcome = match word {
        _ if answer.status < 300 => return by_status(),
        // Removed, switched off, archived, or not to be written to.
        "no_service"
        | "no_service_id"
        | "no_active_hooks"
        | "no_team"
        | "team_disabled"
        | "invalid_token"
        | "channel_not_found"
        | "channel_is_archived"
        | "user_not_found"
        | "action_prohibited"
        | "posting_to_general_channel_denied" => Outcome::BadAddress,
        "invalid_payload" | "no_text" | "too_many_attachments" | "invalid_blocks" | "invalid_blocks_format" => Outcome::BadMessage,
        // rollup_error and whatever else.
        _ => return by_status(),
    };
    Report::new(outcome, word.to_owned())
}

/// Whether a text can be kept as a code: a word, not a sentence that could quote the message.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
