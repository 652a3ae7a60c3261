//! Shows that a process without the worker role is there: workers show themselves with the heartbeats that keep their leases.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell_core::{Clock, error_chain};
use watchbell_store::{Store, StoreError};

use crate::config::{Config, Role};

/// As others see this process.
#[derive(Clone, Debug)]
pub struct Presence {
    pub name: String,
    pub roles: String,
    /// Between two heartbeats.
    pub heartbeat: Duration,
    /// After so long without one it counts as dead.
    pub lease: Duration,
}

impl Presence {
    pub fn of(config: &Config, roles: &BTreeSet<Role>) -> Self {
        Self {
            name: format!("{}:{}", hostname(), std::process::id()),
            roles: watchbell_core::channel::join(&roles.iter().map(|role| role.as_str()).collect::<Vec<_>>()),
            heartbeat: Duration::from_secs(u64::from(config.lease.heartbeat_s)),
            lease: Duration::from_secs(u64::from(config.lease.lease_s)),
        }
    }

    /// Keeps a session without channels until `stop`. While the database is away nobody sees the process, and nothing else is the
    /// matter.
    pub async fn show(self, store: Arc<dyn Store>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut epoch = None;
        let mut is_failing = false;
        loop {
            let shown: Result<_, StoreError> = match epoch {
                Some(epoch) => store.heartbeat(epoch, self.lease, &[]).await.map(|seen| seen.is_alive.then_some(epoch)),
                None => store.open_session(&self.name, &self.roles, &[], self.lease).await.map(Some),
            };
            match shown {
                Ok(shown) => {
                    is_failing = false;
                    epoch = shown;
                    if epoch.is_none() {
                        // It stood still for longer than its lease: shown anew at once.
                        continue;
                    }
                }
                Err(error) => {
                    if !is_failing {
                        tracing::warn!(error = error_chain(&error), "other processes cannot see this one; trying again");
                    }
                    is_failing = true;
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = clock.sleep(self.heartbeat) => {}
            }
        }
        if let Some(epoch) = epoch
            && let Err(error) = store.close_session(epoch).await
        {
            tracing::debug!(error = error_chain(&error), "this process is seen until its last heartbeat has lapsed");
        }
    }
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "host".to_owned(), |name| name.trim().to_owned())
}
