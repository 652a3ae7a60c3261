//! `{"error":{"code":"validation_failed","type":"invalid_request_error",…}}`: eight keys, all of them always there.

use serde_json::{Value, json};
use watchbell_wire::messaging::{Error, ErrorDetail, ErrorKind};

use crate::errors_page;
use crate::problem::{Fault, Kind, Problem};

pub(super) fn form(problem: &Problem) -> Value {
    let (code, kind) = code(problem);
    json!(Error {
        error: ErrorDetail {
            code: code.to_owned(),
            kind: kind.into(),
            message: problem.message.to_string(),
            param: problem.field.clone(),
            doc_url: errors_page::link(problem, code),
            is_transient: matches!(problem.kind, Kind::TooMany { .. } | Kind::Timeout | Kind::Unavailable),
            quota: (),
            request_log_url: (),
        }
    })
}

fn code(problem: &Problem) -> (&'static str, ErrorKind) {
    const REQUEST: ErrorKind = ErrorKind::InvalidRequest;
    match problem.kind {
        Kind::Invalid => (
            match problem.fault {
                Fault::Missing => "missing_field",
                Fault::Type | Fault::Syntax => "invalid_format",
                Fault::Unknown => "parameter_unknown",
                Fault::Value | Fault::Parameter => "validation_failed",
            },
            REQUEST,
        ),
        Kind::Unauthenticated => ("invalid_credentials", REQUEST),
        Kind::Forbidden => ("insufficient_permissions", REQUEST),
        Kind::NotFound => ("resource_not_found", REQUEST),
        Kind::MethodNotAllowed => ("method_not_allowed", REQUEST),
        Kind::Timeout => ("request_timeout", REQUEST),
        Kind::Conflict => ("conflict", ErrorKind::Idempotency),
        Kind::TooLarge => ("payload_too_large", REQUEST),
        Kind::UnsupportedMediaType => ("unsupported_media_type", REQUEST),
        Kind::TooMany { .. } => ("rate_limit_exceeded", REQUEST),
        Kind::Internal => ("internal_error", ErrorKind::Api),
        Kind::Unavailable => ("service_unavailable", ErrorKind::Api),
    }
}
