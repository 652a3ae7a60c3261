//! The short way: what is due when it is planned goes straight to a worker of the same process.
//!
//! The row is written as begun by that worker, in the transaction that plans it, and the worker is handed the job after the
//! commit: the claim and the begin are saved. The worker keeps room for the calls beforehand, so that each follows its begin
//! at once; what there is no room for waits in the database as everything else does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use watchbell_core::Channel;
use watchbell_core::ids::Epoch;

use crate::queue::Job;

/// Calls by one channel that are planned together while it is not known how many it takes soon.
const FIRST_BATCH: usize = 128;
/// Calls by one channel. Fewer would hardly share a transaction's fixed cost, about a dozen round trips.
const SMALLEST_BATCH: usize = 32;
/// By then a round trip is a small part of a delivery's cost.
const LARGEST_BATCH: usize = 250;

/// A worker of this process, for one channel.
#[async_trait]
pub trait LocalWorker: Send + Sync + std::fmt::Debug {
    /// Keeps room for up to `wanted` calls; None where deliveries wait already, which go first, or nothing may be sent now.
    fn reserve(&self, wanted: usize) -> Option<Box<dyn Reservation>>;

    /// Waits until there is room for `wanted` calls or for as many as there ever is, some milliseconds at most; answers for how
    /// many there is. None, at once, where nothing was called of late or it is not this machine that deliveries wait for.
    async fn settle(&self, wanted: usize) -> Option<usize>;
}

/// Room for calls. What is not used is given back with the end of this.
pub trait Reservation: Send + std::fmt::Debug {
    /// The life of the process that will make the calls.
    fn epoch(&self) -> Epoch;

    /// The provider that will be called.
    fn provider(&self) -> &str;

    fn calls(&self) -> usize;

    /// Whether the provider takes such a job.
    fn suits(&self, job: &Job) -> bool;

    /// Makes the calls. The jobs have been committed as begun.
    fn hand_over(self: Box<Self>, jobs: Vec<Job>);
}

/// The workers of this process.
#[derive(Debug, Default)]
pub struct LocalWorkers {
    workers: RwLock<HashMap<Channel, Arc<dyn LocalWorker>>>,
    /// Deliveries by its busiest channel that an event caused, in the last transaction that planned any.
    each: AtomicUsize,
}

impl LocalWorkers {
    /// From now on a worker is asked when something of its channel is planned.
    pub fn enter(&self, channel: Channel, worker: Arc<dyn LocalWorker>) {
        self.workers.write().unwrap_or_else(PoisonError::into_inner).insert(channel, worker);
    }

    pub fn leave(&self, channel: Channel) {
        self.workers.write().unwrap_or_else(PoisonError::into_inner).remove(&channel);
    }

    pub(crate) fn of(&self, channel: Channel) -> Option<Arc<dyn LocalWorker>> {
        self.workers.read().unwrap_or_else(PoisonError::into_inner).get(&channel).cloned()
    }

    /// Notes what events caused by one channel.
    pub(crate) fn caused(&self, events: usize, deliveries: usize) {
        self.each.store(deliveries.div_ceil(events.max(1)), Ordering::Relaxed);
    }

    /// Lets workers that are busy with what they were handed catch up, and says how many of `wanted` events are best accepted
    /// together then: so many that what they cause can go the short way.
    pub async fn settle(&self, wanted: usize) -> usize {
        let workers: Vec<_> = self.workers.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let each = self.each.load(Ordering::Relaxed).max(1);
        let calls = wanted.min(LARGEST_BATCH) * each;
        let rooms = futures::future::join_all(workers.iter().map(|worker| worker.settle(calls))).await;
        let calls = rooms.into_iter().flatten().min().unwrap_or(FIRST_BATCH);
        (calls / each).clamp(SMALLEST_BATCH.div_ceil(each), LARGEST_BATCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane that takes so many calls soon, or says nothing.
    #[derive(Debug)]
    struct Lane(Option<usize>);

    #[async_trait]
    impl LocalWorker for Lane {
        fn reserve(&self, _: usize) -> Option<Box<dyn Reservation>> {
            None
        }

        async fn settle(&self, _: usize) -> Option<usize> {
            self.0
        }
    }

    #[tokio::test]
    async fn so_many_events_are_accepted_together_that_what_they_cause_finds_room() {
        // What the lanes take soon, what ten events caused by one channel before, and how many are accepted together.
        let table: &[(&[Option<usize>], usize, usize)] = &[
            (&[], 0, 128),
            (&[None], 10, 128),
            // Nothing is known of the lanes, but that each event takes ten calls of one of them.
            (&[None, None], 100, 12),
            (&[Some(1_280)], 10, LARGEST_BATCH),
            (&[Some(640), None], 100, 64),
            (&[Some(640), Some(200)], 100, 20),
            // Fewer would cost more than they wait for.
            (&[Some(0)], 10, SMALLEST_BATCH),
            (&[Some(0)], 100, 4),
            (&[Some(0)], 10_000, 1),
        ];
        for (lanes, caused, together) in table {
            let workers = LocalWorkers::default();
            for (lane, channel) in lanes.iter().zip([Channel::Sms, Channel::Email]) {
                workers.enter(channel, Arc::new(Lane(*lane)));
            }
            workers.caused(10, *caused);
            assert_eq!(workers.settle(500).await, *together, "{lanes:?}, {caused}");
        }
    }
}
