//! `{"status":404,"message":"…","code":"NOT_FOUND"}`.

use serde_json::{Value, json};

use crate::problem::{Kind, Problem};

pub(super) fn form(problem: &Problem) -> Value {
    let code = match problem.kind {
        Kind::Invalid => "BAD_REQUEST",
        Kind::Unauthenticated => "UNAUTHORIZED",
        Kind::Forbidden => "FORBIDDEN",
        Kind::NotFound => "NOT_FOUND",
        Kind::MethodNotAllowed => "METHOD_NOT_ALLOWED",
        Kind::Timeout => "REQUEST_TIMEOUT",
        Kind::Conflict => "CONFLICT",
        Kind::TooLarge => "PAYLOAD_TOO_LARGE",
        Kind::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
        Kind::TooMany { .. } => "TOO_MANY_REQUESTS",
        Kind::Internal => "INTERNAL_SERVER_ERROR",
        Kind::Unavailable => "SERVICE_UNAVAILABLE",
    };
    let mut body = json!({ "status": problem.kind.status().as_u16(), "message": problem.message, "code": code });
    if let Some(extra) = problem.extra.as_deref() {
        let (name, value) = extra.member();
        body[name] = value;
    }
    body
}
