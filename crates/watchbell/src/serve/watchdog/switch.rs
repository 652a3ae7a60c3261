//! The dead man's switch: a URL that is called only while all that matters works.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;
use watchbell_core::{Clock, error_chain};
use watchbell_ingest::Connection;
use watchbell_providers::http::Http;
use watchbell_store::Store;

use super::WatchdogMetrics;
use super::signs::{Configured, Ill, ills};

pub struct Switch {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// None where events come over HTTP only.
    pub broker: Option<Connection>,
    pub configured: Configured,
    pub http: Http,
    pub url: Url,
    pub every: Duration,
    pub metrics: WatchdogMetrics,
}

/// How far this process had got with events when it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reading {
    taken: u64,
    waiting: u64,
}

impl Switch {
    /// Until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut before = None;
        let mut was_well = true;
        loop {
            let now = self.reading();
            let ill = match self.why_not(before, now).await {
                None => self.call().await.err(),
                Some(why) => {
                    self.metrics.called("withheld");
                    Some(why)
                }
            };
            before = Some(now);
            match &ill {
                Some(why) if was_well => tracing::warn!(why, "watchdog.url is not called"),
                None if !was_well => tracing::info!("watchdog.url is called again"),
                _ => {}
            }
            was_well = ill.is_none();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(self.every) => {}
            }
        }
    }

    fn reading(&self) -> Reading {
        let Some(broker) = &self.broker else { return Reading::default() };
        let counters = broker.counters();
        let counts = counters.counts();
        Reading { taken: counts.accepted + counts.rejected, waiting: counters.waiting() }
    }

    /// Why the outside must not be told that all is well; None: it is.
    async fn why_not(&self, before: Option<Reading>, now: Reading) -> Option<String> {
        if self.broker.as_ref().is_some_and(|broker| !broker.is_connected()) {
            return Some("NATS is away: no events are read".to_owned());
        }
        // Another process may have taken them: then fewer wait.
        if before.is_some_and(|before| before.taken == now.taken && before.waiting > 0 && now.waiting >= before.waiting) {
            return Some(format!("{} events wait and none is read", now.waiting));
        }
        if let Err(error) = self.store.ping().await {
            return Some(format!("the database does not commit: {}", error_chain(&error)));
        }
        let overview = match self.store.overview().await {
            Ok(overview) => overview,
            Err(error) => return Some(format!("the database does not answer: {}", error_chain(&error))),
        };
        // How late anything is, and who was not reached, is told to operators: the monitor outside is for what keeps all of it from working.
        let down = ills(&overview, &self.configured, Duration::MAX, self.clock.now()).into_keys();
        let down: Vec<String> =
            down.filter(|ill| matches!(ill, Ill::ChannelDown(_))).filter_map(Ill::channel).map(|channel| channel.to_string()).collect();
        (!down.is_empty()).then(|| format!("no provider is up of {}", down.join(", ")))
    }

    async fn call(&self) -> Result<(), String> {
        let called = self.http.call(self.http.get(&self.url)).await;
        let failed = match called {
            Ok(answer) if answer.is_success() => {
                self.metrics.called("made");
                return Ok(());
            }
            Ok(answer) => format!("it answers {}", answer.status),
            Err(report) => format!("it cannot be reached: {}", report.code.unwrap_or_default()),
        };
        self.metrics.called("failed");
        Err(failed)
    }
}
