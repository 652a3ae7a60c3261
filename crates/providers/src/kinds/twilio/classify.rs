//! What Twilio's answers and error codes mean.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};

/// What the answer to a new message or call means.
///
/// A message, a call, or an error: `code` is an error's, `error_code` a message's; `status` is a message's or call's state, where
/// an error repeats the HTTP status.
pub fn by_answer(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    let code = ["/code", "/error_code"].iter().find_map(|pointer| http::id(&body, pointer)?.parse::<u32>().ok());
    if answer.is_success() {
        let is_refused = matches!(http::text(&body, "/status"), Some("failed" | "undelivered" | "canceled"));
        return match http::text(&body, "/sid") {
            _ if is_refused => {
                let outcome = code.and_then(|code| by_code(code, now)).unwrap_or(Outcome::BadMessage);
                Report::new(outcome, code.map(|code| code.to_string()))
            }
            Some(sid) => Report::accepted(sid.to_owned()),
            // A success that names no message: somebody else answered, or half of it is missing.
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let status = http::by_status(answer, now);
    let Some(code) = code else {
        // An account that is not there, or a base URL that is not Twilio's.
        let outcome = if answer.status == 404 { Outcome::ProviderDown } else { status.outcome };
        return Report { outcome, ..status };
    };
    let outcome = match by_code(code, now) {
        // The code may say how long and for whom, but a status that passes is never made permanent by it.
        Some(Outcome::Retry { after, scope }) => Outcome::Retry { after: after.max(answer.retry_after(now)), scope },
        Some(_) if http::is_passing(answer.status) => status.outcome,
        Some(outcome) => outcome,
        None if answer.status == 404 => Outcome::ProviderDown,
        None => status.outcome,
    };
    Report::new(outcome, code.to_string())
}

/// What an error code means, of an answer or of a receipt; None where it is none of the known ones.
///
/// From Twilio's error dictionary.
pub fn by_code(code: u32, now: Timestamp) -> Option<Outcome> {
    let retry = |scope| Outcome::Retry { after: None, scope };
    Some(match code {
        // Too many requests; too many calls at once; too many messages; the queue is full; the channel's rate.
        20429 | 10004 | 14107 | 30001 | 30022 | 63018 => retry(LimitScope::Provider),
        // The day's messages are used up. Days end at midnight UTC.
        63038 => Outcome::Retry { after: Some(next_day(now)), scope: LimitScope::Provider },
        // The handset is off or out of reach; nobody knows why.
        30003 | 30008 => retry(LimitScope::Message),
        // No number; not reachable from here; no mobile; unknown; a landline; opted out until START; not on WhatsApp.
        21211 | 21214 | 21217 | 21612 | 21614 | 21610 | 30005 | 30006 | 63003 | 63024 | 13223 | 13224 => Outcome::BadAddress,
        // Blocked or filtered; no route or permission for where it goes: not for another provider.
        30004 | 30007 | 30018 | 30450 | 21408 | 21202 | 21203 | 21215 | 21216 | 13225 | 13227 => Outcome::BadRoute,
        // The WhatsApp window is closed; too long; empty.
        63016 | 21602 | 21617 | 21619 => Outcome::BadMessage,
        // Credentials; the account is suspended or closed or on trial; the sender is not ours.
        20003 | 20005 | 20006 | 20008 | 20404 | 30002 | 21608 | 21219 | 21210 | 21212 | 21603 | 21606 | 21609 | 63007 => {
            Outcome::ProviderDown
        }
        _ => return None,
    })
}

/// The next midnight in UTC.
fn next_day(now: Timestamp) -> Timestamp {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    Timestamp::from_millis((now.as_millis() / DAY_MS + 1) * DAY_MS)
}
