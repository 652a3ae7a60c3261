//! What the surfaces are, for machines and for people: `/openapi.json`, `/asyncapi.json` for what goes over NATS, and `/docs`, a
//! page that shows the first.
//!
//! Each surface describes its operations in an `openapi.rs` beside its routes. The schemas of our own surfaces' bodies are those of
//! the types in `watchbell_wire`; surfaces that stand in for another API write theirs as that API's document has them. Tests hold this to the
//! router (nothing more, nothing less), to the examples (each is accepted) and, for ilert, to the original's own document.

mod compose;
pub(crate) mod operation;
pub(crate) mod part;
pub(crate) mod schema;

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub use compose::document;
pub(crate) use operation::Operation;
pub(crate) use part::{Failures, Part};

use crate::asyncapi;
use crate::problem::Problem;
use crate::state::Api;

const PAGE: &str = include_str!("docs.html");

/// The page's own script and styles, told by their digests, and its requests; nothing from anywhere else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = |tag: &str| {
        let inside = PAGE.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        let (text, _) = inside.unwrap_or_default();
        STANDARD.encode(Sha256::digest(text.as_bytes()))
    };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest("script"),
        digest("style"),
    )
});

static OPENAPI: LazyLock<String> = LazyLock::new(|| document().to_string());
static ASYNCAPI: LazyLock<String> = LazyLock::new(|| asyncapi::document().to_string());

/// Part of what needs no key.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    Router::new()
        .route("/openapi.json", get(async || served("application/json", &OPENAPI)))
        .route("/asyncapi.json", get(async || served("application/json", &ASYNCAPI)))
        .route("/docs", get(async || served("text/html; charset=utf-8", PAGE)))
        .route_layer(from_fn_with_state(api.clone(), count))
}

/// Anybody may read these, so often.
async fn count(State(api): State<Api>, request: Request, next: Next) -> Result<Response, Problem> {
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    api.limits.check_address(address)?;
    Ok(next.run(request).await)
}

fn served(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-cache"), (CONTENT_SECURITY_POLICY, POLICY.as_str())], text).into_response()
}
