//! The worker: claims what is due, checks it again, keeps to the limits, renders, calls the provider, and writes how it ended.
//!
//! ```text
//! lane (one a channel)   waits for a free slot, a working provider and its limit; claims no more than those allow now
//!   └ call (one a job)   address and expiry → render → begin → (look up) → Provider::send → finish
//! begin, finish          batches of whatever is ready: one statement each
//! membership             the heartbeat that keeps this process's leases; beside it, taking over those of the dead
//! ```
//!
//! What is claimed and not begun when the process ends is claimed again by whoever lives; what is begun is `Unknown`. A
//! slow call holds one slot and nothing else: lanes do not wait for one another, nor a lane for its calls.

mod batch;
mod breaker;
mod call;
mod ending;
mod handover;
mod lane;
mod limits;
mod look_up;
mod membership;
mod route;
mod wanted;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_core::{Channel, Clock};
use watchbell_store::queue::{Finished, HeldLeases, Job};
use watchbell_store::{Retries, Store};

use crate::provider::{AccountLimit, Provider};
use crate::render::Renderer;
use crate::settings::OnUnknown;

/// How a worker is set up.
#[derive(Debug)]
pub struct DispatchSettings {
    /// Shown to operators: which process holds a lease.
    pub process_name: String,
    pub roles: String,
    /// Seconds between heartbeats, and until a life that is not renewed has ended.
    pub heartbeat: Duration,
    pub lease: Duration,
    /// How long calls in flight may take after the worker was told to stop.
    pub drain: Duration,
    pub retries: Retries,
    /// `http.public_url`, for receipts and key presses.
    pub callback_base: Option<String>,
    /// Look for due deliveries at least so often, in case a wake-up from another process was missed; None where there is none.
    pub recheck: Option<Duration>,
    pub channels: Vec<ChannelRoute>,
}

/// A channel that this worker serves, with its providers in order of preference.
#[derive(Debug)]
pub struct ChannelRoute {
    pub channel: Channel,
    pub providers: Vec<ProviderRoute>,
    pub on_unknown: OnUnknown,
}

/// A provider as one channel uses it.
#[derive(Debug)]
pub struct ProviderRoute {
    pub name: String,
    pub provider: Arc<dyn Provider>,
    pub limit: AccountLimit,
}

/// A delivery that has just got further, for whoever wants to know.
#[derive(Clone, Debug)]
pub struct Progress {
    pub job: Arc<Job>,
    pub finished: Finished,
}

/// What all lanes and calls of a worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    renderer: Arc<Renderer>,
    retries: Retries,
    callback_base: Option<Arc<str>>,
    membership: membership::Membership,
    states: breaker::ProviderStates,
    begin: batch::Batcher<batch::Begin>,
    finish: batch::Batcher<batch::Finish>,
    stop: CancellationToken,
    calls: TaskTracker,
    /// What this process has leased and is working on.
    held: Arc<Mutex<HeldLeases>>,
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, HeldLeases> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker role.
pub struct Dispatcher {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    renderer: Arc<Renderer>,
    settings: DispatchSettings,
    progress: broadcast::Sender<Progress>,
    calls: TaskTracker,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Dispatcher {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, renderer: Arc<Renderer>, settings: DispatchSettings) -> Self {
        Self { store, clock, renderer, settings, progress: broadcast::Sender::new(4096), calls: TaskTracker::new() }
    }

    /// Tells of every delivery that gets further. Who is too slow misses some.
    pub fn progress(&self) -> broadcast::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The calls under way, each with all that follows from its answer.
    pub fn calls(&self) -> TaskTracker {
        self.calls.clone()
    }

    /// Works until `stop`, then lets calls in flight end, for at most the drain time, and gives everything else back.
    pub async fn run(self, stop: CancellationToken) {
        let settings = self.settings;
        // What it has no provider for it does not serve, and leaves to others.
        let has_provider = |route: &&ChannelRoute| !route.providers.is_empty();
        let served: Vec<Channel> = settings.channels.iter().filter(has_provider).map(|route| route.channel).collect();
        let Some(membership) = membership::Membership::enter(
            &self.store,
            &self.clock,
            &settings.process_name,
            &settings.roles,
            served.clone(),
            settings.lease,
            &stop,
        )
        .await
        else {
            return;
        };
        let held: Arc<Mutex<HeldLeases>> = Arc::default();
        let shared = Arc::new(Shared {
            begin: batch::Batcher::start(batch::Begin { store: self.store.clone() }),
            finish: batch::Batcher::start(batch::Finish {
                store: self.store.clone(),
                clock: self.clock.clone(),
                progress: self.progress,
                held: held.clone(),
            }),
            store: self.store,
            clock: self.clock,
            renderer: self.renderer,
            retries: settings.retries,
            callback_base: settings.callback_base.map(Arc::from),
            membership,
            states: breaker::ProviderStates::default(),
            stop: stop.clone(),
            calls: self.calls,
            held,
        });
        let heartbeat_stop = CancellationToken::new();
        let heartbeat = tokio::spawn(membership::heartbeat(shared.clone(), settings.heartbeat, settings.recheck, heartbeat_stop.clone()));
        let take_over = tokio::spawn(membership::take_over(shared.clone(), heartbeat_stop.clone()));
        let lanes = TaskTracker::new();
        tracing::info!(channels = watchbell_core::channel::join(&served), "worker.started");
        for route in settings.channels {
            lanes.spawn(lane::Lane::new(shared.clone(), &shared.states, route).run());
        }
        lanes.close();
        lanes.wait().await;
        shared.calls.close();
        let in_flight = shared.calls.len();
        let drained = tokio::select! {
            () = shared.calls.wait() => true,
            () = shared.clock.sleep(settings.drain) => false,
        };
        heartbeat_stop.cancel();
        for task in [heartbeat, take_over] {
            if let Err(error) = task.await {
                tracing::error!(%error, "worker.heartbeat failed");
            }
        }
        shared.membership.leave(&shared.store).await;
        tracing::info!(in_flight, drained, "worker.stopped");
    }
}
