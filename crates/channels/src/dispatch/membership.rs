//! This process's life: the epoch that its leases belong to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, Clock};
use watchbell_store::queue::Process;
use watchbell_store::{Store, StoreError};

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
    channels: Vec<Channel>,
    /// How many live processes send by each channel, this one among them.
    workers: Mutex<BTreeMap<Channel, u32>>,
    /// Others were there first: they must have seen this process before it takes its share of the providers' limits.
    joined: AtomicBool,
}

impl Membership {
    /// Begins a life; waits for the database if it must. None when told to stop before that.
    pub async fn enter(
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        name: &str,
        roles: &str,
        channels: Vec<Channel>,
        lease: Duration,
        stop: &CancellationToken,
    ) -> Option<Self> {
        loop {
            let entered = async {
                let epoch = store.enter(name, roles, &channels, clock.now() + lease).await?;
                Ok::<_, StoreError>((epoch, store.processes().await?))
            };
            match entered.await {
                Ok((epoch, processes)) => {
                    let alone = processes.iter().all(|process| process.epoch == epoch || process.channels.is_empty());
                    let membership = Self {
                        epoch: AtomicI64::new(epoch.0),
                        name: name.to_owned(),
                        roles: roles.to_owned(),
                        lease,
                        channels,
                        workers: Mutex::default(),
                        joined: AtomicBool::new(alone),
                    };
                    membership.count(&processes);
                    return Some(membership);
                }
                Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "worker.enter failed; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = clock.sleep(RETRY) => {}
            }
        }
    }

    /// How many processes share the limits of a channel's providers; None until the others know of this one.
    pub fn sharing(&self, channel: Channel) -> Option<u32> {
        self.joined.load(Ordering::Acquire).then(|| self.lock().get(&channel).copied().unwrap_or(1))
    }

    fn count(&self, processes: &[Process]) {
        let mut workers = BTreeMap::new();
        for channel in processes.iter().flat_map(|process| &process.channels) {
            *workers.entry(*channel).or_default() += 1;
        }
        *self.lock() = workers;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Channel, u32>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this life may have ended within a time in which it was not looked at. A heartbeat is half a lease old at most.
    pub fn may_have_ended_in(&self, time: Duration) -> bool {
        time >= self.lease / 2
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
            Ok(true) => match shared.store.processes().await {
                Ok(processes) => {
                    membership.count(&processes);
                    membership.joined.store(true, Ordering::Release);
                }
                Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "the other workers could not be counted"),
            },
            Ok(false) => {
                tracing::warn!("this process stood still for longer than its lease; what it had claimed was taken over");
                match shared
                    .store
                    .enter(&membership.name, &membership.roles, &membership.channels, shared.clock.now() + membership.lease)
                    .await
                {
                    Ok(epoch) => membership.epoch.store(epoch.0, Ordering::Release),
                    Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "worker.enter failed; trying again"),
                }
            }
            Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "worker.heartbeat failed; trying again"),
        }
    }
}
