//! `/-/healthy` and `/-/ready`: for whoever restarts processes, and for whoever sends them requests.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::state::Api;
use crate::surface;

/// For so long an answer of the database counts: anybody may ask, however often.
const FRESH: Duration = Duration::from_millis(500);

/// What the database last said, and when. Whoever asks meanwhile waits for the one who asks it.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, bool)>>);

impl Readiness {
    async fn database(&self, api: &Api) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < FRESH
        {
            return answers;
        }
        let answers = match api.store.ping().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "not ready: the database does not answer");
                false
            }
        };
        *last = Some((Instant::now(), answers));
        answers
    }
}

/// The process runs; a restart would mend nothing that this does not say.
pub(crate) async fn healthy() -> Response {
    surface::json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// Whether everything is there that a request, or an event, needs.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    let database = api.readiness.database(&api).await;
    let nats = api.health.nats_connected();
    let is_ready = database && nats != Some(false);
    let up = |is_up: bool| if is_up { "up" } else { "down" };
    let mut body = json!({
        "status": if is_ready { "ready" } else { "not ready" },
        "database": up(database),
        "nats": nats.map_or("off", up),
    });
    // Processes go by the database's clock, so this matters only to what else runs on the machine.
    if let Some(ahead_ms) = api.clock.shared().and_then(watchbell_core::SharedClock::machine_ahead_ms) {
        body["clockAheadMs"] = ahead_ms.into();
    }
    surface::json(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &body)
}
