//! `/-/healthy` and `/-/ready`: for whoever restarts processes, and for whoever sends them requests.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::state::Api;
use crate::surface;

/// The process runs; a restart would mend nothing that this does not say.
pub(crate) async fn healthy() -> Response {
    surface::json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// Whether everything is there that a request, or an event, needs.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    let database = match api.store.ping().await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            false
        }
    };
    let nats = api.health.nats_connected();
    let is_ready = database && nats != Some(false);
    let up = |is_up: bool| if is_up { "up" } else { "down" };
    let body = json!({
        "status": if is_ready { "ready" } else { "not ready" },
        "database": up(database),
        "nats": nats.map_or("off", up),
    });
    surface::json(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &body)
}
