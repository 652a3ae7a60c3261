//! A sink that remembers, and fails as it is told.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use watchbell_core::decode::Rejected;
use watchbell_core::event::{Event, EventData};
use watchbell_ingest::{Planned, Sink, SinkError};

use crate::harness::within;

#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub accepted: Vec<Event>,
    pub rejected: Vec<Rejected>,
    /// Calls that were answered with an error.
    pub failed: usize,
    /// The alerts that have been handed over, whatever became of them.
    pub handed: Vec<String>,
}

#[derive(Default)]
pub struct TestSink {
    seen: watch::Sender<Seen>,
    /// What the next calls are answered with, before they work.
    failures: Mutex<VecDeque<SinkError>>,
    /// While true, every call is answered with "unavailable".
    pub away: std::sync::atomic::AtomicBool,
    /// The alert that is always refused.
    poison: Option<String>,
    /// The alert that cannot be kept, as long as there is one.
    hindered: Mutex<Option<String>>,
    /// While true, no dead letter can be kept.
    pub keeps_no_dead_letters: std::sync::atomic::AtomicBool,
    /// Payloads of dead letters that cannot be kept as they are.
    pub refuses_payloads: std::sync::atomic::AtomicBool,
    /// What handed-over events wait for, if anything: first to be planned, then to be committed.
    gates: Option<Gates>,
}

/// Opened one event at a time, by adding permits.
pub struct Gates {
    pub plan: Semaphore,
    pub commit: Semaphore,
}

impl Default for Gates {
    fn default() -> Self {
        Self { plan: Semaphore::new(0), commit: Semaphore::new(0) }
    }
}

impl TestSink {
    pub fn failing(failures: impl IntoIterator<Item = SinkError>) -> Self {
        Self { failures: Mutex::new(failures.into_iter().collect()), ..Self::default() }
    }

    pub fn refusing(alert_id: &str) -> Self {
        Self { poison: Some(alert_id.to_owned()), ..Self::default() }
    }

    pub fn hindering(alert_id: &str) -> Self {
        Self { hindered: Mutex::new(Some(alert_id.to_owned())), ..Self::default() }
    }

    pub fn hinder_no_more(&self) {
        *self.hindered.lock().unwrap() = None;
    }

    pub fn gated() -> Self {
        Self { gates: Some(Gates::default()), ..Self::default() }
    }

    pub fn gates(&self) -> &Gates {
        self.gates.as_ref().unwrap()
    }

    pub async fn wait_for(&self, what: &str, mut condition: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.subscribe();
        within(what, async { seen.wait_for(|seen| condition(seen)).await.unwrap().clone() }).await
    }

    pub async fn accepted(&self, count: usize) -> Vec<Event> {
        self.wait_for("events", |seen| seen.accepted.len() >= count).await.accepted
    }

    pub async fn rejected(&self, count: usize) -> Vec<Rejected> {
        self.wait_for("dead letters", |seen| seen.rejected.len() >= count).await.rejected
    }

    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    fn fail(&self) -> Result<(), SinkError> {
        let failure = self.failures.lock().unwrap().pop_front();
        let away = self.away.load(std::sync::atomic::Ordering::SeqCst).then(unavailable);
        match failure.or(away) {
            Some(error) => {
                self.seen.send_modify(|seen| seen.failed += 1);
                Err(error)
            }
            None => Ok(()),
        }
    }
}

pub fn unavailable() -> SinkError {
    SinkError::Unavailable("the database is away".into())
}

/// The ids of alerts and updates, in order.
pub fn alert_ids(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match &event.data {
            EventData::Alert(data) => Some(data.alert_id.as_str()),
            EventData::Update(data) => Some(data.alert_id.as_str()),
            _ => None,
        })
        .collect()
}

#[async_trait]
impl Sink for TestSink {
    async fn accept(&self, events: Vec<Event>, planned: Planned<'_>) -> Result<(), SinkError> {
        self.seen.send_modify(|seen| seen.handed.extend(alert_ids(&events).into_iter().map(str::to_owned)));
        if let Some(Gates { plan, commit }) = &self.gates {
            let count = u32::try_from(events.len()).unwrap();
            plan.acquire_many(count).await.unwrap().forget();
            planned();
            commit.acquire_many(count).await.unwrap().forget();
        }
        self.fail()?;
        if let Some(hindered) = &*self.hindered.lock().unwrap()
            && alert_ids(&events).contains(&hindered.as_str())
        {
            self.seen.send_modify(|seen| seen.failed += 1);
            return Err(SinkError::Hindered("a lock was not to be had".into()));
        }
        if let Some(poison) = &self.poison
            && alert_ids(&events).contains(&poison.as_str())
        {
            self.seen.send_modify(|seen| seen.failed += 1);
            return Err(SinkError::Refused("the row is refused".to_owned()));
        }
        self.seen.send_modify(|seen| seen.accepted.extend(events));
        Ok(())
    }

    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), SinkError> {
        self.fail()?;
        let is_set = |flag: &std::sync::atomic::AtomicBool| flag.load(std::sync::atomic::Ordering::SeqCst);
        let failure = if is_set(&self.keeps_no_dead_letters) {
            Some(SinkError::Hindered("the table is gone".into()))
        } else if is_set(&self.refuses_payloads) && rejected.iter().any(|letter| !letter.original.payload.is_empty()) {
            Some(SinkError::Refused("22021".to_owned()))
        } else {
            None
        };
        if let Some(error) = failure {
            self.seen.send_modify(|seen| seen.failed += 1);
            return Err(error);
        }
        self.seen.send_modify(|seen| seen.rejected.extend(rejected));
        Ok(())
    }
}
