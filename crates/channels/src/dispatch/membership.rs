//! This process's life: the epoch that its leases belong to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell_core::Clock;
use watchbell_core::ids::Epoch;
use watchbell_store::Store;

use super::Shared;

/// Between tries to reach the database at start.
const RETRY: Duration = Duration::from_secs(1);

/// The epoch under which this process may take leases now.
#[derive(Debug)]
pub(super) struct Membership {
    epoch: AtomicI64,
    name: String,
    roles: String,
    lease: Duration,
}

impl Membership {
    /// Begins a life; waits for the database if it must. None when told to stop before that.
    pub async fn enter(
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        name: &str,
        roles: &str,
        lease: Duration,
        stop: &CancellationToken,
    ) -> Option<Self> {
        loop {
            match store.enter(name, roles, clock.now() + lease).await {
                Ok(epoch) => {
                    return Some(Self { epoch: AtomicI64::new(epoch.0), name: name.to_owned(), roles: roles.to_owned(), lease });
                }
                Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "worker.enter failed; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = clock.sleep(RETRY) => {}
            }
        }
    }

    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// Gives back what is leased and not begun. What is begun still and has not ended counts as `Unknown`.
    pub async fn leave(&self, store: &Arc<dyn Store>) {
        if let Err(error) = store.leave(self.epoch()).await {
            tracing::warn!(error = watchbell_core::error_chain(&error), "leases could not be given back; they end by themselves");
        }
    }
}

/// Renews the life every `every`, and begins a new one when it was lost: the process had stood still for too long, and others
/// have taken over what it had leased.
pub(super) async fn heartbeat(shared: Arc<Shared>, every: Duration, stop: CancellationToken) {
    let membership = &shared.membership;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.clock.sleep(every) => {}
        }
        match shared.store.renew(membership.epoch(), shared.clock.now() + membership.lease).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("this process stood still for longer than its lease; what it had claimed was taken over");
                match shared.store.enter(&membership.name, &membership.roles, shared.clock.now() + membership.lease).await {
                    Ok(epoch) => membership.epoch.store(epoch.0, Ordering::Release),
                    Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "worker.enter failed; trying again"),
                }
            }
            Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "worker.heartbeat failed; trying again"),
        }
    }
}
