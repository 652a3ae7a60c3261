//! The parts of a process, each started by one method.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_api::metrics::{MetricsSettings, MetricsSource};
use watchbell_api::{Api, ApiSettings};
use watchbell_channels::dispatch::{ChannelRoute, DispatchSettings, Dispatcher};
use watchbell_channels::inline::{EventIntake, InlineWorkers};
use watchbell_channels::render::Renderer;
use watchbell_channels::trial::ProviderTrials;
use watchbell_core::Clock;
use watchbell_core::answer_key::AnswerKey;
use watchbell_ingest::{Connection, Ingest};
use watchbell_oidc::SignOn;
use watchbell_providers::http::Http;
use watchbell_providers::settings::CommonSettings;
use watchbell_scheduler::{Retention, Scheduler};
use watchbell_store::{Retries, Store};
use watchbell_traces::Tracer;

use super::presence::Presence;
use super::providers::Providers;
use super::{Error, broker, calendars, canary, health, metrics, providers, silences, sink, watchdog};
use crate::config::{Config, Role};

/// How late a process may notice what another one made due, when a wake-up was missed.
const RECHECK: Duration = Duration::from_secs(1);

/// What the parts of a process have in common while they start.
pub(super) struct Starting<'a> {
    pub config: &'a Config,
    pub roles: &'a BTreeSet<Role>,
    pub process: Presence,
    pub store: Arc<dyn Store>,
    pub intake: Arc<EventIntake>,
    pub tracer: Tracer,
    pub clock: Arc<dyn Clock>,
    pub renderer: Arc<Renderer>,
    pub providers: &'a Providers,
    pub broker: Option<Connection>,
    /// Where whoever connects is served.
    pub front: Handle,
    pub parts: TaskTracker,
    /// Of outcomes: they go on until every part has ended.
    pub publishers: TaskTracker,
    pub done: CancellationToken,
    pub stop: CancellationToken,
}

impl Starting<'_> {
    /// What goes between this process and others, and, with the role, how events come in.
    pub fn broker(&self, metrics: &mut metrics::Collecting) {
        self.parts.spawn(broker::share_wakes(self.store.clone(), self.broker.clone(), self.stop.clone()));
        let has_ingest = self.roles.contains(&Role::Ingest);
        let Some(broker) = &self.broker else {
            if has_ingest {
                tracing::warn!("nats.url is empty: events come over HTTP only");
            }
            return;
        };
        metrics.broker(broker);
        self.publishers.spawn(broker::publish_moves(self.store.wakes().moved(), self.broker_traces(), broker.clone(), self.done.clone()));
        self.parts.spawn(broker::publish_answers(
            self.store.clone(),
            self.broker_traces(),
            broker.clone(),
            self.clock.clone(),
            self.stop.clone(),
        ));
        if has_ingest {
            let sink = Arc::new(sink::StoreSink::new(self.store.clone(), self.intake.clone(), broker.clone()));
            let settings = self.config.event_settings();
            let ingest = Ingest::new(broker.clone(), &self.config.nats, settings, sink, self.clock.clone());
            self.parts.spawn(ingest.run(self.stop.clone()));
        }
    }

    fn broker_traces(&self) -> broker::Traces {
        broker::Traces { store: self.store.clone(), tracer: self.tracer.clone() }
    }

    pub fn scheduler(&self) {
        let kept = &self.config.retention;
        let retention = Retention {
            deliveries_days: i64::from(kept.deliveries_days),
            events_days: i64::from(kept.events_days),
            dead_letters_days: i64::from(kept.dead_letters_days),
            audit_days: i64::from(kept.audit_days),
            open_alerts_days: i64::from(kept.open_alerts_days),
        };
        let is_alone = self.config.database.is_sqlite();
        let looks = is_alone || !self.roles.contains(&Role::Worker);
        let scheduler = Scheduler::new(self.store.clone(), self.clock.clone(), retention, looks);
        let scheduler = if is_alone { scheduler.alone() } else { scheduler };
        let stop = self.stop.clone();
        self.parts.spawn(async move { scheduler.run(stop).await });
    }

    /// Reads calendars.
    ///
    /// # Errors
    /// What asks for them cannot be made.
    pub fn calendars(&self, metrics: &mut metrics::Collecting) -> Result<(), Error> {
        let counted = calendars::CalendarMetrics::default();
        counted.register(&mut metrics.registry);
        for (name, settings) in &self.config.calendars {
            let parts = (self.store.clone(), self.intake.clone(), self.clock.clone());
            let calendar = calendars::Calendar::new(name, settings, parts, counted.clone())
                .map_err(|error| Error::Setting { table: format!("calendars.{name}"), error })?;
            if let Some(calendar) = calendar {
                self.parts.spawn(calendar.run(self.stop.clone()));
            }
        }
        Ok(())
    }

    /// Has monitoring tools be silent about what somebody has.
    ///
    /// # Errors
    /// What asks them cannot be made.
    pub fn silences(&self, metrics: &mut metrics::Collecting) -> Result<(), Error> {
        let counted = silences::SilenceMetrics::default();
        counted.register(&mut metrics.registry);
        let tools = silences::tools(self.config).map_err(|error| Error::Setting { table: "intake".to_owned(), error })?;
        if !self.config.shadow {
            let parts = (self.store.clone(), self.intake.clone(), self.clock.clone());
            self.parts.spawn(silences::Silencer::new(tools, parts, counted).run(self.stop.clone()));
        }
        Ok(())
    }

    pub fn worker(
        &self,
        channels: Vec<ChannelRoute>,
        inline: Arc<InlineWorkers>,
        retries: Retries,
        answer_key: AnswerKey,
        metrics: &mut metrics::Collecting,
    ) {
        let process = self.process.clone();
        let settings = DispatchSettings {
            process_name: process.name,
            roles: process.roles,
            heartbeat: process.heartbeat,
            lease: process.lease,
            drain: Duration::from_secs(u64::from(self.config.worker.drain_s)),
            retries,
            callback_base: self.config.http.public_url().map(str::to_owned),
            answer_key,
            tracer: self.tracer.clone(),
            edit_messages: self.config.answers.edit_messages,
            shadow: self.config.shadow,
            recheck: (!self.config.database.is_sqlite()).then_some(RECHECK),
            channels,
        };
        let dispatcher = Dispatcher::new(self.store.clone(), self.clock.clone(), self.renderer.clone(), inline, settings);
        dispatcher.metrics().register(&mut metrics.registry);
        if let Some(broker) = &self.broker {
            self.publishers.spawn(broker::publish_outcomes(dispatcher.progress(), self.tracer.clone(), broker.clone(), self.done.clone()));
        }
        self.parts.spawn(dispatcher.run(self.stop.clone()));
    }

    /// Who sends synthetic events, by itself where that is wanted.
    pub fn canaries(&self) -> Arc<canary::Canaries> {
        let canaries = Arc::new(canary::Canaries {
            store: self.store.clone(),
            intake: self.intake.clone(),
            clock: self.clock.clone(),
            broker: self.broker.clone(),
        });
        if self.config.canary.every_s > 0 && self.roles.contains(&Role::Scheduler) {
            let every = Duration::from_secs(u64::from(self.config.canary.every_s));
            self.parts.spawn(canaries.clone().run(self.process.name.clone(), every, self.stop.clone()));
        }
        canaries
    }

    /// # Errors
    /// What calls the monitor cannot be made.
    pub fn watchdog(&self, metrics: &mut metrics::Collecting) -> Result<(), Error> {
        let (config, counted) = (&self.config.watchdog, watchdog::WatchdogMetrics::default());
        counted.register(&mut metrics.registry);
        let configured = watchdog::configured(self.config);
        let takes_events = if self.broker.is_some() { Role::Ingest } else { Role::Api };
        if let Some(url) = config.url().filter(|_| self.roles.contains(&takes_events)) {
            let http = Http::new(&CommonSettings::default()).map_err(|error| Error::Setting { table: "watchdog".to_owned(), error })?;
            let switch = watchdog::Switch {
                store: self.store.clone(),
                clock: self.clock.clone(),
                broker: self.broker.clone(),
                configured: configured.clone(),
                http,
                url,
                every: Duration::from_secs(u64::from(config.every_s)),
                metrics: counted.clone(),
            };
            self.parts.spawn(switch.run(self.stop.clone()));
        }
        if !config.contacts().is_empty() && !self.config.shadow {
            let teller = watchdog::Teller {
                store: self.store.clone(),
                clock: self.clock.clone(),
                trials: self.trials(),
                contacts: config.contacts(),
                configured,
                high_late: Duration::from_secs(u64::from(config.high_late_s)),
                process: self.process.name.clone(),
                metrics: counted,
            };
            self.parts.spawn(teller.run(self.stop.clone()));
        }
        Ok(())
    }

    /// By what people sign in beside keys; nobody is asked anything yet.
    ///
    /// # Errors
    /// What asks the provider cannot be made.
    pub fn sign_on(&self) -> Result<Option<Arc<SignOn>>, Error> {
        let Some(settings) = self.config.oidc.settings() else { return Ok(None) };
        let common = CommonSettings { ca_file: self.config.oidc.ca_file(), ..CommonSettings::default() };
        let http = Http::new(&common).map_err(|error| Error::Setting { table: "oidc".to_owned(), error })?;
        Ok(Some(Arc::new(SignOn::new(settings, http, self.clock.clone()))))
    }

    fn trials(&self) -> ProviderTrials {
        let routes = providers::trial_routes(self.config, self.providers);
        ProviderTrials::new(self.store.clone(), self.clock.clone(), self.renderer.clone(), routes)
    }

    /// Serves what was collected where there is a listener for that; the API's settings, by which the API does too.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn metrics(
        &self,
        collected: metrics::Collecting,
        listener: Option<TcpListener>,
        settings: ApiSettings,
    ) -> Result<(ApiSettings, Option<SocketAddr>), Error> {
        let source: Arc<dyn MetricsSource> = Arc::new(collected.done(self.store.clone(), self.clock.clone(), self.config));
        let settings = ApiSettings {
            renderer: self.renderer.clone(),
            tracer: self.tracer.clone(),
            trials: Some(Arc::new(self.trials())),
            metrics: Some(MetricsSettings { source: source.clone(), is_open: self.config.metrics.open }),
            ..settings
        };
        let address = listener.as_ref().map(TcpListener::local_addr).transpose().map_err(Error::Http)?;
        if let Some(listener) = listener {
            self.parts.spawn_on(serve_metrics(listener, source, settings.clone(), self.stop.clone()), &self.front);
        }
        Ok((settings, address))
    }

    /// Serves the API, and takes mails.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn api(
        self,
        listener: TcpListener,
        mail_listeners: Vec<(String, TcpListener)>,
        settings: ApiSettings,
    ) -> Result<(SocketAddr, JoinHandle<std::io::Result<()>>), Error> {
        let address = listener.local_addr().map_err(Error::Http)?;
        let health = Arc::new(health::ProcessHealth::new(self.config, self.broker));
        let api = Api::new(self.store, self.intake, self.clock, health, settings);
        if !self.config.shadow {
            watchbell_api::callbacks::listen(&api, &self.parts, &self.stop);
        }
        for (intake, listener) in mail_listeners {
            self.parts.spawn_on(watchbell_api::serve_mails(listener, api.clone(), intake, self.stop.clone()), &self.front);
        }
        let stop = self.stop;
        Ok((address, self.front.spawn(async move { watchbell_api::serve(listener, &api, stop).await })))
    }
}

/// Connections to the listener of the metrics; who reads them has one or two.
const METRICS_CONNECTIONS: usize = 16;

/// Serves `/metrics` on a listener of its own. Where that ends, everything else goes on.
async fn serve_metrics(listener: TcpListener, source: Arc<dyn MetricsSource>, settings: ApiSettings, stop: CancellationToken) {
    let settings = ApiSettings { connections: METRICS_CONNECTIONS, connections_per_address: METRICS_CONNECTIONS, ..settings };
    if let Err(error) = watchbell_api::serve_routes(listener, watchbell_api::metrics::exposed(source), &settings, stop).await {
        tracing::error!(%error, "metrics are not served any more");
    }
}
