//! `/callbacks/{provider}`: what providers say later, and what people answer. Each proves that it comes from its provider.
//!
//! A provider is named as its table in the configuration: that is what it was told to call, and only its own secrets count.

pub(crate) mod openapi;
pub mod telegram;
pub mod telegram_poll;
mod twilio;

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::post;

use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;

/// Part of what needs no key.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/callbacks/{provider}", post(told)).route("/callbacks/{provider}/gather", post(twilio::gather))
}

/// A bot's update, or what became of a message: the provider's name says which.
async fn told(State(api): State<Api>, uri: Uri, params: Params, payload: Payload) -> Result<Response, Problem> {
    if api.settings.telegram.provider == params.path("provider") {
        telegram::webhook(&api, &payload).await
    } else {
        twilio::status(&api, &uri, &params, &payload).await
    }
}
