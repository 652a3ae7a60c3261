//! Many small requests to the database as few large ones: a batch is whatever is ready when the last one has been written.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use watchbell_core::ids::Epoch;
use watchbell_core::{Clock, DeliveryId};
use watchbell_store::queue::{Call, Finished};
use watchbell_store::{Store, StoreError};

/// Requests in one statement at most.
const LARGEST: usize = 500;

/// What is done with a batch.
#[async_trait]
pub(super) trait Work: Send + Sync + 'static {
    type Item: Send;

    /// Does all items, which are of one epoch; answers the deliveries for which it was done.
    async fn work(&self, epoch: Epoch, items: Vec<Self::Item>) -> Vec<DeliveryId>;

    fn id(item: &Self::Item) -> &DeliveryId;
}

type Request<W> = (Epoch, <W as Work>::Item, oneshot::Sender<bool>);

/// Collects requests while the batch before them is being written.
pub(super) struct Batcher<W: Work> {
    requests: mpsc::Sender<Request<W>>,
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

    /// Whether it was done.
    pub async fn request(&self, epoch: Epoch, item: W::Item) -> bool {
        let (answer, done) = oneshot::channel();
        self.requests.send((epoch, item, answer)).await.is_ok() && done.await.unwrap_or(false)
    }
}

async fn run<W: Work>(work: W, mut queue: mpsc::Receiver<Request<W>>) {
    let mut batch = Vec::with_capacity(LARGEST);
    while queue.recv_many(&mut batch, LARGEST).await > 0 {
        // Nearly always one; two when this process has just begun a new life.
        while let Some((epoch, ..)) = batch.first() {
            let epoch = *epoch;
            let (mine, others): (Vec<_>, Vec<_>) = batch.drain(..).partition(|request| request.0 == epoch);
            batch = others;
            let mut items = Vec::with_capacity(mine.len());
            let mut answers = Vec::with_capacity(mine.len());
            for (_, item, answer) in mine {
                answers.push((W::id(&item).clone(), answer));
                items.push(item);
            }
            let done: std::collections::HashSet<DeliveryId> = work.work(epoch, items).await.into_iter().collect();
            for (id, answer) in answers {
                // Nobody waits any more for an answer when the process is ending.
                let _ = answer.send(done.contains(&id));
            }
        }
    }
}

/// Writes something of `count` deliveries that must not be forgotten, however long the database is away; None where it refuses.
pub(super) async fn until_written<T, F: Future<Output = Result<T, StoreError>>>(
    clock: &dyn Clock,
    what: &'static str,
    count: usize,
    write: impl Fn() -> F,
) -> Option<T> {
    let mut wait = Duration::from_millis(100);
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
        clock.sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(2));
    }
}

/// Marks deliveries as begun: what is not answered may not be called.
pub(super) struct Begin {
    pub store: Arc<dyn Store>,
}

#[async_trait]
impl Work for Begin {
    type Item = Call;

    async fn work(&self, epoch: Epoch, calls: Vec<Call>) -> Vec<DeliveryId> {
        match self.store.begin(epoch, &calls).await {
            Ok(begun) => begun,
            Err(error) => {
                tracing::warn!(
                    error = watchbell_core::error_chain(&error),
                    count = calls.len(),
                    "delivery.begin failed; nothing was called"
                );
                Vec::new()
            }
        }
    }

    fn id(call: &Call) -> &DeliveryId {
        &call.id
    }
}

/// Writes how deliveries ended, however long the database is away: what a provider answered must not be forgotten.
pub(super) struct Finish {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Work for Finish {
    type Item = Finished;

    async fn work(&self, epoch: Epoch, finished: Vec<Finished>) -> Vec<DeliveryId> {
        let write = || self.store.finish(epoch, finished.clone());
        until_written(self.clock.as_ref(), "delivery.finish", finished.len(), write).await.unwrap_or_default()
    }

    fn id(finished: &Finished) -> &DeliveryId {
        &finished.id
    }
}
