//! What FCM's answers mean.

use serde_json::Value;
use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};

/// Google's error form, which has details of several types: FCM's has an `errorCode`, `BadRequest` has `fieldViolations`.
struct Error(Value);

impl Error {
    fn of(answer: &Answer) -> Self {
        Self(answer.json().pointer_mut("/error").map(Value::take).unwrap_or_default())
    }

    fn details(&self) -> impl Iterator<Item = &Value> {
        self.0.get("details").and_then(Value::as_array).into_iter().flatten()
    }

    /// FCM's own code, which is finer than the status.
    fn fcm_code(&self) -> Option<&str> {
        self.details().find_map(|detail| http::text(detail, "/errorCode"))
    }

    fn code(&self) -> &str {
        self.fcm_code().or_else(|| http::text(&self.0, "/status")).unwrap_or_default()
    }

    /// Whether an invalid argument is the registration token, and not something of ours.
    fn is_about_token(&self) -> bool {
        let mut fields = self.details().filter_map(|detail| detail.get("fieldViolations")?.as_array()).flatten();
        fields.any(|violation| http::text(violation, "/field") == Some("message.token"))
            || http::text(&self.0, "/message").is_some_and(|message| message.contains("registration token"))
    }
}

/// Whether the access token was refused. Apple's refusal of Firebase's own certificate has the same status.
pub fn is_stale_token(answer: &Answer) -> bool {
    answer.status == 401 && Error::of(answer).fcm_code() != Some("THIRD_PARTY_AUTH_ERROR")
}

pub fn classify(answer: &Answer, now: Timestamp) -> Report {
    if answer.is_success() {
        return match http::text(&answer.json(), "/name") {
            Some(name) => Report::accepted(name.to_owned()),
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let status = http::by_status(answer, now);
    let error = Error::of(answer);
    let after = answer.retry_after(now);
    let (outcome, code) = match error.code() {
        // The quota can be the project's or the device's; it does not say.
        code @ ("QUOTA_EXCEEDED" | "RESOURCE_EXHAUSTED") => (Outcome::Retry { after, scope: LimitScope::Provider }, code),
        code @ ("UNAVAILABLE" | "INTERNAL") => (Outcome::Retry { after, scope: LimitScope::Message }, code),
        code if http::is_passing(answer.status) => (status.outcome, code),
        // Only FCM's own code deletes a device: a bare 404 is also a project that is not there.
        code @ ("UNREGISTERED" | "SENDER_ID_MISMATCH") => (Outcome::BadAddress, code),
        code @ "INVALID_ARGUMENT" if error.is_about_token() => (Outcome::BadAddress, code),
        code @ "INVALID_ARGUMENT" => (Outcome::BadMessage, code),
        code @ ("THIRD_PARTY_AUTH_ERROR" | "UNAUTHENTICATED" | "PERMISSION_DENIED") => (Outcome::ProviderDown, code),
        code => (without_code(answer.status, status.outcome), code),
    };
    let code = if code.is_empty() { status.code } else { Some(code.to_owned()) };
    Report::new(outcome, code)
}

fn without_code(status: u16, by_status: Outcome) -> Outcome {
    if status == 404 { Outcome::ProviderDown } else { by_status }
}
