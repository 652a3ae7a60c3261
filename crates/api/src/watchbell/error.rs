//! `{"error":{"code":"not_found","message":"…","field":"…"}}`.

use serde_json::{Value, json};
use watchbell_wire::error::{Error, ErrorCode, ErrorDetail};

use crate::problem::{Extra, Kind, Problem};

pub(super) fn form(problem: &Problem) -> Value {
    let code = match problem.kind {
        Kind::Invalid => ErrorCode::BadRequest,
        Kind::Unauthenticated => ErrorCode::Unauthenticated,
        Kind::Forbidden => ErrorCode::Forbidden,
        Kind::NotFound => ErrorCode::NotFound,
        Kind::MethodNotAllowed => ErrorCode::MethodNotAllowed,
        Kind::Timeout => ErrorCode::Timeout,
        Kind::Conflict => ErrorCode::Conflict,
        Kind::TooLarge => ErrorCode::TooLarge,
        Kind::UnsupportedMediaType => ErrorCode::UnsupportedMediaType,
        Kind::TooMany { .. } => ErrorCode::TooManyRequests,
        Kind::Internal => ErrorCode::Internal,
        Kind::Unavailable => ErrorCode::Unavailable,
    };
    let mut error = ErrorDetail {
        code: code.into(),
        message: problem.message.to_string(),
        field: problem.field.clone(),
        reason: None,
        contact_id: None,
        rule_ids: None,
        events: None,
    };
    match problem.extra.as_deref() {
        Some(Extra::RejectReason(reason)) => error.reason = Some(reason.to_string()),
        Some(Extra::ContactId(id)) => error.contact_id = Some(id.0),
        Some(Extra::RuleIds(rules)) => error.rule_ids = Some(rules.clone()),
        Some(Extra::Events(events)) => error.events = Some(events.clone()),
        // Other surfaces' own.
        Some(Extra::RequiredScope(_) | Extra::IdempotencyKey(_) | Extra::Body(_)) | None => {}
    }
    json!(Error { error })
}
