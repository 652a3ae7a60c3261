//! `{"error":{"code":"not_found","message":"User not found","status":404,"type":"https://…","request_id":"req_…","details":{…}}}`.

use axum::http::HeaderValue;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::errors_page;
use crate::problem::{Fault, Kind, Problem};

pub(super) fn form(problem: &Problem) -> Value {
    let code = match problem.kind {
        Kind::Invalid => "bad_request",
        Kind::Unauthenticated => "unauthenticated",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not_found",
        Kind::MethodNotAllowed => "method_not_allowed",
        Kind::Timeout => "request_timeout",
        Kind::Conflict => "conflict",
        Kind::TooLarge => "payload_too_large",
        Kind::UnsupportedMediaType => "unsupported_media_type",
        Kind::TooMany { .. } => "rate_limited",
        Kind::Internal => "internal_error",
        Kind::Unavailable => "service_unavailable",
    };
    json!({ "error": {
        "code": code,
        "message": message(problem),
        "status": problem.kind.status().as_u16(),
        "type": errors_page::link(problem, code),
        "request_id": problem.about.as_ref().and_then(|about| about.request_id.as_ref()),
        "details": details(problem),
    } })
}

/// A 401 has to name a way to authenticate (RFC 9110, 11.6.1).
pub(super) fn head(problem: &Problem, response: &mut Response) {
    if problem.kind == Kind::Unauthenticated {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("KeyPair"));
    }
}

fn message(problem: &Problem) -> String {
    let Some(absent) = problem.absent() else { return problem.message.to_string() };
    let mut chars = absent.what.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase()).into_iter();
    format!("{} not found", first.chain(chars).collect::<String>())
}

/// Only what applies.
fn details(problem: &Problem) -> Value {
    let mut details = Map::new();
    if let Some(extra) = problem.extra.as_deref() {
        let (name, value) = extra.member();
        details.insert(name.to_owned(), value);
    }
    match problem.kind {
        Kind::Invalid => return invalid(problem),
        Kind::NotFound => {
            if let Some(absent) = problem.absent() {
                details.insert("resource".to_owned(), absent.what.as_str().into());
                if let Some(id) = &absent.id {
                    details.insert("id".to_owned(), id.as_str().into());
                }
            }
        }
        Kind::TooMany { retry_s } => {
            if let Some(quota) = problem.about.as_ref().and_then(|about| about.quota) {
                details.insert("limit".to_owned(), quota.limit.into());
                details.insert("window".to_owned(), quota.window_s.into());
            }
            details.insert("retry_after".to_owned(), retry_s.into());
        }
        _ => {}
    }
    Value::Object(details)
}

fn invalid(problem: &Problem) -> Value {
    let reason = match problem.fault {
        Fault::Syntax => return json!({ "reason": "invalid_json" }),
        Fault::Parameter => {
            return problem
                .field
                .as_ref()
                .map_or_else(|| json!({ "reason": "invalid_param" }), |param| json!({ "reason": "invalid_param", "param": param }));
        }
        Fault::Missing => "required",
        Fault::Type => "invalid_type",
        Fault::Unknown => "unknown",
        Fault::Value => "invalid",
    };
    match &problem.field {
        Some(field) => json!({ "fields": [{ "field": field, "message": problem.message, "reason": reason }] }),
        None => json!({ "reason": "invalid_param" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Extra, Quota};

    #[test]
    fn details_are_what_applies() {
        let mut often = Problem::new(Kind::TooMany { retry_s: 7 }, "x");
        often.about_mut().quota = Some(Quota { limit: 10, window_s: 60 });
        let table = [
            (Problem::bad_request("x").because(Fault::Syntax), 400, "bad_request", json!({ "reason": "invalid_json" })),
            (
                Problem::invalid("limit", "x", "y").because(Fault::Parameter),
                400,
                "bad_request",
                json!({ "reason": "invalid_param", "param": "limit" }),
            ),
            (
                Problem::invalid("email", "is wrong", "write it right"),
                400,
                "bad_request",
                json!({ "fields": [{ "field": "email", "message": "email is wrong; write it right", "reason": "invalid" }] }),
            ),
            (Problem::new(Kind::Unauthenticated, "x"), 401, "unauthenticated", json!({})),
            (Problem::forbidden("x").with(Extra::RequiredScope("users:read")), 403, "forbidden", json!({ "required_scope": "users:read" })),
            (Problem::not_found("user").named("u1"), 404, "not_found", json!({ "resource": "user", "id": "u1" })),
            (Problem::conflict("x").with(Extra::IdempotencyKey("k".to_owned())), 409, "conflict", json!({ "idempotency_key": "k" })),
            (often, 429, "rate_limited", json!({ "limit": 10, "window": 60, "retry_after": 7 })),
        ];
        for (problem, status, code, details) in table {
            let error = form(&problem)["error"].clone();
            assert_eq!((error["status"].clone(), error["code"].clone(), &error["details"]), (status.into(), code.into(), &details));
            assert_eq!(error["type"], format!("/errors/{code}"), "relative where nobody said how the world reaches it");
        }
        assert_eq!(form(&Problem::not_found("user"))["error"]["message"], "User not found");
    }
}
