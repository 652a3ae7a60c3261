//! One life of a server: a store and a worker on a runtime of its own, which can be stopped in order or killed.
//!
//! Everything runs on one thread, and only while the scenario lets it. So it is at rest, and will stay so until the clock is
//! moved or something is asked of it, exactly when every lane, the heartbeat, what takes leases over and every call under way are
//! asleep on the clock: whoever waits for the database, or has been woken, is not.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_channels::dispatch::{ChannelRoute, DispatchSettings, Dispatcher, ProviderRoute};
use watchbell_channels::inline::{EventIntake, InlineWorkers};
use watchbell_channels::render::Renderer;
use watchbell_core::answer_key::AnswerKey;
use watchbell_core::event::Original;
use watchbell_core::retry::RetryPolicy;
use watchbell_core::{Channel, Timestamp, decode};
use watchbell_providers::provider::AccountLimit;
use watchbell_scheduler::{Retention, RulePlanner, Scheduler, SchedulerSettings};
use watchbell_store::intake::Accepted;
use watchbell_store::throttle::{Bundling, RecipientLimits};
use watchbell_store::{Options, Retries, Store, open};
use watchbell_traces::Tracer;

use super::clock::WatchedClock;
use super::file::Settings;
use super::provider::{Recorder, SharedWorld};
use super::stage::failed;
use super::words::{BadPhrase, Read, span_ms};

/// No transition takes longer, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a worker does beside its channels: the heartbeat, what takes leases over, overdue receipts, and how calls ended; and the
/// scheduler's follow-ups.
const PARTS: usize = 5;
/// A time that no scenario lives to see, in days.
const NEVER_DAYS: u64 = 5_000;

pub struct Server {
    runtime: Runtime,
    pub store: Arc<dyn Store>,
    pub intake: EventIntake,
    clock: WatchedClock,
    worker: JoinHandle<()>,
    stop: CancellationToken,
    calls: TaskTracker,
    channels: usize,
}

fn seconds(phrase: Option<&String>, otherwise: i64) -> Read<i64> {
    phrase.map_or(Ok(otherwise), |phrase| Ok(span_ms(phrase)? / 1_000))
}

fn duration(phrase: Option<&String>) -> Read<Duration> {
    let never = Duration::from_hours(24 * NEVER_DAYS);
    phrase.map_or(Ok(never), |phrase| Ok(Duration::from_millis(span_ms(phrase)?.unsigned_abs())))
}

/// The design's ladders, to the millisecond.
fn retries() -> Retries {
    let exact = |policy: RetryPolicy| RetryPolicy { jitter_percent: 0, ..policy };
    Retries { high: exact(RetryPolicy::high()), normal: exact(RetryPolicy::normal()) }
}

fn channels(settings: &Settings, world: &SharedWorld, clock: &WatchedClock) -> Read<Vec<ChannelRoute>> {
    let provider = |channel: Channel, name: String| {
        let account = settings.account.get(&channel);
        let limit = AccountLimit {
            per_second: account.map_or(1e6, |account| account.per_second),
            burst: account.map_or(10_000, |account| account.burst),
            in_flight: 1_024,
            timeout: Duration::from_secs(10),
        };
        let settings = settings.routes.get(&channel).and_then(|routes| routes.get(&name)).cloned().unwrap_or_default();
        let provider = Arc::new(Recorder { name: name.clone(), world: world.clone(), clock: clock.clone() });
        ProviderRoute { name, provider, limit, settings }
    };
    let route = |channel: &Channel| {
        let mut providers = Vec::new();
        if !settings.no_provider.contains(channel) {
            providers.push(provider(*channel, channel.to_string()));
        }
        if settings.two_providers.contains(channel) {
            providers.push(provider(*channel, format!("{channel}-2")));
        }
        if settings.three_providers.contains(channel) {
            providers.extend([2, 3].map(|number| provider(*channel, format!("{channel}-{number}"))));
        }
        let receipt_after = settings.receipt_after.get(channel).map(|phrase| duration(Some(phrase))).transpose()?;
        let countries = settings.countries.get(channel).cloned().unwrap_or_default();
        Ok(ChannelRoute { countries, receipt_after, ..ChannelRoute::new(*channel, providers, settings.on_unknown) })
    };
    Channel::ALL.iter().map(route).collect()
}

/// Decodes and accepts, as the consumer does; members of topics after that.
pub async fn accept(store: &dyn Store, intake: &EventIntake, originals: Vec<Original>) -> Read<Vec<Accepted>> {
    let decode = |original| {
        decode::from_nats(original, &decode::EventSettings::default())
            .map_err(|why| BadPhrase(format!("an event cannot be read: {}", why.detail)))
    };
    let events = originals.into_iter().map(decode).collect::<Read<Vec<_>>>()?;
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let accepted = intake.accept(&events, None).await.map_err(failed("accepting"))?;
    while store.fan_out().await.map_err(failed("planning members"))? {}
    Ok(accepted)
}

impl Server {
    /// Accepts what has been waiting for it before its worker begins: which of the two is faster is not for a scenario to decide.
    pub fn start(url: &str, settings: &Settings, world: &SharedWorld, clock: &WatchedClock, waiting: Vec<Original>) -> Read<Self> {
        let failed = |what: &str, error: &dyn std::fmt::Display| BadPhrase(format!("{what}: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| failed("the runtime", &e))?;
        let default = SchedulerSettings::default();
        let planner = RulePlanner::new(SchedulerSettings {
            fallback_email: settings.fallback_email,
            duty_grace_s: seconds(settings.duty_grace.as_ref(), default.duty_grace_s)?,
            alert_expiry_s: seconds(settings.alert_expiry.as_ref(), default.alert_expiry_s)?,
            schedules: settings.schedules.clone(),
            escalations: settings.escalations.clone(),
            ..default
        });
        let no_bundles = Bundling { first: 0, ..Bundling::default() };
        let limits = RecipientLimits { rates: settings.recipient.clone(), bundling: settings.bundling.unwrap_or(no_bundles) };
        let options = Options { retries: retries(), limits, ..Options::new(url) };
        let store =
            runtime.block_on(open(&options, Arc::new(planner), Arc::new(clock.clone()))).map_err(|e| failed("opening the database", &e))?;
        let inline = Arc::new(InlineWorkers::default());
        let intake = EventIntake::new(store.clone(), inline.clone());
        runtime.block_on(accept(store.as_ref(), &intake, waiting))?;
        let dispatch = DispatchSettings {
            process_name: "scenario".to_owned(),
            roles: "worker".to_owned(),
            heartbeat: duration(settings.heartbeat.as_ref())?,
            lease: duration(settings.lease.as_ref())?,
            drain: Duration::ZERO,
            retries: retries(),
            callback_base: Some("https://bell.example.org".to_owned()),
            answer_key: AnswerKey::new(&AnswerKey::fresh()),
            tracer: Tracer::default(),
            edit_messages: false,
            shadow: false,
            recheck: None,
            channels: channels(settings, world, clock)?,
        };
        let channels = dispatch.channels.len();
        let renderer = Arc::new(Renderer::new(None).map_err(|e| failed("the templates", &e))?);
        let dispatcher = Dispatcher::new(store.clone(), Arc::new(clock.clone()), renderer, inline, dispatch);
        let calls = dispatcher.calls();
        let stop = CancellationToken::new();
        let retention = Retention { deliveries_days: 90, events_days: 30, dead_letters_days: 30, audit_days: 365, open_alerts_days: 30 };
        let scheduler = Scheduler::new(store.clone(), Arc::new(clock.clone()), retention, false).alone();
        let stopped = stop.clone();
        runtime.spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = scheduler.follow_up() => {}
            }
        });
        let worker = runtime.spawn(dispatcher.run(stop.clone()));
        Ok(Self { runtime, store, intake, clock: clock.clone(), worker, stop, calls, channels })
    }

    /// Does something with the store.
    pub fn with<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Lets everything happen that happens without the clock moving.
    pub fn settle(&self) -> Read<()> {
        self.with(async {
            let settled = tokio::time::timeout(PATIENCE, async {
                // Looks again when the database may have answered; a look is cheap.
                let mut look = tokio::time::interval(Duration::from_micros(300));
                loop {
                    for _ in 0..16 {
                        tokio::task::yield_now().await;
                    }
                    if self.clock.tasks_asleep() == self.channels + PARTS + self.calls.len() {
                        return;
                    }
                    look.tick().await;
                }
            });
            settled.await.map_err(|_| {
                let (asleep, calls) = (self.clock.tasks_asleep(), self.calls.len());
                let channels = self.channels;
                BadPhrase(format!(
                    "the server does not come to rest: {asleep} tasks asleep, {channels} channel workers, {calls} calls under way"
                ))
            })
        })
    }

    /// Lets time pass up to `until`, stopping at every time for which somebody waits.
    pub fn pass(&self, until: Timestamp) -> Read<()> {
        self.settle()?;
        while let Some(next) = self.clock.next_wake().filter(|next| *next <= until) {
            self.clock.set(next);
            self.settle()?;
        }
        self.clock.set(until);
        Ok(())
    }

    /// As SIGTERM does: calls under way are not waited for (the drain time is 0), leases are given back.
    pub fn stop(self) -> Read<()> {
        self.stop.cancel();
        let worker = self.worker;
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, worker).await })
            .map_err(|_| BadPhrase("the worker does not stop".to_owned()))?
            .map_err(|error| BadPhrase(format!("the worker failed: {error}")))
    }

    /// As SIGKILL does: nothing of it runs again.
    pub fn kill(self) {
        drop(self);
    }
}
