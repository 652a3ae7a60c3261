//! How events enter this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;
use watchbell_core::event::{Event, EventData};
use watchbell_core::ids::how_many;
use watchbell_core::{Channel, group};
use watchbell_store::StoreError;
use watchbell_store::inline::{InlineDispatch, Reservation};
use watchbell_store::intake::{Accepted, Intake, Publisher};
use watchbell_traces::Tracer;

use super::precedence::{Passing, Precedence};
use super::{InlineWorkers, IntakeMetrics, trace};

/// Updates that are accepted together at most: fewer are committed sooner, and stop the pages that they cancel sooner.
const UPDATES_TOGETHER: usize = 100;

/// Users that events which are accepted together name at most, as far as that is not one event. Each user is planned for in the
/// transaction, which others wait for.
const NAMED_TOGETHER: usize = 1_000;

/// For so many users a group is taken, before anybody knows who is in it.
const USERS_OF_GROUP: usize = 100;

/// Tells that events are planned.
type Planned<'a> = &'a (dyn Fn() + Send + Sync);

/// Takes events, from whomever they come.
pub struct EventIntake {
    store: Arc<dyn Intake>,
    workers: Arc<InlineWorkers>,
    precedence: Precedence,
    metrics: IntakeMetrics,
    tracer: Tracer,
}

impl std::fmt::Debug for EventIntake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventIntake").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl EventIntake {
    /// What becomes due at once goes to `workers` as far as they have room.
    pub fn new(store: Arc<dyn Intake>, workers: Arc<InlineWorkers>) -> Self {
        Self { store, workers, precedence: Precedence::default(), metrics: IntakeMetrics::default(), tracer: Tracer::default() }
    }

    /// As [`Self::new`], with a span for each event.
    #[must_use]
    pub fn traced(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// What it counts.
    pub fn metrics(&self) -> &IntakeMetrics {
        &self.metrics
    }

    /// Accepts events in the order given, in one transaction or several. What a client publishes is in the audit log as well.
    ///
    /// # Errors
    /// Some of the events may have been accepted: whoever sends all of them again gets the same answer for those.
    pub async fn accept(&self, events: &[Event], publisher: Option<Publisher>) -> Result<Vec<Accepted>, StoreError> {
        let mut accepted = Vec::with_capacity(events.len());
        let mut entry = self.entry(events, publisher, &|| {});
        while let Some((_, some)) = entry.accept_some().await? {
            accepted.extend(some);
        }
        Ok(accepted)
    }

    /// The same step by step, for events of which more come after them: what enters from the call of `planned` on comes behind
    /// these. It is called, at times more than once, when the last of the events is planned and still to be committed.
    pub fn entry<'a>(&'a self, events: &'a [Event], publisher: Option<Publisher>, planned: Planned<'a>) -> Entry<'a> {
        let are_updates = events.iter().any(|event| matches!(event.data, EventData::Update(_)));
        let passing = are_updates.then(|| self.precedence.pass());
        Entry { intake: self, rest: events, publisher, planned, passing }
    }
}

/// Events on their way in.
pub struct Entry<'a> {
    intake: &'a EventIntake,
    rest: &'a [Event],
    publisher: Option<Publisher>,
    planned: Planned<'a>,
    /// While these are updates, which others let pass.
    passing: Option<Passing<'a>>,
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}

impl<'a> Entry<'a> {
    /// Accepts the next of the events in one transaction, and says what became of each. None when there are no more.
    ///
    /// # Errors
    /// None of those events was accepted.
    pub async fn accept_some(&mut self) -> Result<Option<(&'a [Event], Vec<Accepted>)>, StoreError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let EventIntake { store, workers, precedence, metrics, tracer } = self.intake;
        let most = if self.passing.is_some() {
            UPDATES_TOGETHER
        } else {
            precedence.give_way().await;
            workers.settle(self.rest.len()).await
        };
        let (now, later) = self.rest.split_at(together(self.rest, most));
        let planned: Planned<'_> = if later.is_empty() { self.planned } else { &|| {} };
        let transaction = Transaction { workers, events: now.len(), calls: AtomicUsize::new(0), planned };
        let (asked_at, began_at) = (Instant::now(), tracer.now());
        let accepted = store.accept(now, self.publisher, &transaction).await.inspect_err(|_| {
            metrics.failures.inc();
        })?;
        metrics.accept_seconds.observe(asked_at.elapsed());
        metrics.count(now, &accepted);
        if let Some(began_at) = began_at {
            trace::record(tracer, now, &accepted, began_at);
        }
        self.rest = later;
        Ok(Some((now, accepted)))
    }
}

/// How many of these events, at least one, are accepted in the next transaction.
fn together(events: &[Event], most: usize) -> usize {
    let mut names = 0;
    let fits = |event: &&Event| {
        let in_list = |names: &[String]| how_many(names) + group::how_many(names) * USERS_OF_GROUP;
        names += event.data.named().iter().map(|(_, names)| in_list(names)).sum::<usize>();
        names <= NAMED_TOGETHER
    };
    events.iter().take(most).take_while(fits).count().max(1)
}

/// Events that are accepted together, as the store knows of the process that they entered.
struct Transaction<'a> {
    workers: &'a InlineWorkers,
    events: usize,
    /// What they cause by their busiest channel.
    calls: AtomicUsize,
    planned: Planned<'a>,
}

impl InlineDispatch for Transaction<'_> {
    fn reserve(&self, channel: Channel, wanted: usize) -> Option<Box<dyn Reservation>> {
        self.calls.fetch_max(wanted, Ordering::Relaxed);
        self.workers.reserve(channel, wanted)
    }

    fn planned(&self) {
        let calls = self.calls.load(Ordering::Relaxed);
        if calls > 0 {
            self.workers.note_planned(self.events, calls);
        }
        (self.planned)();
    }
}

#[cfg(test)]
mod tests;
