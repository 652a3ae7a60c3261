//! Watching Watchbell itself: a dead man's switch for an outside monitor, and news for operators.
//!
//! The switch: as long as this process reads events, the database commits, and every channel of the configuration has a provider
//! that is up, a URL is called. Whoever watches that URL hears when the calls stop, whatever the reason. Each process that takes
//! events in has the switch, and calls only for itself: give each its own URL (by its environment) where each is to be watched.
//!
//! The news: one process of all that live, the one that began first, tells the operators what is ill. It tells straight through a
//! provider (`trial`), past plan, queue and limits: those may be what is ill. So a message about Watchbell makes no delivery, and what
//! becomes of it changes nothing that is watched: there is no loop. A contact whose own channel is ill is told only where no other
//! is left. Who starts to tell after another process ended tells anew of what is still ill.

mod alarm;
mod news;
mod signs;
mod switch;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use tokio_util::sync::CancellationToken;
use watchbell_channels::trial::ProviderTrials;
use watchbell_core::{Channel, Clock, error_chain};
use watchbell_metrics::{Counter, Family, Registry};
use watchbell_store::Store;
use watchbell_store::overview::Overview;

use self::alarm::Alarm;
use self::signs::Configured;
pub use self::switch::Switch;
use crate::config::{Config, WatchdogContact};

/// Between two looks whether something is ill.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What the watchdog did.
#[derive(Clone, Debug, Default)]
pub struct WatchdogMetrics {
    calls: Family<ResultLabels, Counter>,
    news: Family<ResultLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

impl WatchdogMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let calls = "Calls of watchdog.url: made, failed, or withheld as something is ill";
        registry.register("watchbell_watchdog_calls", calls, self.calls.clone());
        let news = "Messages to watchdog.contacts that their provider took (told) or did not (failed)";
        registry.register("watchbell_watchdog_news", news, self.news.clone());
    }

    fn called(&self, result: &'static str) {
        self.calls.get_or_create(&ResultLabels { result }).inc();
    }

    fn told(&self, result: &'static str) {
        self.news.get_or_create(&ResultLabels { result }).inc();
    }
}

/// The providers of every channel that has some, but for the inbox, which is this program's own.
pub fn configured(config: &Config) -> Configured {
    let of_channel = config.channels.iter().filter(|(channel, settings)| **channel != Channel::InApp && !settings.providers.is_empty());
    of_channel.map(|(channel, settings)| (*channel, settings.providers.clone())).collect()
}

/// The name of the process that began first of those that live and have a role: what only one is to do, it does.
pub fn first<'a>(overview: &'a Overview, role: &str) -> Option<&'a str> {
    let with_role = overview.processes.iter().filter(|process| process.roles.contains(role));
    with_role.min_by_key(|process| process.epoch.0).map(|process| process.name.as_str())
}

/// Tells operators.
#[derive(Debug)]
pub struct Teller {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// Its own, so that operators who try providers do not use up its turns.
    pub trials: ProviderTrials,
    pub contacts: Vec<WatchdogContact>,
    pub configured: Configured,
    pub high_late: Duration,
    /// As others see this process.
    pub process: String,
    pub metrics: WatchdogMetrics,
}

impl Teller {
    /// Until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut alarm = Alarm::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(LOOK_EVERY) => {}
            }
            match self.store.overview().await {
                Ok(overview) => match first(&overview, "") {
                    Some(first) if first == self.process => self.look(&overview, &mut alarm).await,
                    // Another one tells.
                    Some(_) => alarm = Alarm::default(),
                    // Nobody has had a heartbeat of late, this process included: it stood still.
                    None => {}
                },
                // Nobody can say who is to tell; the switch is what tells of a database that is away.
                Err(error) => tracing::debug!(error = error_chain(&error), "the watchdog does not see how things stand"),
            }
        }
    }

    async fn look(&self, overview: &Overview, alarm: &mut Alarm) {
        let now = self.clock.now();
        let ills = signs::ills(overview, &self.configured, self.high_late, now);
        let Some(news) = alarm.look(&ills, now) else { return };
        tracing::warn!(news = news::title(&news), "watchdog: operators are told");
        let was_told = self.tell(&news, overview, &ills.keys().filter_map(|ill| ill.channel()).collect::<Vec<_>>()).await;
        alarm.tried(&news, was_told, now);
    }

    /// Whether at least one of the contacts was reached, as far as their providers say.
    async fn tell(&self, news: &alarm::News, overview: &Overview, ill: &[Channel]) -> bool {
        let well: Vec<&WatchdogContact> = self.contacts.iter().filter(|contact| !ill.contains(&contact.channel)).collect();
        let all = self.contacts.iter().collect();
        let mut was_told = false;
        for contact in if well.is_empty() { all } else { well } {
            let is_told = self.tell_one(contact, news, overview).await;
            self.metrics.told(if is_told { "told" } else { "failed" });
            was_told |= is_told;
        }
        was_told
    }

    /// By the first of the channel's providers that takes it; those that workers find down come last.
    async fn tell_one(&self, contact: &WatchdogContact, news: &alarm::News, overview: &Overview) -> bool {
        let channel = contact.channel;
        let mut providers: Vec<&String> = self.configured.get(&channel).into_iter().flatten().collect();
        let is_out = |name: &str| {
            let outages = overview.processes.iter().flat_map(|process| &process.outages);
            outages.into_iter().any(|outage| outage.channel == channel && outage.provider == *name)
        };
        providers.sort_by_key(|name| is_out(name));
        for provider in providers {
            let to = watchbell_channels::trial::address(channel, &contact.target);
            let sent = self.trials.tell(provider, channel, to, news::title(news), news::text(news)).await;
            match sent {
                Ok(result) if result.is_taken() => return true,
                Ok(result) => {
                    tracing::warn!(%channel, provider, class = %result.report.outcome.class(), "watchdog: a contact was not told");
                }
                Err(error) => tracing::warn!(%channel, provider, %error, "watchdog: a contact was not told"),
            }
        }
        false
    }
}
