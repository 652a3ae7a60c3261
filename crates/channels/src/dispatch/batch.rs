//! Many small requests to the database as few large ones: a batch is whatever is ready when the last one has been written.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::task::task_tracker::TaskTrackerToken;
use watchbell_core::ids::Epoch;
use watchbell_core::{Clock, DeliveryId};
use watchbell_store::queue::{Call, Finished, HeldLeases, Job, Next};
use watchbell_store::{Store, StoreError};

use super::Progress;
use super::call::Known;
use super::lane::Lane;

/// Requests in one statement at most.
const LARGEST: usize = 500;
/// So many at once, and more are on their way.
const SEVERAL: usize = 4;
/// How long more are waited for then: a transaction's fixed cost is that of some dozen rows.
const MORE_WITHIN: Duration = Duration::from_millis(5);

/// What is done with a batch.
#[async_trait]
pub(super) trait Work: Send + Sync + 'static {
    type Item: Send;

    /// Whether nobody waits for it to be done.
    const IS_PATIENT: bool;

    /// Does all items, which are of one epoch.
    async fn work(&self, epoch: Epoch, items: Vec<Self::Item>);
}

/// Collects requests while the batch before them is being written.
pub(super) struct Batcher<W: Work> {
    requests: mpsc::Sender<(Epoch, W::Item)>,
}

impl<W: Work> std::fmt::Debug for Batcher<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batcher")
    }
}

impl<W: Work> Batcher<W> {
    pub fn start(work: W) -> Self {
        let (requests, queue) = mpsc::channel(LARGEST * 2);
        tokio::spawn(run(work, queue));
        Self { requests }
    }

    /// Waits for room in the queue, not for the work.
    pub async fn submit(&self, epoch: Epoch, item: W::Item) {
        // The queue ends with the process.
        let _ = self.requests.send((epoch, item)).await;
    }
}

async fn run<W: Work>(work: W, mut queue: mpsc::Receiver<(Epoch, W::Item)>) {
    let mut batch = Vec::with_capacity(LARGEST);
    while queue.recv_many(&mut batch, LARGEST).await > 0 {
        if W::IS_PATIENT && batch.len() >= SEVERAL {
            let _ = tokio::time::timeout(MORE_WITHIN, fill(&mut queue, &mut batch)).await;
        }
        // Nearly always one; two when this process has just begun a new life.
        while let Some((epoch, _)) = batch.first() {
            let epoch = *epoch;
            let (mine, others): (Vec<_>, Vec<_>) = batch.drain(..).partition(|request| request.0 == epoch);
            batch.extend(others);
            work.work(epoch, mine.into_iter().map(|(_, item)| item).collect()).await;
        }
    }
}

async fn fill<T>(queue: &mut mpsc::Receiver<T>, batch: &mut Vec<T>) {
    while batch.len() < LARGEST && queue.recv_many(batch, LARGEST - batch.len()).await > 0 {}
}

/// Waits between tries to write something.
struct Waits(Duration);

impl Waits {
    const FIRST: Self = Self(Duration::from_millis(100));
    const LONGEST: Duration = Duration::from_secs(2);

    fn next(&mut self) -> Duration {
        let next = (self.0 * 2).min(Self::LONGEST);
        std::mem::replace(&mut self.0, next)
    }
}

/// Writes something of `count` deliveries that must not be forgotten, however long the database cannot do it; None where it never
/// will.
pub(super) async fn until_written<T, F: Future<Output = Result<T, StoreError>>>(
    clock: &dyn Clock,
    what: &'static str,
    count: usize,
    write: impl Fn() -> F,
) -> Option<T> {
    let mut waits = Waits::FIRST;
    loop {
        match write().await {
            Ok(written) => return Some(written),
            Err(error) if error.is_passing() => {
                tracing::warn!(what, count, error = watchbell_core::error_chain(&error), "not written; trying again");
            }
            Err(error) => {
                tracing::error!(what, count, error = watchbell_core::error_chain(&error), "the database refused what had to be written");
                return None;
            }
        }
        clock.sleep(waits.next()).await;
    }
}

/// Marks deliveries as begun, and says of each whether it may be called.
pub(super) struct Begin {
    pub store: Arc<dyn Store>,
}

#[async_trait]
impl Work for Begin {
    type Item = (Call, oneshot::Sender<bool>);
    const IS_PATIENT: bool = false;

    async fn work(&self, epoch: Epoch, items: Vec<Self::Item>) {
        let (calls, answers): (Vec<Call>, Vec<_>) = items.into_iter().unzip();
        let begun = self.store.begin(epoch, &calls).await.unwrap_or_else(|error| {
            let error = watchbell_core::error_chain(&error);
            tracing::warn!(error, count = calls.len(), "delivery.begin failed; nothing was called");
            Vec::new()
        });
        let begun: HashSet<DeliveryId> = begun.into_iter().collect();
        for (call, answer) in calls.iter().zip(answers) {
            // Nobody waits any more for an answer when the process is ending.
            let _ = answer.send(begun.contains(&call.id));
        }
    }
}

/// How a delivery ended, with what is to happen when that is written.
pub(super) struct Ending {
    pub lane: Arc<Lane>,
    pub job: Arc<Job>,
    pub finished: Finished,
    /// Until then the delivery counts as held …
    pub known: Known,
    /// … and as under way.
    pub under_way: TaskTrackerToken,
}

/// Writes how deliveries ended, however long the database is away: what a provider answered must not be forgotten.
#[derive(Clone)]
pub(super) struct Finish {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub progress: broadcast::Sender<Progress>,
    pub held: Arc<Mutex<HeldLeases>>,
}

#[async_trait]
impl Work for Finish {
    type Item = Ending;
    const IS_PATIENT: bool = true;

    async fn work(&self, epoch: Epoch, endings: Vec<Ending>) {
        let finished: Vec<Finished> = endings.iter().map(|ending| ending.finished.clone()).collect();
        match self.write_together(epoch, &finished).await {
            Some(held) => self.ended(endings, held),
            // Nobody waits for one that cannot be written, for as long as that may take.
            None => {
                for ending in endings {
                    let finish = self.clone();
                    tokio::spawn(async move {
                        let finished = std::slice::from_ref(&ending.finished);
                        let write = || finish.store.finish(epoch, finished);
                        let held = until_written(finish.clock.as_ref(), "delivery.finish", 1, write).await;
                        if held.is_none() && ending.finished.attempt.is_some() {
                            // Nobody knows of this call: when its lease is found to be left over, it may have gone out.
                            finish.held.lock().unwrap_or_else(PoisonError::into_inner).called.insert(ending.finished.id.clone());
                        }
                        finish.ended(vec![ending], held.unwrap_or_default());
                    });
                }
            }
        }
    }
}

impl Finish {
    /// As soon as the database can be reached; None where it can, and does not take them all.
    async fn write_together(&self, epoch: Epoch, finished: &[Finished]) -> Option<Vec<DeliveryId>> {
        let mut waits = Waits::FIRST;
        loop {
            match self.store.finish(epoch, finished).await {
                Ok(held) => return Some(held),
                Err(error) => {
                    let text = watchbell_core::error_chain(&error);
                    tracing::warn!(count = finished.len(), error = text, "delivery.finish failed; trying again");
                    if !error.is_outage() {
                        return None;
                    }
                }
            }
            self.clock.sleep(waits.next()).await;
        }
    }

    fn ended(&self, endings: Vec<Ending>, held: Vec<DeliveryId>) {
        let held: HashSet<DeliveryId> = held.into_iter().collect();
        for Ending { lane, job, finished, known, under_way } in endings {
            tracing::debug!(delivery.id = %job.id, channel = %job.channel, held = held.contains(&job.id), "delivery.finish");
            let is_put_back = matches!(finished.next, Next::Retry { .. });
            let is_passed_on = is_put_back && finished.attempt.as_ref().is_some_and(|attempt| attempt.goes_on);
            drop(known);
            if held.contains(&job.id) {
                // Nobody has to listen.
                let _ = self.progress.send(Progress { job, finished });
            }
            if is_passed_on {
                lane.routes.pass_on();
            }
            if is_put_back {
                // The lane may have looked for the next due time before this one was written.
                lane.put_back.notify_one();
            }
            drop(under_way);
        }
    }
}
