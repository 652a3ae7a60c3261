//! The channel workers of this process, as those who accept events know them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use watchbell_core::Channel;
use watchbell_store::inline::Reservation;

/// Calls by one channel that are planned together while it is not known how many its worker takes soon.
const FIRST_BATCH: usize = 128;
/// Calls by one channel that are planned together, though the worker has room for fewer. Fewer would hardly share a transaction's
/// fixed cost, about a dozen round trips to the database.
const SMALLEST_BATCH: usize = 32;
/// Events that are accepted together at most. By then a round trip is a small part of a delivery's cost.
const LARGEST_BATCH: usize = 250;

/// The worker of one channel.
#[async_trait]
pub trait InlineWorker: Send + Sync + std::fmt::Debug {
    /// Keeps room for up to `wanted` calls. None where deliveries wait already, which go first, or nothing may be sent now.
    fn reserve(&self, wanted: usize) -> Option<Box<dyn Reservation>>;

    /// Waits until there is room for `wanted` calls, or for as many as there ever is, some milliseconds at most. The answer is how
    /// many there is room for. None, at once, where nothing was called of late or it is not this machine that deliveries wait for.
    async fn settle(&self, wanted: usize) -> Option<usize>;
}

/// The workers of this process, by channel; none where it has no worker role.
#[derive(Debug, Default)]
pub struct InlineWorkers {
    workers: RwLock<HashMap<Channel, Arc<dyn InlineWorker>>>,
    /// Calls by its busiest channel that an event caused, in the last transaction that planned any.
    calls_per_event: AtomicUsize,
}

impl InlineWorkers {
    /// From now on the worker is asked when something of its channel is planned.
    pub fn enter(&self, channel: Channel, worker: Arc<dyn InlineWorker>) {
        self.workers.write().unwrap_or_else(PoisonError::into_inner).insert(channel, worker);
    }

    pub fn leave(&self, channel: Channel) {
        self.workers.write().unwrap_or_else(PoisonError::into_inner).remove(&channel);
    }

    pub(super) fn reserve(&self, channel: Channel, wanted: usize) -> Option<Box<dyn Reservation>> {
        let worker = self.workers.read().unwrap_or_else(PoisonError::into_inner).get(&channel).cloned();
        worker?.reserve(wanted)
    }

    /// Notes how many calls by one channel so many events caused.
    pub(super) fn note_planned(&self, events: usize, calls: usize) {
        self.calls_per_event.store(calls.div_ceil(events.max(1)), Ordering::Relaxed);
    }

    /// Lets workers that are busy with what they were handed catch up, and says how many of `wanted` events are best accepted
    /// together then: so many that there is room for the calls that they cause.
    pub(super) async fn settle(&self, wanted: usize) -> usize {
        let workers: Vec<_> = self.workers.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let per_event = self.calls_per_event.load(Ordering::Relaxed).max(1);
        let calls = wanted.min(LARGEST_BATCH) * per_event;
        let rooms = futures::future::join_all(workers.iter().map(|worker| worker.settle(calls))).await;
        let calls = rooms.into_iter().flatten().min().unwrap_or(FIRST_BATCH);
        (calls / per_event).clamp(SMALLEST_BATCH.div_ceil(per_event), LARGEST_BATCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that takes so many calls soon, or says nothing.
    #[derive(Debug)]
    struct Settled(Option<usize>);

    #[async_trait]
    impl InlineWorker for Settled {
        fn reserve(&self, _: usize) -> Option<Box<dyn Reservation>> {
            None
        }

        async fn settle(&self, _: usize) -> Option<usize> {
            self.0
        }
    }

    #[tokio::test]
    async fn so_many_events_are_accepted_together_that_what_they_cause_finds_room() {
        // What the workers take soon, what ten events caused by one channel before, and how many are accepted together.
        let table: &[(&[Option<usize>], usize, usize)] = &[
            (&[], 0, 128),
            (&[None], 10, 128),
            // Nothing is known of the workers, but that each event takes ten calls of one of them.
            (&[None, None], 100, 12),
            (&[Some(1_280)], 10, LARGEST_BATCH),
            (&[Some(640), None], 100, 64),
            (&[Some(640), Some(200)], 100, 20),
            // Fewer would cost more than they wait for.
            (&[Some(0)], 10, SMALLEST_BATCH),
            (&[Some(0)], 100, 4),
            (&[Some(0)], 10_000, 1),
        ];
        for (rooms, caused, together) in table {
            let workers = InlineWorkers::default();
            for (room, channel) in rooms.iter().zip([Channel::Sms, Channel::Email]) {
                workers.enter(channel, Arc::new(Settled(*room)));
            }
            workers.note_planned(10, *caused);
            assert_eq!(workers.settle(500).await, *together, "{rooms:?}, {caused}");
        }
    }
}
