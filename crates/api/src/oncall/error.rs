//! `{"detail":"…"}` for a request as a whole, `{"field":["…"]}` for its fields.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::problem::{Extra, Kind, Problem};

const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

pub(super) fn form(problem: &Problem) -> Value {
    if let Some(Extra::Body(body)) = problem.extra.as_deref() {
        return body.clone();
    }
    let detail = match problem.kind {
        Kind::Unauthenticated => "Invalid token.".to_owned(),
        Kind::Forbidden => "You do not have permission to perform this action.".to_owned(),
        Kind::NotFound => "Not found.".to_owned(),
        Kind::TooMany { retry_s } => {
            let plural = if retry_s == 1 { "" } else { "s" };
            format!("Request was throttled. Expected available in {retry_s} second{plural}.")
        }
        _ => problem.message.clone().into_owned(),
    };
    json!({ "detail": detail })
}

/// The original has no way to ask for credentials, so it forbids.
pub(super) fn head(problem: &Problem, response: &mut Response) {
    match problem.kind {
        Kind::Unauthenticated => *response.status_mut() = StatusCode::FORBIDDEN,
        Kind::TooMany { retry_s } => {
            response.headers_mut().insert(RATELIMIT_RESET, HeaderValue::from(retry_s));
        }
        _ => {}
    }
}

/// What is wrong with fields, found one by one: each a list.
pub(super) fn fields(errors: Map<String, Value>) -> Problem {
    Problem::bad_request("some fields are wrong").with(Extra::Body(Value::Object(errors)))
}

/// What is wrong with a field, found after all were read on their own: a text.
pub(super) fn field(name: &str, wrong: &str) -> Problem {
    Problem::bad_request("a field is wrong").at(name).with(Extra::Body(json!({ name: wrong })))
}
