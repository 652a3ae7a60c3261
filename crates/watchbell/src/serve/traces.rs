//! Tells a collector of the spans that this process records, by OTLP over HTTP.
//!
//! Nobody waits for it. While the collector is away the spans of a while wait in a queue of a fixed length, beyond which they are lost;
//! what it refuses, or answers with something else than an answer, is lost at once. The log says once that it is so and once that it
//! works again, and `watchbell_trace_spans_total` counts what was lost.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderName;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use url::Url;
use watchbell_core::outcome::Outcome;
use watchbell_core::{Backoff, Clock, Secret};
use watchbell_providers::http::Http;
use watchbell_providers::settings::CommonSettings;
use watchbell_traces::otlp::{self, Resource};
use watchbell_traces::{Span, TraceMetrics, Tracer};

use super::Error;
use super::presence::Presence;
use crate::config::Config;

/// Spans in one request at most.
const AT_ONCE: usize = 512;
/// How long the first of them waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// Between two tries while the collector is away.
const AGAIN: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// What is left when the process ends is told within this time, or lost.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// What tells the collector.
pub struct Exporter {
    spans: Receiver<Span>,
    resource: Resource,
    http: Http,
    endpoint: Url,
    headers: Vec<(HeaderName, Secret)>,
    clock: Arc<dyn Clock>,
    metrics: TraceMetrics,
    /// The log said that it does not work.
    is_failing: bool,
}

/// Why a request was in vain.
enum Trouble {
    /// The collector may take the spans later.
    Away(String),
    /// It never will.
    Refused(String),
}

/// Where spans are recorded, and what tells of them; neither where no traces are kept.
///
/// # Errors
/// The client cannot be made.
pub fn of(
    config: &Config,
    process: &Presence,
    clock: &Arc<dyn Clock>,
    metrics: &mut super::metrics::Collecting,
) -> Result<(Tracer, Option<Exporter>), Error> {
    let Some(endpoint) = config.traces.endpoint() else { return Ok((Tracer::default(), None)) };
    let http = Http::new(&CommonSettings::default()).map_err(|error| Error::Setting { table: "traces".to_owned(), error })?;
    let counted = TraceMetrics::default();
    counted.register(&mut metrics.registry);
    let (tracer, spans) = Tracer::new(clock.clone(), counted.clone());
    let exporter = Exporter {
        spans,
        resource: Resource { instance: process.name.clone(), version: env!("CARGO_PKG_VERSION") },
        http,
        endpoint,
        headers: config.traces.headers(),
        clock: clock.clone(),
        metrics: counted,
        is_failing: false,
    };
    Ok((tracer, Some(exporter)))
}

impl Exporter {
    /// Until everybody who records spans is `done`; what is left then is told once.
    pub async fn run(mut self, done: CancellationToken) {
        let mut batch = Vec::with_capacity(AT_ONCE);
        while let Some(first) = tokio::select! {
            first = self.spans.recv() => first,
            () = done.cancelled() => None,
        } {
            batch.push(first);
            tokio::select! {
                () = self.clock.sleep(GATHER) => {}
                () = done.cancelled() => {}
            }
            self.take(&mut batch);
            self.tell(&batch, &done).await;
            batch.clear();
        }
        let last = async {
            loop {
                self.take(&mut batch);
                if batch.is_empty() {
                    return;
                }
                self.tell(&batch, &done).await;
                batch.clear();
            }
        };
        if tokio::time::timeout(LAST_WITHIN, last).await.is_err() {
            tracing::warn!("the last spans of this process could not be told in time; they are lost");
        }
    }

    fn take(&mut self, batch: &mut Vec<Span>) {
        batch.extend(std::iter::from_fn(|| self.spans.try_recv().ok()).take(AT_ONCE - batch.len()));
    }

    /// Tells of spans until the collector has them, will not have them, or the process ends.
    async fn tell(&mut self, batch: &[Span], done: &CancellationToken) {
        let body = otlp::request(&self.resource, batch).to_string();
        let mut again = AGAIN;
        loop {
            match self.post(body.clone()).await {
                Ok(rejected) => {
                    self.works_again();
                    self.metrics.exported(batch.len().saturating_sub(rejected));
                    self.metrics.lost(rejected.min(batch.len()));
                    return;
                }
                Err(Trouble::Away(why)) if !done.is_cancelled() => {
                    self.fails(&why);
                    tokio::select! {
                        () = self.clock.sleep(again.next_wait()) => {}
                        () = done.cancelled() => {}
                    }
                }
                Err(Trouble::Away(why) | Trouble::Refused(why)) => {
                    self.fails(&why);
                    self.metrics.lost(batch.len());
                    return;
                }
            }
        }
    }

    /// How many of the spans the collector did not want.
    async fn post(&self, body: String) -> Result<usize, Trouble> {
        let request = self.http.post(&self.endpoint).header("content-type", "application/json").body(body);
        let with = |request: watchbell_providers::http::Request, (name, value): &(HeaderName, Secret)| {
            request.named_header(name, value.expose().to_owned())
        };
        let answer = match self.http.call(self.headers.iter().fold(request, with)).await {
            Ok(answer) => answer,
            Err(report) if report.outcome == Outcome::BadMessage => {
                return Err(Trouble::Refused("no request can be made of it".to_owned()));
            }
            Err(report) => return Err(Trouble::Away(format!("it cannot be reached: {}", report.code.unwrap_or_default()))),
        };
        match answer.status {
            // What the specification lets be tried again.
            429 | 502..=504 => Err(Trouble::Away(format!("it answers {}", answer.status))),
            _ if !answer.is_success() => Err(Trouble::Refused(format!("it answers {}", answer.status))),
            _ if answer.body.is_empty() => Ok(0),
            _ => otlp::rejected(&answer.json()).ok_or_else(|| Trouble::Refused("what it answers is no answer of OTLP in JSON".to_owned())),
        }
    }

    fn fails(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(why, "traces.endpoint does not take spans; those that it does not take are lost");
        }
    }

    fn works_again(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("traces.endpoint takes spans again");
        }
    }
}
