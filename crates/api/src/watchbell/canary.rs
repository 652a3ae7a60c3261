//! A canary on demand: an event of Watchbell's own that goes the whole way, and how long that took.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::time::Instant;
use watchbell_core::UserId;
use watchbell_core::delivery::State as DeliveryState;
use watchbell_store::history::DeliveryFilter;
use watchbell_store::{Store, StoreError};
use watchbell_wire::operators::CanaryResult;

use crate::auth::Authenticated;
use crate::problem::{Kind, Problem};
use crate::state::Api;
use crate::surface;

/// Who sends canaries, by the way that events come.
#[async_trait]
pub trait CanarySender: Send + Sync + fmt::Debug {
    /// Sends one; the user whom its delivery is for.
    async fn send(&self) -> Result<UserId, CanaryError>;
}

/// Why none was sent.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    #[error("NATS did not take it")]
    Nats,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A canary that has not arrived by then is not waited for.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Sends one and waits until it has arrived.
pub(super) async fn send(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    caller.check_admin()?;
    let unavailable = |why: &str| Problem::new(Kind::Unavailable, why.to_owned());
    let canary = api.settings.canary.as_ref().ok_or_else(|| unavailable("this process sends no canaries"))?;
    api.store.note(caller.actor(), "canary.send", "canary", None).await?;
    let (sent_at, begun) = (api.clock.now(), Instant::now());
    let user = canary.send().await.map_err(|error| match error {
        CanaryError::Nats => unavailable("NATS did not take the canary: no events come in"),
        CanaryError::Store(error) => error.into(),
    })?;
    while begun.elapsed() < ARRIVES_WITHIN {
        if let Some(id) = arrived(api.store.as_ref(), user, sent_at).await? {
            let took_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
            return Ok(surface::json(StatusCode::OK, &CanaryResult { delivery_id: id, took_ms }));
        }
        pause(LOOK_EVERY).await;
    }
    Err(unavailable("the canary was sent and has not arrived within 10 s: look at the roles of the processes that live"))
}

/// The delivery of a canary that came since then and has arrived.
async fn arrived(store: &dyn Store, user: UserId, since: watchbell_core::Timestamp) -> Result<Option<String>, StoreError> {
    let filter = DeliveryFilter { user: Some(user), limit: 1, ..DeliveryFilter::default() };
    let newest = store.deliveries(&filter).await?.pop();
    Ok(newest.filter(|delivery| delivery.created_at >= since && delivery.state == DeliveryState::Sent).map(|delivery| delivery.id.0))
}

#[expect(clippy::disallowed_methods, reason = "who waits for an answer counts seconds, whatever the clock of deliveries says")]
async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}
