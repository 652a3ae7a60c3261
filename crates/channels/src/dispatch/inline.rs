//! Inline dispatch, as a channel worker does it: room is kept for what is being planned, and what was begun there is called at once.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::task_tracker::TaskTrackerToken;
use watchbell_core::Timestamp;
use watchbell_core::ids::Epoch;
use watchbell_store::inline::Reservation;
use watchbell_store::queue::Job;

use super::channel::ChannelWorker;
use super::channel::pace::Pace;
use super::delivery::destination::destination;
use super::delivery::{self, Begun, Stage};
use super::routes::request::RouteRequest;
use super::routes::route::{QueuedCall, Route};
use crate::inline::InlineWorker;

/// How long events wait for calls to end that the deliveries before them caused: about as long as a claim and a begin take.
const SETTLE_WITHIN: Duration = Duration::from_millis(20);

/// How long many events wait for a worker that is behind. To claim and begin their deliveries later costs the worker more than to be
/// handed them, so that it would fall further behind.
const CATCH_UP_WITHIN: Duration = Duration::from_millis(50);
/// So many are many.
const MANY: usize = 32;

/// What a worker that called nothing for so long did before says nothing about the events that come now.
const OF_LATE: Duration = Duration::from_secs(1);

/// A channel worker as those who accept events know it. It is not kept alive by that.
#[derive(Debug)]
pub(super) struct InlineChannel(pub Weak<ChannelWorker>);

#[async_trait]
impl InlineWorker for InlineChannel {
    fn reserve(&self, wanted: usize) -> Option<Box<dyn Reservation>> {
        let worker = self.0.upgrade()?;
        let context = &worker.context;
        if worker.pace() != Pace::CaughtUp || context.stop.is_cancelled() || !context.clock.is_sure() {
            return None;
        }
        let now = context.clock.now();
        worker.routes.share(context.session.sharing(worker.channel)?);
        let (route, calls) = worker.routes.room_soon(now, u32::try_from(wanted).unwrap_or(u32::MAX))?;
        Some(Box::new(Reserved {
            epoch: context.session.epoch(),
            queued: route.queue(calls as usize),
            route,
            at: now,
            is_used: false,
            _under_way: context.calls.token(),
            worker,
        }))
    }

    async fn settle(&self, wanted: usize) -> Option<usize> {
        let worker = self.0.upgrade()?;
        let within = match worker.pace() {
            Pace::CaughtUp => SETTLE_WITHIN,
            Pace::Behind if wanted >= MANY => CATCH_UP_WITHIN,
            Pace::Behind | Pace::Held => return None,
        };
        if worker.idle_for(worker.context.clock.now()) > OF_LATE {
            return None;
        }
        let settled = async {
            loop {
                let settling = worker.notifier.until_settling();
                let (soon, most) = worker.routes.soon();
                // Half of what the worker ever takes is enough: the next calls are planned while the last ones are made.
                let has_room = soon >= wanted.min(most.div_ceil(2));
                match worker.pace() {
                    Pace::CaughtUp if has_room => return,
                    Pace::Held => return,
                    Pace::Behind if wanted < MANY => return,
                    Pace::CaughtUp | Pace::Behind => {}
                }
                settling.await;
            }
        };
        // Real time: it is the machine that is to catch up. Whether it did shows at the next reservation.
        let _ = tokio::time::timeout(within, settled).await;
        (worker.pace() == Pace::CaughtUp).then(|| worker.routes.soon().0)
    }
}

/// Places in the queue for a provider's slots, and so many calls taken from its limit.
struct Reserved {
    worker: Arc<ChannelWorker>,
    route: Arc<Route>,
    epoch: Epoch,
    queued: Vec<QueuedCall>,
    /// When the places were kept.
    at: Timestamp,
    is_used: bool,
    /// The process does not end before it is known what comes of this.
    _under_way: TaskTrackerToken,
}

impl std::fmt::Debug for Reserved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reserved").field("route", &self.route.name).field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl Reservation for Reserved {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn provider(&self) -> &str {
        &self.route.name
    }

    fn calls(&self) -> usize {
        self.queued.len()
    }

    fn suits(&self, job: &Job) -> bool {
        destination(job).is_some_and(|to| self.worker.routes.suits(RouteRequest::new(job, &to), &self.route))
    }

    fn hand_over(mut self: Box<Self>, jobs: Vec<Job>) {
        let context = &self.worker.context;
        let now = context.clock.now();
        self.worker.is_busy(now);
        let stage = Stage::Begun(Begun { asked_at: self.at, at: now });
        for job in jobs {
            let Some(queued) = self.queued.pop() else { break };
            self.is_used = true;
            let (worker, route, epoch) = (self.worker.clone(), self.route.clone(), self.epoch);
            let lease = context.held.guard(&job.id);
            // In a box: the runtime copies a task's future more than once.
            context.calls.spawn(Box::pin(async move {
                // Never closed.
                let Ok(slot) = route.slots.clone().acquire_owned().await else { return };
                drop(queued);
                delivery::deliver(worker, route, epoch, (job, lease), slot, stage).await;
            }));
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let unused = u32::try_from(self.calls()).unwrap_or(u32::MAX);
        self.route.give_back(unused, !self.is_used);
        self.queued.clear();
        self.worker.notifier.call_ended();
    }
}
