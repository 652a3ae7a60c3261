//! `/callbacks/{provider}`: what providers say later, and what people answer. Each proves that it comes from its provider.

pub(crate) mod openapi;
pub mod telegram;
pub mod telegram_poll;
mod twilio;

use axum::Router;
use axum::routing::post;

use crate::state::Api;

/// Part of what needs no key.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/callbacks/twilio", post(twilio::status))
        .route("/callbacks/twilio/gather", post(twilio::gather))
        .route("/callbacks/telegram", post(telegram::webhook))
}
