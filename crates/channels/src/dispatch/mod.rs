//! The worker role: claims what is due, checks it again, keeps to the limits, renders, calls the provider, and writes how it ended.
//!
//! ```text
//! claim     the loop of a channel worker: waits for a free slot, a working provider and its limit; claims no more than those allow
//! inline    the other way in: deliveries that were begun as they were planned
//!   └ routes     which provider takes a delivery
//!   └ delivery   prepare (address, expiry, text) → begin → (look up) → Provider::send → finish
//! batch     begin and finish: one statement each for whatever is ready
//! overdue   passes messages on that their providers do not confirm
//! tally     how calls ended, for operators
//! heartbeat keeps this process's session, which its leases belong to; beside it, takes over the leases of dead processes
//! ```
//!
//! A `ChannelWorker` is what all of them share for one channel, the `DispatchContext` what all channels share.
//!
//! What is claimed and not begun when the process ends is claimed again by another one; what is begun is `Unknown`. A slow call
//! holds one slot and nothing else: channel workers wait neither for one another nor for their calls.

mod batch;
mod channel;
mod claim;
mod context;
mod delivery;
mod edits;
mod heartbeat;
mod held;
mod inline;
mod metrics;
mod overdue;
mod routes;
mod session;
mod settings;
pub(crate) mod tally;

use std::sync::Arc;

use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_core::{Channel, Clock};
use watchbell_store::WorkerStore;

use self::batch::batcher::Batcher;
use self::batch::begin::BeginBatch;
use self::batch::finish::FinishBatch;
pub use self::batch::finish::Progress;
use self::channel::ChannelWorker;
use self::context::DispatchContext;
pub use self::delivery::destination::address;
use self::held::LeaseTracker;
use self::inline::InlineChannel;
pub use self::metrics::DispatchMetrics;
use self::routes::breaker::ProviderStates;
pub(crate) use self::routes::reach::check_country;
use self::session::OwnSession;
pub use self::settings::{ChannelRoute, DispatchSettings, ProviderRoute};
use self::tally::Tallies;
use crate::inline::InlineWorkers;
use crate::render::Renderer;

/// The worker role.
pub struct Dispatcher {
    store: Arc<dyn WorkerStore>,
    clock: Arc<dyn Clock>,
    renderer: Arc<Renderer>,
    inline: Arc<InlineWorkers>,
    settings: DispatchSettings,
    progress: broadcast::Sender<Progress>,
    calls: TaskTracker,
    metrics: DispatchMetrics,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Dispatcher {
    /// Its channel workers enter `inline` while they work.
    pub fn new(
        store: Arc<dyn WorkerStore>,
        clock: Arc<dyn Clock>,
        renderer: Arc<Renderer>,
        inline: Arc<InlineWorkers>,
        settings: DispatchSettings,
    ) -> Self {
        let (progress, calls, metrics) = (broadcast::Sender::new(4096), TaskTracker::new(), DispatchMetrics::default());
        Self { store, clock, renderer, inline, settings, progress, calls, metrics }
    }

    /// What it counts.
    pub fn metrics(&self) -> &DispatchMetrics {
        &self.metrics
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
        // A channel without a provider is not served here, so that other processes may serve it.
        let has_provider = |route: &&ChannelRoute| !route.providers.is_empty() || settings.shadow;
        let served: Vec<Channel> = settings.channels.iter().filter(has_provider).map(|route| route.channel).collect();
        let Some(session) =
            OwnSession::enter(&self.store, &self.clock, &settings.process_name, &settings.roles, served.clone(), settings.lease, &stop)
                .await
        else {
            return;
        };
        let held = LeaseTracker::default();
        let awaits_receipt = Arc::new(Notify::new());
        let context = Arc::new(DispatchContext {
            begin: Batcher::start(BeginBatch { store: self.store.clone() }),
            finish: Batcher::start(FinishBatch {
                store: self.store.clone(),
                clock: self.clock.clone(),
                progress: self.progress,
                held: held.clone(),
                awaits_receipt: awaits_receipt.clone(),
            }),
            store: self.store,
            clock: self.clock,
            renderer: self.renderer,
            retries: settings.retries,
            callback_base: settings.callback_base.map(Arc::from),
            answer_key: settings.answer_key,
            tracer: settings.tracer,
            session,
            states: ProviderStates::default(),
            tallies: Tallies::default(),
            awaits_receipt,
            metrics: self.metrics,
            shadow: settings.shadow,
            stop: stop.clone(),
            calls: self.calls,
            held,
        });
        let heartbeat_stop = CancellationToken::new();
        let channels: Vec<_> = settings.channels.into_iter().map(|route| ChannelWorker::new(context.clone(), route)).collect();
        context.metrics.show_routes(&channels);
        let every = heartbeat::Every { heartbeat: settings.heartbeat, recheck: settings.recheck };
        let renewal = tokio::spawn(heartbeat::renew(context.clone(), channels.clone(), every, heartbeat_stop.clone()));
        let reaping = tokio::spawn(heartbeat::reap(context.clone(), heartbeat_stop.clone()));
        let has_others = settings.recheck.is_some();
        let overdue = tokio::spawn(overdue::watch(context.clone(), channels.clone(), has_others, heartbeat_stop.clone()));
        let tallying = tokio::spawn(tally::show(context.clone(), heartbeat_stop.clone()));
        let workers = TaskTracker::new();
        tracing::info!(channels = watchbell_core::channel::join(&served), "worker.started");
        if settings.edit_messages && !settings.shadow {
            workers.spawn(edits::edit(channels.clone(), stop.clone()));
        }
        for worker in &channels {
            workers.spawn(work(worker.clone(), self.inline.clone()));
        }
        workers.close();
        workers.wait().await;
        context.calls.close();
        let in_flight = context.calls.len();
        let drained = tokio::select! {
            () = context.calls.wait() => true,
            () = context.clock.sleep(settings.drain) => false,
        };
        heartbeat_stop.cancel();
        for (part, task) in [("heartbeat", renewal), ("reap", reaping), ("overdue", overdue), ("tally", tallying)] {
            if let Err(error) = task.await {
                tracing::error!(part, %error, "a part of the worker failed");
            }
        }
        tally::write(&context).await;
        return_calls(&context, &channels).await;
        context.session.leave(&context.store).await;
        tracing::info!(in_flight, drained, "worker.stopped");
    }
}

/// The work of one channel; inline dispatch to it as long as that goes on, where it has a provider.
async fn work(worker: Arc<ChannelWorker>, inline: Arc<InlineWorkers>) {
    let channel = worker.channel;
    if !worker.routes.is_empty() && !worker.context.shadow {
        inline.enter(channel, Arc::new(InlineChannel(Arc::downgrade(&worker))));
    }
    worker.run().await;
    inline.leave(channel);
}

/// Gives back what providers may call today and this process will not. Where the database is away, it counts as spent.
async fn return_calls(context: &DispatchContext, channels: &[Arc<ChannelWorker>]) {
    for (budget, calls) in channels.iter().flat_map(|worker| worker.routes.unused_calls()) {
        if let Err(error) = context.store.return_calls(&budget, calls).await {
            let error = watchbell_core::error_chain(&error);
            tracing::warn!(provider = budget.provider, calls, error, "calls of a day's budget could not be given back; they count as made");
        }
    }
}
