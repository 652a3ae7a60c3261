//! Many small requests to the database as few large ones: a batch is whatever is ready when the one before it has been written.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use watchbell_core::ids::Epoch;

/// Requests in one statement at most.
const LARGEST: usize = 500;
/// Where so many requests come at once, more are on their way.
const SEVERAL: usize = 4;
/// How long the batch then waits for them: a transaction's fixed cost is that of some dozen rows.
const MORE_WITHIN: Duration = Duration::from_millis(5);

/// What is done with a batch.
#[async_trait]
pub(in crate::dispatch) trait BatchWork: Send + Sync + 'static {
    type Item: Send;

    /// Whether a batch may wait a moment to become larger, as nobody waits for it to be done.
    const IS_PATIENT: bool;

    /// Does all items, which belong to one worker session.
    async fn work(&self, epoch: Epoch, items: Vec<Self::Item>);
}

/// Collects requests while the batch before them is being written.
pub(in crate::dispatch) struct Batcher<W: BatchWork> {
    requests: mpsc::Sender<(Epoch, W::Item)>,
}

impl<W: BatchWork> std::fmt::Debug for Batcher<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batcher")
    }
}

impl<W: BatchWork> Batcher<W> {
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

async fn run<W: BatchWork>(work: W, mut queue: mpsc::Receiver<(Epoch, W::Item)>) {
    let mut batch = Vec::with_capacity(LARGEST);
    while queue.recv_many(&mut batch, LARGEST).await > 0 {
        if W::IS_PATIENT && batch.len() >= SEVERAL {
            let _ = tokio::time::timeout(MORE_WITHIN, fill(&mut queue, &mut batch)).await;
        }
        // All requests of a batch are nearly always of one session; of two when this process has just begun a new one.
        while let Some((epoch, _)) = batch.first() {
            let epoch = *epoch;
            let (of_session, others): (Vec<_>, Vec<_>) = batch.drain(..).partition(|request| request.0 == epoch);
            batch.extend(others);
            work.work(epoch, of_session.into_iter().map(|(_, item)| item).collect()).await;
        }
    }
}

async fn fill<T>(queue: &mut mpsc::Receiver<T>, batch: &mut Vec<T>) {
    while batch.len() < LARGEST && queue.recv_many(batch, LARGEST - batch.len()).await > 0 {}
}
