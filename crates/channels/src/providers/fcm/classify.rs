//! What FCM's answers mean.

use serde::Deserialize;
use serde_json::Value;
use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::http::{self, Answer};

/// `{"name": …}`, or Google's error form.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    error: Error,
}

#[derive(Default, Deserialize)]
struct Error {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
    /// Of several types; FCM's has an `errorCode`, `BadRequest` has `fieldViolations`.
    #[serde(default)]
    details: Vec<Value>,
}

impl Error {
    /// FCM's own code, which is finer than `status`.
    fn code(&self) -> Option<&str> {
        self.details.iter().find_map(|detail| detail.get("errorCode")?.as_str())
    }

    /// Whether an invalid argument is the registration token, and not something of ours.
    fn is_about_token(&self) -> bool {
        let fields = || self.details.iter().filter_map(|detail| detail.get("fieldViolations")?.as_array()).flatten();
        fields().any(|violation| violation.get("field").and_then(Value::as_str) == Some("message.token"))
            || self.message.contains("registration token")
    }
}

/// Whether the access token was refused. Apple's refusal of Firebase's own certificate has the same status.
pub fn is_stale_token(answer: &Answer) -> bool {
    let apple = || serde_json::from_slice::<Body>(&answer.body).is_ok_and(|body| body.error.code() == Some("THIRD_PARTY_AUTH_ERROR"));
    answer.status == 401 && !apple()
}

pub fn classify(answer: &Answer, now: Timestamp) -> Report {
    let body = serde_json::from_slice::<Body>(&answer.body).ok();
    if (200..300).contains(&answer.status) {
        return match body.and_then(|body| body.name) {
            Some(name) => Report::accepted(name),
            None => Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        };
    }
    let status = http::by_status(answer, now);
    let Some(error) = body.map(|body| body.error) else {
        return Report { outcome: without_code(answer.status, status.outcome), ..status };
    };
    let after = http::retry_after(&answer.headers, now);
    let (outcome, code) = match error.code().unwrap_or(&error.status) {
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
