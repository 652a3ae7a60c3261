//! `/-/healthy` and `/-/ready`: for whoever restarts processes, and for whoever sends them requests.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_wire::server::{self as wire, Alive, Liveness, NatsUp, Ready, Up};

use crate::state::Api;
use crate::surface;

/// The process runs; a restart would mend nothing that this does not say.
pub(crate) async fn healthy() -> Response {
    surface::json(StatusCode::OK, &Liveness { status: Alive::Ok.into() })
}

/// Whether everything is there that a request, or an event, needs.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    let database = api.readiness.database(&*api.store).await;
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
