//! `/errors`: what the codes of errors mean, where the errors of some surfaces link to.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::problem::Problem;
use crate::settings::ApiSettings;
use crate::state::Api;

/// Where errors link to, without a code: on requests, for their surfaces.
#[derive(Clone, Debug)]
pub(crate) struct ErrorsUrl(pub std::sync::Arc<str>);

impl ErrorsUrl {
    /// What is set, else this page as the world reaches it; a relative reference where nobody said how that is.
    pub fn of(settings: &ApiSettings) -> Self {
        let page = || format!("{}{PATH}", settings.public_url.as_deref().unwrap_or_default());
        Self(settings.errors_url.clone().unwrap_or_else(page).into())
    }
}

const PATH: &str = "/errors";

/// The link of a code, for an error's body.
pub(crate) fn link(problem: &Problem, code: &str) -> String {
    let base = problem.about.as_ref().and_then(|about| about.errors_url.as_deref());
    format!("{}/{code}", base.unwrap_or(PATH))
}

/// Every code of the surfaces that link here, with its status, and what it means to whoever gets it.
const CODES: [(&str, u16, &str); 22] = [
    ("bad_request", 400, "The request is not as it must be. The details name the field or parameter, and what would be right."),
    ("missing_field", 400, "A field that must be there is not; param names it."),
    ("invalid_format", 400, "A field has another type than it must have, or the body is no JSON; param names the field."),
    ("parameter_unknown", 400, "A field or parameter has a name that nobody knows; param names it."),
    ("validation_failed", 400, "A value is none that may be; param names the field, the message what would be right."),
    ("unauthenticated", 401, "The key is missing or not known, or was deleted."),
    ("invalid_credentials", 401, "The key is missing or not known, or was deleted."),
    ("forbidden", 403, "The key is known, but may not do this."),
    (
        "insufficient_permissions",
        403,
        "The key is known, but may not do this: it has another role, or is bound to another user or to none.",
    ),
    ("not_found", 404, "There is no such thing, or no such path."),
    ("resource_not_found", 404, "There is no such thing, or no such path."),
    ("method_not_allowed", 405, "The path is right and the method is not; the header Allow says which ones are."),
    ("request_timeout", 408, "The request took too long to arrive. It can be sent again."),
    ("conflict", 409, "What is there already says something else. The message says what it is."),
    ("payload_too_large", 413, "The body is larger than http.body_limit_bytes allows."),
    ("unsupported_media_type", 415, "The body is of a type that is not read here; send application/json."),
    ("rate_limited", 429, "Too many requests. The header Retry-After says when to come again."),
    ("rate_limit_exceeded", 429, "Too many requests. The header Retry-After says when to come again."),
    ("internal_error", 500, "Something is wrong here. It was logged."),
    ("service_unavailable", 503, "The database does not answer. Nothing was changed; try again after the header Retry-After."),
    ("invalid_request_error", 400, "A type of error: the request has to be changed before it is sent again."),
    ("api_error", 500, "A type of error: the request was right, and can be sent again later."),
];

pub(crate) fn routes() -> Router<Api> {
    Router::new().route(PATH, get(async || page(CODES.iter()))).route("/errors/{code}", get(one))
}

async fn one(Path(code): Path<String>) -> Result<Response, Problem> {
    let known = CODES.iter().filter(|(known, ..)| *known == code);
    if known.clone().next().is_none() { Err(Problem::not_found("error code")) } else { Ok(page(known)) }
}

/// All of it is written here: nothing has to be escaped.
fn page<'c>(codes: impl Iterator<Item = &'c (&'static str, u16, &'static str)>) -> Response {
    let row = |(code, status, meaning): &(&str, u16, &str)| {
        format!("<dt id=\"{code}\"><code>{code}</code> ({status})</dt>\n<dd>{meaning}</dd>\n")
    };
    let rows: String = codes.map(row).collect();
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Errors of Watchbell's API</title></head>\n\
         <body>\n<h1>Errors</h1>\n<dl>\n{rows}</dl>\n<p><a href=\"{PATH}\">All codes</a></p>\n</body></html>\n"
    );
    (StatusCode::OK, [(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}
