//! What the scheduler role does besides planning: work that one transaction would be too large for, and tidying up.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell_core::{Clock, Timestamp};
use watchbell_store::housekeeping::{Cutoffs, NextFollowUp};
use watchbell_store::{HousekeepingStore, StoreError};

/// How often a process without a worker, which looks every second, looks for topic events that another one left unfinished.
const FAN_OUT_CHECK: Duration = Duration::from_secs(5);
/// How often a process looks for what others have planned to do about open alerts: so late a step may be at most.
const FOLLOW_UP_CHECK: Duration = Duration::from_secs(5);
/// How often what was kept long enough is deleted.
const TIDY_EVERY: Duration = Duration::from_mins(10);
/// Rows of a table that one tidying transaction deletes at most: some ten milliseconds of work.
const TIDY_BATCH: i64 = 500;

/// Alerts that one transaction closes at most: what their people change meanwhile waits for it.
const CLOSE_BATCH: i64 = 100;

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub deliveries_days: i64,
    pub events_days: i64,
    pub dead_letters_days: i64,
    pub audit_days: i64,
    /// An open alert of which nothing was heard for so long is closed.
    pub open_alerts_days: i64,
}

impl Retention {
    fn open_alerts_since(&self, now: Timestamp) -> Timestamp {
        now.plus_s(-self.open_alerts_days * 24 * 3_600)
    }

    fn cutoffs(&self, now: Timestamp) -> Cutoffs {
        let before = |days: i64| now.plus_s(-days * 24 * 3_600);
        Cutoffs {
            deliveries: before(self.deliveries_days),
            events: before(self.events_days),
            dead_letters: before(self.dead_letters_days),
            audit: before(self.audit_days),
        }
    }
}

/// The scheduler role's background work.
#[derive(Clone)]
pub struct Scheduler {
    store: Arc<dyn HousekeepingStore>,
    clock: Arc<dyn Clock>,
    retention: Retention,
    /// Nobody else in this process does.
    looks: bool,
    /// How often it looks whether another process has planned to do something about an alert.
    follow_up_check: Duration,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("retention", &self.retention).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// `looks`: whether it has to look by itself for what another process left unfinished; a worker on PostgreSQL does so for all.
    pub fn new(store: Arc<dyn HousekeepingStore>, clock: Arc<dyn Clock>, retention: Retention, looks: bool) -> Self {
        Self { store, clock, retention, looks, follow_up_check: FOLLOW_UP_CHECK }
    }

    /// As [`Self::new`], for a process that is the only one: nobody else plans anything that it would not be told of.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { follow_up_check: Duration::from_hours(24 * 365), ..self }
    }

    /// Works until it is told to stop. Whatever it is in the middle of is a transaction: it is committed or it never was.
    pub async fn run(&self, stop: CancellationToken) {
        let work = async { tokio::join!(self.fan_out(), self.follow_up(), self.tidy()) };
        tokio::select! {
            () = stop.cancelled() => {}
            _ = work => {}
        }
    }

    /// Plans the members of topics in chunks, so that an event for many holds up nothing else.
    async fn fan_out(&self) {
        loop {
            match self.store.fan_out().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => report("a topic event could not be planned further; it will be tried again", &error),
            }
            tokio::select! {
                () = self.store.wakes().fan_out() => {}
                () = self.clock.sleep(FAN_OUT_CHECK), if self.looks => {}
            }
        }
    }

    /// Does what is due about open alerts. What is planned in this process is heard of, what is planned in others is looked for.
    pub async fn follow_up(&self) {
        loop {
            let next = match self.store.follow_up().await {
                Ok(NextFollowUp::At(next)) => (next - self.clock.now()).min(self.follow_up_check),
                Ok(NextFollowUp::None) => self.follow_up_check,
                Err(error) => {
                    report("what is to be done about open alerts could not be looked up; it will be tried again", &error);
                    FOLLOW_UP_CHECK
                }
            };
            if next.is_zero() {
                continue;
            }
            tokio::select! {
                () = self.store.wakes().follow_up() => {}
                () = self.clock.sleep(next) => {}
            }
        }
    }

    async fn tidy(&self) {
        loop {
            let pass_began = self.clock.now();
            let before = self.retention.cutoffs(pass_began);
            loop {
                match self.store.close_unresolved(self.retention.open_alerts_since(pass_began), CLOSE_BATCH).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        report("alerts that nobody resolved could not be closed; it will be tried again", &error);
                        break;
                    }
                }
            }
            loop {
                let began = self.clock.now();
                match self.store.tidy(&before, TIDY_BATCH).await {
                    // As long as it took: what is late already must not slow down what is not.
                    Ok(true) => self.clock.sleep(self.clock.now() - began).await,
                    Ok(false) => break,
                    Err(error) => {
                        report("old rows could not be deleted; it will be tried again", &error);
                        break;
                    }
                }
            }
            // From its beginning on: a clock that moved meanwhile (a machine that slept) has made more of it due.
            self.clock.sleep_until(pass_began + TIDY_EVERY).await;
        }
    }
}

fn report(what: &str, error: &StoreError) {
    let chain = watchbell_core::error_chain(error);
    tracing::warn!(error = chain, "{what}");
}
