//! This process's worker session: its leases belong to the session's epoch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, Clock, Timestamp};
use watchbell_store::queue::{Heartbeat, Outage, WorkerSession};
use watchbell_store::{StoreError, WorkerStore};

use super::routes::account_limit::Share;

/// Between tries to reach the database at start.
const RETRY: Duration = Duration::from_secs(1);

/// The epoch under which this process may take leases now.
#[derive(Debug)]
pub(super) struct OwnSession {
    epoch: AtomicI64,
    name: String,
    roles: String,
    pub lease: Duration,
    channels: Vec<Channel>,
    /// This process's part of the limits of each channel's providers, by the live sessions that were last seen.
    shares: Mutex<BTreeMap<Channel, Share>>,
    /// Whether this process may take its share of the providers' limits: those that were there before it must have seen it first.
    joined: AtomicBool,
    /// A heartbeat has seen which sessions live: leases of the others may be taken over.
    pub look_around: Notify,
    /// A renewal is wanted before its time.
    pub urgent: Notify,
    /// A renewal has worked or failed.
    pub renewed: Notify,
    /// What others were last told of the providers that this process does not call now.
    shown: Mutex<Vec<Outage>>,
}

impl OwnSession {
    /// Begins the first session; waits for the database if it must. None when told to stop before that.
    pub async fn enter(
        store: &Arc<dyn WorkerStore>,
        clock: &Arc<dyn Clock>,
        name: &str,
        roles: &str,
        channels: Vec<Channel>,
        lease: Duration,
        stop: &CancellationToken,
    ) -> Option<Self> {
        let session = Self {
            epoch: AtomicI64::default(),
            name: name.to_owned(),
            roles: roles.to_owned(),
            lease,
            channels,
            shares: Mutex::default(),
            joined: AtomicBool::default(),
            look_around: Notify::default(),
            urgent: Notify::default(),
            renewed: Notify::default(),
            shown: Mutex::default(),
        };
        loop {
            match session.begin(store.as_ref()).await {
                Ok(()) => return Some(session),
                Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "worker.enter failed; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = clock.sleep(RETRY) => {}
            }
        }
    }

    /// Begins a session: the first one, or another where the last one was lost.
    pub async fn begin(&self, store: &dyn WorkerStore) -> Result<(), StoreError> {
        let epoch = store.open_session(&self.name, &self.roles, &self.channels, self.lease).await?;
        let sessions = store.live_sessions().await?;
        let alone = sessions.iter().all(|session| session.epoch == epoch || session.channels.is_empty());
        self.joined.store(alone, Ordering::Release);
        self.epoch.store(epoch.0, Ordering::Release);
        self.shown().clear();
        self.count(&sessions);
        // Another process may have died before this session began.
        self.look_around.notify_one();
        Ok(())
    }

    /// This process's part of the limits of a channel's providers; None until the others know of this one.
    pub fn sharing(&self, channel: Channel) -> Option<Share> {
        self.joined.load(Ordering::Acquire).then(|| self.lock().get(&channel).copied().unwrap_or(Share { of: 1, place: 0 }))
    }

    /// Whether a process that lives has a provider for a channel.
    pub fn is_served(&self, channel: Channel) -> bool {
        self.lock().contains_key(&channel)
    }

    fn count(&self, sessions: &[WorkerSession]) {
        let own = self.epoch();
        let mut shares: BTreeMap<Channel, Share> = BTreeMap::new();
        for session in sessions {
            for channel in &session.channels {
                let share = shares.entry(*channel).or_insert(Share { of: 0, place: 0 });
                share.of += 1;
                share.place += u32::from(session.epoch < own);
            }
        }
        *self.lock() = shares;
    }

    /// Notes which sessions live. The answer: when the first of the others is certain to have died, unless it is renewed.
    pub fn see(&self, heartbeat: &Heartbeat) -> Option<Timestamp> {
        self.count(&heartbeat.sessions);
        self.joined.store(true, Ordering::Release);
        let own = self.epoch();
        heartbeat.sessions.iter().filter(|session| session.epoch != own).map(|session| session.alive_until).min()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Channel, Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Vec<Outage>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the others which providers this process does not call now, if they do not know it.
    pub async fn show(&self, store: &dyn WorkerStore, outages: Vec<Outage>) {
        if *self.shown() == outages {
            return;
        }
        match store.show_outages(self.epoch(), &outages).await {
            Ok(()) => *self.shown() = outages,
            Err(error) => {
                tracing::warn!(error = watchbell_core::error_chain(&error), "the state of providers could not be shown; trying again");
            }
        }
    }

    /// Whether this session may have ended within a time in which nobody looked at it. At the time's beginning the last heartbeat was
    /// half a lease old at most.
    pub fn may_have_ended_in(&self, time: Duration) -> bool {
        time >= self.lease / 2
    }

    /// Returns when the session was renewed, or could not be; asks for that to happen now.
    pub async fn renewed(&self) {
        let renewed = self.renewed.notified();
        self.urgent.notify_one();
        renewed.await;
    }

    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// Gives back what is leased and not begun. What is begun still and has not ended counts as `Unknown`.
    pub async fn leave(&self, store: &Arc<dyn WorkerStore>) {
        if let Err(error) = store.close_session(self.epoch()).await {
            tracing::warn!(error = watchbell_core::error_chain(&error), "leases could not be given back; they end by themselves");
        }
    }
}
