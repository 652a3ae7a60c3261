//! Wires the roles of one process together and runs them until it is told to stop.
//!
//! Everything meets in the store; the broker carries events in, wake-ups between processes, and outcomes out. At the end the
//! API and the consumers stop first, then calls in flight end and leases are given back, then the store closes.

mod broker;
mod calendars;
mod canary;
mod descriptors;
mod front;
mod health;
mod metrics;
mod presence;
mod providers;
mod silences;
mod sink;
mod starting;
mod traces;
mod watchdog;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_api::{ApiSettings, TrustedProxies};
use watchbell_channels::in_app::CanaryMetrics;
use watchbell_channels::inline::{EventIntake, InlineWorkers};
use watchbell_channels::render::{RenderError, Renderer};
use watchbell_core::answer_key::AnswerKey;
use watchbell_core::{Channel, Clock, Secret, SharedClock, SystemClock};
use watchbell_ingest::{Connection, NatsError};
use watchbell_providers::settings::SettingError;
use watchbell_scheduler::{RulePlanner, SchedulerSettings};
use watchbell_store::throttle::RecipientLimits;
use watchbell_store::{Retries, Store, StoreError};

use self::front::Front;
use self::starting::Starting;
use crate::config::{self, Config, Role};

/// Why a server could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Nats(#[from] NatsError),
    #[error("cannot listen on {address}: {error}; choose another {setting}")]
    Listen { setting: String, address: String, error: std::io::Error },
    #[error("templates.dir: {0}")]
    Templates(#[from] RenderError),
    /// `table` is its whole name in the configuration.
    #[error("{table}: {error}")]
    Setting { table: String, error: SettingError },
    #[error("the HTTP server ended: {0}")]
    Http(std::io::Error),
    #[error("cannot start threads for requests: {0}")]
    Threads(std::io::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    #[error("a part of the server ended unexpectedly: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Runs `roles` until SIGTERM or SIGINT; a worker among them serves `channels`, all if empty.
///
/// # Errors
/// What is needed to start is missing; the text is one line for the operator.
pub async fn run(config: Config, roles: BTreeSet<Role>, channels: BTreeSet<Channel>) -> Result<(), Error> {
    let stop = CancellationToken::new();
    let signals = signals(stop.clone())?;
    // Processes on one database go by its clock.
    let clock: Arc<dyn Clock> = if config.database.is_sqlite() { Arc::new(SystemClock) } else { Arc::new(SharedClock::default()) };
    let server = Server::start(config, roles, channels, clock, stop).await?;
    let ended = server.ended().await;
    signals.abort();
    ended
}

fn signals(stop: CancellationToken) -> Result<tokio::task::JoinHandle<()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    Ok(tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: nothing more is claimed, what is in flight is finished");
        stop.cancel();
    }))
}

/// A running process of Watchbell.
pub struct Server {
    /// Where the API listens; None without that role.
    pub address: Option<SocketAddr>,
    /// Where `/metrics` has a listener of its own.
    pub metrics_address: Option<SocketAddr>,
    pub store: Arc<dyn Store>,
    /// The first admin key, when one was made because there was none.
    pub first_key: Option<Secret>,
    stop: CancellationToken,
    http: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    parts: TaskTracker,
    /// Of outcomes: they go on until every part has ended, as calls in flight end while the others stop.
    publishers: TaskTracker,
    done: CancellationToken,
    broker: Option<Connection>,
    /// Kept until everything has ended.
    _front: Front,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts the roles; returns when the API listens and everything else is under way.
    ///
    /// # Errors
    /// As [`run`]; then nothing was left running.
    pub async fn start(
        config: Config,
        roles: BTreeSet<Role>,
        channels: BTreeSet<Channel>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        let has = |role| roles.contains(&role);
        let renderer = Arc::new(Renderer::new(config.templates.dir())?.with_sms_parts(config.templates.sms_parts()));
        let built = providers::build(&config, &clock)?;
        let mut routes = providers::routes(&config, &built);
        // A shadow hears nothing from providers either: whoever asks for what is said there takes it from who is served.
        let inbound = if config.shadow { ApiSettings::default().inbound } else { providers::inbound(&config)? };
        // The port first: a process that cannot serve must not begin to send.
        let listener = if has(Role::Api) { Some(listen("http.listen", &config.http.listen).await?) } else { None };
        let mail_listeners = if has(Role::Api) { listen_for_mails(&config).await? } else { Vec::new() };
        let metrics_listener = match config.metrics.listen() {
            Some(address) => Some(listen("metrics.listen", address).await?),
            None => None,
        };
        let mut metrics = metrics::Collecting::new(&roles, &clock);
        let options = store_options(&config, &roles);
        options.metrics.register(&mut metrics.registry);
        let store = watchbell_store::open(&options, Arc::new(RulePlanner::new(planner_settings(&config))), clock.clone()).await?;
        let canary_metrics = CanaryMetrics::default();
        routes.push(providers::in_app(&config, &store, canary_metrics.clone()));
        store.ensure_categories(&config.messaging.categories).await?;
        let configured_key = Some(&config.admin_key).filter(|key| !key.is_empty());
        let answer_key = answer_key(&config, store.as_ref()).await?;
        let first_key = watchbell_api::bootstrap_admin_key(store.as_ref(), configured_key).await?;
        show_first_key(first_key.as_ref());
        if config.shadow {
            tracing::warn!("this is a shadow: everything is planned and shown, and nothing is sent");
        }
        providers::say_what_is_missing(&config);
        providers::say_what_is_exposed(&config);

        let broker = if config.nats.url.trim().is_empty() { None } else { Some(Connection::open(&config.nats).await?) };
        let inline = Arc::new(InlineWorkers::default());
        let process = presence::Presence::of(&config, &roles);
        let (tracer, exporter) = traces::of(&config, &process, &clock, &mut metrics)?;
        let intake = Arc::new(EventIntake::new(store.clone(), inline.clone()).traced(tracer.clone()));
        intake.metrics().register(&mut metrics.registry);
        let front = Front::new().map_err(Error::Threads)?;
        let (parts, publishers, done) = (TaskTracker::new(), TaskTracker::new(), CancellationToken::new());
        let starting = Starting {
            process,
            config: &config,
            roles: &roles,
            store: store.clone(),
            intake,
            tracer,
            clock,
            renderer,
            providers: &built,
            broker: broker.clone(),
            front: front.threads().clone(),
            parts: parts.clone(),
            publishers: publishers.clone(),
            done: done.clone(),
            stop: stop.clone(),
        };
        if let Some(exporter) = exporter {
            publishers.spawn(exporter.run(done.clone()));
        }
        starting.broker(&mut metrics);
        if has(Role::Scheduler) {
            starting.scheduler();
            starting.calendars(&mut metrics)?;
            starting.silences(&mut metrics)?;
        }
        if has(Role::Worker) {
            routes.retain(|route| channels.is_empty() || channels.contains(&route.channel));
            starting.worker(routes, inline, options.retries, answer_key.clone(), &mut metrics);
            canary_metrics.register(&mut metrics.registry);
        } else {
            let Starting { process, store, clock, .. } = &starting;
            parts.spawn(process.clone().show(store.clone(), clock.clone(), stop.clone()));
        }
        let canaries = starting.canaries();
        starting.watchdog(&mut metrics)?;
        let sign_on = if has(Role::Api) { starting.sign_on()? } else { None };
        let settings = ApiSettings { inbound, answer_key, canary: Some(canaries), sign_on, ..api_settings(&config) };
        let (settings, metrics_address) = starting.metrics(metrics, metrics_listener, settings)?;
        let (address, http) = match listener {
            Some(listener) => {
                let (address, http) = starting.api(listener, mail_listeners, settings)?;
                (Some(address), Some(http))
            }
            None => (None, None),
        };
        parts.close();
        publishers.close();
        Ok(Self { address, metrics_address, store, first_key, stop, http, parts, publishers, done, broker, _front: front })
    }

    /// Tells every part to stop, and waits until they have.
    ///
    /// # Errors
    /// The HTTP server failed before.
    pub async fn stop(self) -> Result<(), Error> {
        self.stop.cancel();
        self.ended().await
    }

    /// Waits until the server was told to stop and has stopped.
    ///
    /// # Errors
    /// The HTTP server failed.
    pub async fn ended(self) -> Result<(), Error> {
        let http = match self.http {
            Some(http) => http.await?.map_err(Error::Http),
            None => Ok(()),
        };
        // An HTTP server that failed takes the rest down in order.
        if http.is_err() {
            self.stop.cancel();
        }
        self.parts.wait().await;
        self.done.cancel();
        self.publishers.wait().await;
        if let Some(broker) = &self.broker {
            broker.flush().await;
        }
        http
    }
}

fn planner_settings(config: &Config) -> SchedulerSettings {
    SchedulerSettings {
        fallback_email: config.scheduler.fallback_email,
        duty_grace_s: i64::from(config.scheduler.duty_grace_s),
        alert_expiry_s: i64::from(config.scheduler.alert_expiry_s),
        daily_digest_at: config.scheduler.daily_digest_at(),
        schedules: config.schedules.clone(),
        escalations: config.escalations.clone(),
        silences: silences::sources(config),
    }
}

/// How the database is opened for a process with these roles.
pub fn store_options(config: &Config, roles: &BTreeSet<Role>) -> watchbell_store::Options {
    watchbell_store::Options {
        url: config.database.url.clone(),
        max_connections: config.database.max_connections,
        api_connections: if roles.contains(&Role::Api) { config.database.api_connections } else { 0 },
        retries: Retries { high: config.retry.high.clone(), normal: config.retry.normal.clone() },
        limits: RecipientLimits { rates: config.limits.recipient.clone(), bundling: config.bundling },
        quotas: config.limits.user,
        verification: config.verification.clone(),
        traces: config.traces.sample(),
        metrics: watchbell_store::DatabaseMetrics::default(),
    }
}

/// What tokens of links and buttons are made with: what the operator set, or what the first process made up for all.
async fn answer_key(config: &Config, store: &dyn Store) -> Result<AnswerKey, StoreError> {
    match config.answers.key() {
        Some(key) => Ok(AnswerKey::new(key)),
        None => Ok(AnswerKey::new(&Secret::new(store.setting_or("answers.key", AnswerKey::fresh().expose()).await?))),
    }
}

async fn listen(setting: &str, address: &str) -> Result<TcpListener, Error> {
    let (setting, address) = (setting.to_owned(), address.to_owned());
    TcpListener::bind(&address).await.map_err(|error| Error::Listen { setting, address, error })
}

/// Of each intake that takes mails, by its name.
async fn listen_for_mails(config: &Config) -> Result<Vec<(String, TcpListener)>, Error> {
    let mut listeners = Vec::new();
    for (name, intake) in config.intake.iter().filter(|(_, intake)| !intake.listen.is_empty()) {
        listeners.push((name.clone(), listen(&format!("intake.{name}.listen"), &intake.listen).await?));
    }
    Ok(listeners)
}

#[expect(clippy::print_stderr, reason = "shown once to whoever starts the first process; a log line would be kept by log collectors")]
fn show_first_key(key: Option<&Secret>) {
    if let Some(key) = key {
        eprintln!("The first admin key, shown this once: {}", key.expose());
    }
}

/// Requests that read, and requests that change something, which are at the database at once: on PostgreSQL those that have
/// a connection. SQLite has one writer for all: beyond one request that writes and one that comes next, they would only stand
/// before the workers in its queue.
fn at_once(database: &config::Database) -> (usize, usize) {
    let count = |connections| usize::try_from(connections).unwrap_or(usize::MAX);
    let api = count(database.api_connections);
    if database.is_sqlite() { (count(database.max_connections), 2) } else { (api, api) }
}

fn api_settings(config: &Config) -> ApiSettings {
    let networks = config.http.trusted_proxies();
    let (reads_at_once, changes_at_once) = at_once(&config.database);
    ApiSettings {
        public_url: config.http.public_url().map(str::to_owned),
        errors_url: config.http.errors_url().map(str::to_owned),
        body_limit_bytes: config.http.body_limit_bytes,
        request_timeout: Duration::from_secs(u64::from(config.http.request_timeout_s)),
        key_per_minute: config.http.rate_limit.key_per_minute,
        oncall_key_per_minute: config.http.rate_limit.oncall_key_per_minute,
        application_key_per_minute: config.http.rate_limit.application_key_per_minute,
        own_key_per_minute: config.http.rate_limit.own_key_per_minute,
        address_per_minute: config.http.rate_limit.address_per_minute,
        failures_per_minute: config.http.rate_limit.failures_per_minute,
        requests_per_key: config.http.requests_per_key,
        reads_at_once,
        changes_at_once,
        streams_per_user: config.http.streams_per_user,
        session_s: i64::from(config.http.session_hours) * 3_600,
        connections: descriptors::for_connections(config.http.connections),
        connections_per_address: config.http.connections_per_address,
        write_timeout: Duration::from_secs(u64::from(config.http.write_timeout_s)),
        events: config.event_settings(),
        intakes: crate::config::intake::all(&config.intake),
        trusted_proxies: TrustedProxies::new(move |address| networks.iter().any(|network| network.contains(address))),
        chat_link: providers::chat_link(config),
        contact_keys: providers::contact_keys(config),
        contact_reach: providers::contact_reach(config),
        push_reach: providers::push_reach(config),
        push_key: providers::push_key(config),
        ..ApiSettings::default()
    }
}
