//! `{"error":{"code":"not_found","message":"…","field":"…"}}`.

use serde_json::{Value, json};

use crate::problem::{Kind, Problem};

pub(super) fn form(problem: &Problem) -> Value {
    let code = match problem.kind {
        Kind::Invalid => "bad_request",
        Kind::Unauthenticated => "unauthenticated",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not_found",
        Kind::MethodNotAllowed => "method_not_allowed",
        Kind::Timeout => "timeout",
        Kind::Conflict => "conflict",
        Kind::TooLarge => "too_large",
        Kind::UnsupportedMediaType => "unsupported_media_type",
        Kind::TooMany { .. } => "too_many_requests",
        Kind::Internal => "internal",
        Kind::Unavailable => "unavailable",
    };
    let mut error = json!({ "code": code, "message": problem.message });
    if let Some(field) = &problem.field {
        error["field"] = field.as_str().into();
    }
    if let Some((name, value)) = problem.extra.as_deref() {
        error[*name] = value.clone();
    }
    json!({ "error": error })
}
