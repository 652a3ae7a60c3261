//! `GET /metrics`: what this process counts, in a form that Prometheus reads.
//!
//! On the API's own listener it needs a key that reads everything, as it says how much is told to whom by what. A listener of its own
//! ([`exposed`]) needs none: who reaches it is what the operator chose its address for, and it answers while the database, which knows
//! the keys, does not.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use watchbell_metrics::Format;

use crate::auth::{Credentials, authenticate};
use crate::problem::Problem;
use crate::state::Api;

/// Who knows all that is counted in this process.
#[async_trait]
pub trait MetricsSource: Send + Sync + fmt::Debug {
    /// All of it in that format. It is there within seconds, whatever the database does.
    async fn metrics(&self, format: Format) -> String;
}

/// Where the API tells what is counted.
#[derive(Clone, Debug)]
pub struct MetricsSettings {
    pub source: Arc<dyn MetricsSource>,
    /// Whether anybody may read it, without a key.
    pub is_open: bool,
}

/// The route of the API's listener.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/metrics", get(show))
}

/// A listener that has this route alone, for everybody who reaches it.
pub fn exposed(source: Arc<dyn MetricsSource>) -> Router {
    let show = async move |headers: HeaderMap| answer(source.as_ref(), &headers).await;
    Router::new().route("/metrics", get(show))
}

async fn show(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let settings = api.settings.metrics.as_ref().ok_or_else(|| Problem::not_found("path"))?;
    if !settings.is_open {
        let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
        authenticate(&api, Credentials::BearerOrBasic, request.headers(), address).await?.check_reads_all()?;
    }
    Ok(answer(settings.source.as_ref(), request.headers()).await)
}

async fn answer(source: &dyn MetricsSource, headers: &HeaderMap) -> Response {
    let format = Format::accepted(headers.get(ACCEPT).map(HeaderValue::to_str).and_then(Result::ok));
    let text = source.metrics(format).await;
    ([(CONTENT_TYPE, format.content_type())], text).into_response()
}
