//! `/-/healthy` and `/-/ready`: for whoever restarts processes, and for whoever sends them requests.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::Mutex;
use tokio::time::Instant;
use watchbell_wire::server::{self as wire, Alive, Liveness, NatsUp, Ready, Up};

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
    surface::json(StatusCode::OK, &Liveness { status: Alive::Ok.into() })
}

/// Whether everything is there that a request, or an event, needs.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    let database = api.readiness.database(&api).await;
    let nats = api.health.nats_connected();
    let is_ready = database && nats != Some(false);
    let nats = match nats {
        Some(true) => NatsUp::Up,
        Some(false) => NatsUp::Down,
        None => NatsUp::Off,
    };
    let body = wire::Readiness {
        status: if is_ready { Ready::Ready } else { Ready::NotReady }.into(),
        database: if database { Up::Up } else { Up::Down }.into(),
        nats: nats.into(),
        // Processes go by the database's clock, so this matters only to what else runs on the machine.
        clock_ahead_ms: api.clock.shared().and_then(watchbell_core::SharedClock::machine_ahead_ms),
    };
    surface::json(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &body)
}
