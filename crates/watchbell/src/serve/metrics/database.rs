//! What the database knows: asked when somebody wants to know, not more often than it changes much, and not for long.
//!
//! Every process tells the same of it, so whoever adds processes up takes the highest value of them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use tokio::time::{Instant, timeout};
use watchbell_core::{Channel, Clock, Timestamp, error_chain};
use watchbell_metrics::collector::Collector;
use watchbell_metrics::encoding::DescriptorEncoder;
use watchbell_metrics::write_gauges;
use watchbell_store::overview::{Overview, Waiting};
use watchbell_store::queue::Spent;
use watchbell_store::{Store, StoreError};

use crate::config::Config;

/// For so long an answer counts, however often somebody asks.
const FRESH: Duration = Duration::from_secs(3);
/// Whoever asks waits no longer for the database: Prometheus gives up after ten seconds by default.
const WITHIN: Duration = Duration::from_secs(2);

pub struct DatabaseState {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Calls that providers may make in a day, by channel and provider.
    budgets: Vec<(RouteLabels, u32)>,
    /// When it was last asked; whoever asks meanwhile waits for that.
    asked_at: tokio::sync::Mutex<Option<Instant>>,
    /// None where it did not answer.
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    at: Timestamp,
    overview: Overview,
    spent: Vec<Spent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    channel: &'static str,
    rank: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabels {
    channel: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    channel: &'static str,
    provider: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct ProcessLabels {
    roles: String,
    version: String,
}

type NoLabels = [(&'static str, &'static str); 0];
const NONE: NoLabels = [];

impl fmt::Debug for DatabaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseState").finish_non_exhaustive()
    }
}

impl DatabaseState {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, config: &Config) -> Self {
        let of_channel = |(channel, settings): (&Channel, &crate::config::ChannelSettings)| {
            let channel = channel.as_str();
            let limited = settings.routes.iter().filter_map(|(provider, route)| Some((provider.clone(), route.max_per_day?)));
            limited.map(|(provider, calls)| (RouteLabels { channel, provider }, calls)).collect::<Vec<_>>()
        };
        let budgets = config.channels.iter().flat_map(of_channel).collect();
        Self { store, clock, budgets, asked_at: tokio::sync::Mutex::default(), known: Mutex::default() }
    }

    /// Sees to it that what is known is fresh, or known not to be known.
    pub async fn look(&self) {
        let mut asked_at = self.asked_at.lock().await;
        if asked_at.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        let known = match timeout(WITHIN, self.ask()).await {
            Ok(Ok(known)) => Some(known),
            Ok(Err(error)) => {
                tracing::debug!(error = error_chain(&error), "how things stand is not known: the database does not say");
                None
            }
            Err(_) => {
                tracing::debug!("how things stand is not known: the database did not answer in time");
                None
            }
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        // From now on: a database that hangs is asked as seldom as one that answers.
        *asked_at = Some(Instant::now());
    }

    async fn ask(&self) -> Result<Known, StoreError> {
        let at = self.clock.now();
        let spent = if self.budgets.is_empty() { Vec::new() } else { self.store.spent(at.utc_day()).await? };
        Ok(Known { at, overview: self.store.overview().await?, spent })
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
impl Collector for DatabaseState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let up = f64::from(u8::from(known.is_some()));
        write_gauges(&mut encoder, ("watchbell_database_up", "1 while the database answers."), [(NONE, up)])?;
        let budgets = self.budgets.iter().map(|(route, calls)| (route.clone(), f64::from(*calls)));
        write_gauges(&mut encoder, ("watchbell_provider_calls_allowed_today", "Calls that the provider may make in a day, UTC."), budgets)?;
        let Some(Known { at, overview, spent }) = known else { return Ok(()) };
        let spent =
            spent.into_iter().map(|spent| (RouteLabels { channel: spent.channel.as_str(), provider: spent.provider }, spent.calls as f64));
        write_gauges(
            &mut encoder,
            ("watchbell_provider_calls_taken_today", "Calls of this day, UTC, that were made or are reserved."),
            spent,
        )?;
        let waiting = |value: fn(&Waiting) -> i64| {
            let labels = |waiting: &Waiting| QueueLabels { channel: waiting.channel.as_str(), rank: waiting.rank.as_str() };
            overview.waiting.iter().map(move |waiting| (labels(waiting), value(waiting) as f64)).collect::<Vec<_>>()
        };
        let all = "Deliveries that wait for their time or for a slot; held: by quiet hours or a digest. Counted up to 100000.";
        write_gauges(&mut encoder, ("watchbell_queue_deliveries", all), waiting(|waiting| waiting.deliveries))?;
        let due = "Deliveries that wait though their time has come. Counted up to 100000.";
        write_gauges(&mut encoder, ("watchbell_queue_due_deliveries", due), waiting(|waiting| waiting.due))?;
        let oldest = overview.waiting.iter().map(|waiting| {
            let labels = QueueLabels { channel: waiting.channel.as_str(), rank: waiting.rank.as_str() };
            (labels, waiting.due_since.map_or(0.0, |since| at.ms_since(since).max(0) as f64 / 1_000.0))
        });
        write_gauges(&mut encoder, ("watchbell_queue_oldest_due_seconds", "For how long the first of those has been due."), oldest)?;
        let sending =
            overview.sending.iter().map(|sending| (ChannelLabels { channel: sending.channel.as_str() }, sending.deliveries as f64));
        write_gauges(&mut encoder, ("watchbell_sending_deliveries", "Deliveries that all processes are sending."), sending)?;
        let letters = [(NONE, overview.dead_letters as f64)];
        write_gauges(&mut encoder, ("watchbell_dead_letters_open", "Dead letters that were not replayed. Counted up to 100000."), letters)?;
        let users = [(NONE, overview.unreachable as f64)];
        write_gauges(&mut encoder, ("watchbell_unreachable_users", "Users whom an event of the last 24 hours did not reach."), users)?;
        let mut processes = std::collections::BTreeMap::<ProcessLabels, f64>::new();
        for process in overview.processes {
            *processes.entry(ProcessLabels { roles: process.roles, version: process.version }).or_default() += 1.0;
        }
        write_gauges(&mut encoder, ("watchbell_processes", "Processes that live."), processes)
    }
}
