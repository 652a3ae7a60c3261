//! `/overview`: how things stand, for whoever runs Watchbell, asked again and again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::Mutex;
use tokio::time::Instant;
use watchbell_core::Timestamp;
use watchbell_store::overview::{Overview, WaitingRank};
use watchbell_wire::overview as wire;

use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::state::Api;
use crate::surface;

/// For so long what the database said counts: however many look, it is asked no more often.
const FRESH: Duration = Duration::from_secs(2);

/// How things last stood. Whoever asks meanwhile waits for the one who asks the database.
#[derive(Debug, Default)]
pub(crate) struct LastOverview(Mutex<Option<(Instant, Arc<wire::Overview>)>>);

pub(super) async fn show(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let mut last = api.overview.0.lock().await;
    let overview = match &*last {
        Some((at, overview)) if at.elapsed() < FRESH => overview.clone(),
        _ => {
            let overview = Arc::new(write(&api.store.overview().await?, api.clock.now()));
            *last = Some((Instant::now(), overview.clone()));
            overview
        }
    };
    drop(last);
    Ok(surface::json(StatusCode::OK, &*overview))
}

fn write(overview: &Overview, at: Timestamp) -> wire::Overview {
    let waiting = overview.waiting.iter().map(|waiting| wire::Waiting {
        channel: waiting.channel.into(),
        rank: match waiting.rank {
            WaitingRank::High => wire::WaitingRank::High,
            WaitingRank::Normal => wire::WaitingRank::Normal,
            WaitingRank::Held => wire::WaitingRank::Held,
        }
        .into(),
        deliveries: waiting.deliveries,
        due: waiting.due,
        due_since: waiting.due_since.map(Into::into),
    });
    let processes = overview.processes.iter().map(|process| wire::Process {
        name: process.name.clone(),
        roles: process.roles.clone(),
        version: process.version.clone(),
        channels: process.channels.iter().map(|channel| (*channel).into()).collect(),
        started_at: process.started_at.into(),
        clock_ahead_ms: process.clock_ahead_ms,
    });
    let sending = overview.sending.iter().map(|sending| wire::Sending { channel: sending.channel.into(), deliveries: sending.deliveries });
    wire::Overview {
        at: at.into(),
        waiting: waiting.collect(),
        sending: sending.collect(),
        dead_letters: overview.dead_letters,
        unreachable: overview.unreachable,
        processes: processes.collect(),
    }
}
