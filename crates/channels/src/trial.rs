//! Trying a provider before it matters: one marked message straight through it, and what it answers.
//!
//! A trial is no delivery: no row says what became of it, and no receipt is asked for. It counts as a call all the same: for the
//! day's budget, the countries that are written to, and how calls ended. What trials may cost beside that is bounded by
//! [`TRIALS_PER_MINUTE`], in each process that is asked for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchbell_core::event::{EventData, SubscriptionData};
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, DeliveryId, Reason, Timestamp};
use watchbell_store::queue::Budget;
use watchbell_store::{StoreError, WorkerStore};

pub use crate::dispatch::address;
use crate::dispatch::tally::tally;
use crate::dispatch::{ChannelRoute, ProviderRoute, check_country};
use crate::provider::{Address, Outgoing};
use crate::render::{MessageKind, Reader, RenderContext, Renderer};

/// Trials of all providers together, in each process.
pub const TRIALS_PER_MINUTE: usize = 10;

/// Tries the providers that this process's configuration has.
#[derive(Debug)]
pub struct ProviderTrials {
    store: Arc<dyn WorkerStore>,
    clock: Arc<dyn Clock>,
    renderer: Arc<Renderer>,
    channels: Vec<ChannelRoute>,
    /// When the last ones began, the oldest first.
    begun: Mutex<VecDeque<Timestamp>>,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialResult {
    pub report: Report,
    pub message_id: Option<String>,
    pub latency_ms: i64,
}

impl TrialResult {
    /// Whether the provider took the message.
    pub fn is_taken(&self) -> bool {
        matches!(self.report.outcome, Outcome::Accepted { .. })
    }
}

/// Why a provider was not called.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error("{TRIALS_PER_MINUTE} trials a minute are made; try again in {retry_s} s")]
    TooMany { retry_s: u64 },
    /// For what it would cost, or where it would go.
    #[error("{0}")]
    Refused(Reason),
    /// The provider takes other addresses.
    #[error("the provider does not take this kind of address")]
    Address,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ProviderTrials {
    pub fn new(store: Arc<dyn WorkerStore>, clock: Arc<dyn Clock>, renderer: Arc<Renderer>, channels: Vec<ChannelRoute>) -> Self {
        Self { store, clock, renderer, channels, begun: Mutex::default() }
    }

    /// Every provider of the configuration with each channel that it could serve, used or not.
    pub fn routes(&self) -> impl Iterator<Item = (Channel, &ProviderRoute)> {
        self.channels.iter().flat_map(|route| route.providers.iter().map(|provider| (route.channel, provider)))
    }

    /// The channels by which a provider can be tried; none where this process's configuration does not have it.
    pub fn channels_of(&self, provider: &str) -> Vec<Channel> {
        self.routes().filter(|(_, route)| route.name == provider).map(|(channel, _)| channel).collect()
    }

    /// Sends the test message.
    ///
    /// # Errors
    /// The provider was not called.
    pub async fn send(&self, provider: &str, channel: Channel, to: Address, locale: &str) -> Result<TrialResult, TrialError> {
        self.send_as(provider, channel, to, locale, None).await
    }

    /// Tells operators something about Watchbell itself, in English: what keeps Watchbell from sending does not keep this up.
    ///
    /// # Errors
    /// The provider was not called.
    pub async fn tell(
        &self,
        provider: &str,
        channel: Channel,
        to: Address,
        title: String,
        text: String,
    ) -> Result<TrialResult, TrialError> {
        let news = SubscriptionData { title, message: text, ..SubscriptionData::default() };
        self.send_as(provider, channel, to, "en", Some(EventData::Subscription(news))).await
    }

    async fn send_as(
        &self,
        provider: &str,
        channel: Channel,
        to: Address,
        locale: &str,
        event: Option<EventData>,
    ) -> Result<TrialResult, TrialError> {
        let of_channel = self.channels.iter().find(|route| route.channel == channel);
        let found = of_channel.and_then(|route| Some((route, route.providers.iter().find(|route| route.name == provider)?)));
        let Some((of_channel, route)) = found else {
            return Err(TrialError::Refused(Reason::NoProvider { channel }));
        };
        if !route.provider.takes(&to) {
            return Err(TrialError::Address);
        }
        check_country(&of_channel.countries, &to).map_err(|country| TrialError::Refused(Reason::CountryNotAllowed { channel, country }))?;
        let now = self.clock.now();
        self.take_turn(now)?;
        self.spend(channel, route, now).await?;
        let message = self.message(channel, to, locale, event, now);
        // The provider's own client gives up before this, though it may make a few requests for one message.
        let report = tokio::select! {
            report = route.provider.send(&message) => report,
            () = self.clock.sleep(route.limit.timeout * 2) => Report::new(Outcome::Unknown, "timeout".to_owned()),
        };
        let ended_at = self.clock.now();
        // What the provider said is the answer, whether or not it could be counted.
        if let Err(error) = self.store.note_calls(&[tally(channel, provider, &report, ended_at)]).await {
            tracing::warn!(provider, error = watchbell_core::error_chain(&error), "a trial could not be counted");
        }
        let message_id = if let Outcome::Accepted { message_id } = &report.outcome { message_id.clone() } else { None };
        Ok(TrialResult { message_id, latency_ms: ended_at.ms_since(now), report })
    }

    fn take_turn(&self, now: Timestamp) -> Result<(), TrialError> {
        const MINUTE: Duration = Duration::from_mins(1);
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|at| now - *at < MINUTE);
        match begun.front() {
            Some(first) if begun.len() >= TRIALS_PER_MINUTE => {
                Err(TrialError::TooMany { retry_s: (MINUTE.saturating_sub(now - *first)).as_secs() + 1 })
            }
            _ => {
                begun.push_back(now);
                Ok(())
            }
        }
    }

    async fn spend(&self, channel: Channel, route: &ProviderRoute, now: Timestamp) -> Result<(), TrialError> {
        let Some(per_day) = route.settings.max_per_day else { return Ok(()) };
        let budget = Budget { channel, provider: route.name.clone(), day: now.utc_day(), calls: i64::from(per_day) };
        if self.store.take_calls(&budget, 1).await? > 0 {
            return Ok(());
        }
        self.store.note_refused(&[budget], 1).await?;
        Err(TrialError::Refused(Reason::SpendUsedUp { channel, providers: vec![route.name.clone()] }))
    }

    fn message(&self, channel: Channel, to: Address, locale: &str, event: Option<EventData>, now: Timestamp) -> Outgoing {
        let kind = if event.is_some() { MessageKind::Subscription } else { MessageKind::Test };
        let context = RenderContext {
            event: event.map(Arc::new),
            items: Vec::new(),
            reader: Arc::new(Reader { name: String::new(), locale: locale.to_owned(), timezone: "UTC".to_owned() }),
            now,
            due_at: None,
            is_fallback: false,
            named_as: None,
            answer: None,
            hears_replies: false,
        };
        let rendered = self.renderer.render_for(channel, kind, &context);
        for problem in &rendered.problems {
            tracing::warn!(error = %problem, "message.render fell back to a plain sentence");
        }
        let id = DeliveryId::derive(now, &["trial", &watchbell_core::ids::public_id('T')]);
        Outgoing::of_no_event(id, channel, to, kind.folder(), rendered.content, now)
    }
}
