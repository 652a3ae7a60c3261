//! This process's life: the epoch that its leases belong to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, Clock, Timestamp};
use watchbell_store::queue::{Heartbeat, Outage, Ready, WorkerSession};
use watchbell_store::{Store, StoreError};

use super::Shared;
use super::limits::Share;

/// From the commit of a lease until the worker knows of it, at most.
const UNDER_WAY_MS: i64 = 10_000;
/// Between a heartbeat that failed and the next.
const AGAIN: Duration = Duration::from_millis(100);
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
    /// This process's part of the limits of each channel's providers, by the live processes that were last seen.
    shares: Mutex<BTreeMap<Channel, Share>>,
    /// Others were there first: they must have seen this process before it takes its share of the providers' limits.
    joined: AtomicBool,
    /// A heartbeat has seen who lives.
    look_around: Notify,
    /// A renewal is wanted before its time.
    urgent: Notify,
    renewed: Notify,
    /// What others know of the providers that this process does not call.
    shown: Mutex<Vec<Outage>>,
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
        let membership = Self {
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
            match membership.begin(store.as_ref()).await {
                Ok(()) => return Some(membership),
                Err(error) => tracing::warn!(error = watchbell_core::error_chain(&error), "worker.enter failed; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = clock.sleep(RETRY) => {}
            }
        }
    }

    /// Begins a life, the first one or another.
    async fn begin(&self, store: &dyn Store) -> Result<(), StoreError> {
        let epoch = store.open_session(&self.name, &self.roles, &self.channels, self.lease).await?;
        let processes = store.live_sessions().await?;
        let alone = processes.iter().all(|process| process.epoch == epoch || process.channels.is_empty());
        self.joined.store(alone, Ordering::Release);
        self.epoch.store(epoch.0, Ordering::Release);
        self.shown().clear();
        self.count(&processes);
        // Somebody may have died before this life began.
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

    fn count(&self, processes: &[WorkerSession]) {
        let own = self.epoch();
        let mut shares: BTreeMap<Channel, Share> = BTreeMap::new();
        for process in processes {
            for channel in &process.channels {
                let share = shares.entry(*channel).or_insert(Share { of: 0, place: 0 });
                share.of += 1;
                share.place += u32::from(process.epoch < own);
            }
        }
        *self.lock() = shares;
    }

    /// Takes in who lives; when the first of the others is certain to have died, unless it is renewed.
    fn see(&self, pulse: &Heartbeat) -> Option<Timestamp> {
        self.count(&pulse.sessions);
        self.joined.store(true, Ordering::Release);
        let own = self.epoch();
        pulse.sessions.iter().filter(|process| process.epoch != own).map(|process| process.alive_until).min()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Channel, Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Vec<Outage>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the others which providers this process does not call now, if they do not know it.
    async fn show(&self, store: &dyn Store, outages: Vec<Outage>) {
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

    /// Whether this life may have ended within a time in which it was not looked at. A heartbeat is half a lease old at most.
    pub fn may_have_ended_in(&self, time: Duration) -> bool {
        time >= self.lease / 2
    }

    /// Returns when the life was renewed, or could not be; asks for that to happen now.
    pub async fn renewed(&self) {
        let renewed = self.renewed.notified();
        self.urgent.notify_one();
        renewed.await;
    }

    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// Gives back what is leased and not begun. What is begun still and has not ended counts as `Unknown`.
    pub async fn leave(&self, store: &Arc<dyn Store>) {
        if let Err(error) = store.close_session(self.epoch()).await {
            tracing::warn!(error = watchbell_core::error_chain(&error), "leases could not be given back; they end by themselves");
        }
    }
}

/// Renews the life every `every`, and begins a new one when it was lost: the process had stood still for too long, and others
/// have taken over what it had leased. In between it looks, every `recheck`, for what became ready without anybody's saying so: a
/// wake-up from another process may be lost.
///
/// Nothing else happens here: what dead processes had leased is taken over beside it, as that may have to wait for locks.
pub(super) async fn heartbeat(shared: Arc<Shared>, every: Duration, recheck: Option<Duration>, stop: CancellationToken) {
    let membership = &shared.membership;
    let clock = &shared.clock;
    let mut next = clock.now() + every;
    let mut is_failing = false;
    loop {
        let now = clock.now();
        // The shared clock may have been set back; seconds pass all the same.
        next = next.min(now + every);
        let look = recheck.filter(|recheck| now + *recheck < next);
        tokio::select! {
            () = stop.cancelled() => return,
            () = membership.urgent.notified() => {}
            () = shared.states.changed() => {}
            () = clock.sleep(look.unwrap_or(next - now)) => if look.is_some() {
                match shared.store.ready().await {
                    Ok(ready) => wake(&shared, &ready),
                    Err(error) => tracing::debug!(error = watchbell_core::error_chain(&error), "what is ready could not be looked up"),
                }
                continue;
            }
        }
        match shared.store.heartbeat(membership.epoch(), membership.lease).await {
            Ok(pulse) => {
                next = clock.now() + every;
                if is_failing {
                    tracing::info!("worker.heartbeat works again");
                }
                is_failing = false;
                if pulse.is_alive {
                    if let Some(first) = membership.see(&pulse) {
                        next = next.min(first.plus_ms(1));
                    }
                    if recheck.is_some() {
                        wake(&shared, &pulse.ready);
                    }
                } else {
                    tracing::warn!("this process stood still for longer than its lease; what it had claimed was taken over");
                    if let Err(error) = membership.begin(shared.store.as_ref()).await {
                        tracing::warn!(error = watchbell_core::error_chain(&error), "worker.enter failed; trying again");
                        next = clock.now() + AGAIN;
                    }
                }
                membership.look_around.notify_one();
            }
            Err(error) => {
                // Again at once, with another connection: others count the seconds.
                next = clock.now() + AGAIN;
                if !is_failing {
                    tracing::warn!(error = watchbell_core::error_chain(&error), "worker.heartbeat failed; trying again");
                }
                is_failing = true;
            }
        }
        membership.renewed.notify_waiters();
        membership.show(shared.store.as_ref(), shared.states.outages()).await;
    }
}

/// After heartbeats takes over what dead processes had leased, and what this one has leased without knowing it.
pub(super) async fn take_over(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.membership.look_around.notified() => {}
            // Never: a test sees by it that there is nothing to do.
            () = shared.clock.sleep_until(Timestamp::MAX) => {}
        }
        let held = shared.held().clone();
        let before = shared.clock.now().plus_ms(-UNDER_WAY_MS);
        if let Err(error) = shared.store.reap(shared.membership.epoch(), &held, before).await {
            tracing::warn!(error = watchbell_core::error_chain(&error), "leases could not be taken over; trying again");
        }
    }
}

fn wake(shared: &Shared, ready: &Ready) {
    if !ready.channels.is_empty() {
        shared.store.wakes().heard(&ready.channels);
    }
    if ready.fan_out {
        shared.store.wakes().announce_fan_out();
    }
}
