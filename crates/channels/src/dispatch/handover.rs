//! A lane as the store sees it: a worker next door, to whom deliveries are handed that are due when they are planned.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;
use watchbell_core::Timestamp;
use watchbell_core::ids::Epoch;
use watchbell_store::handover::{LocalWorker, Reservation};
use watchbell_store::queue::Job;

use super::call::{self, Stage};
use super::lane::Lane;
use super::route::{Room, Route};

/// How long events wait for calls to end that the deliveries before them caused: about as long as the longer way takes.
const SETTLE_WITHIN: Duration = Duration::from_millis(20);

/// A lane that was handed nothing for so long says nothing about the events that come now.
const OF_LATE: Duration = Duration::from_secs(1);

/// The store knows a lane, and a lane its store: only one of them keeps the other alive.
#[derive(Debug)]
pub(super) struct LaneNextDoor(pub Weak<Lane>);

#[async_trait]
impl LocalWorker for LaneNextDoor {
    fn reserve(&self, wanted: usize) -> Option<Box<dyn Reservation>> {
        let lane = self.0.upgrade()?;
        if !lane.is_caught_up.load(Ordering::Acquire) || lane.shared.stop.is_cancelled() {
            return None;
        }
        let now = lane.shared.clock.now();
        lane.routes.share(lane.shared.membership.sharing(lane.channel)?);
        let Room::Calls(route, calls) = lane.routes.room(now, u32::try_from(wanted).unwrap_or(u32::MAX)) else { return None };
        let Ok(slots) = route.slots.clone().try_acquire_many_owned(calls) else {
            // The lane's own loop was faster.
            route.give_back(calls, true, now);
            return None;
        };
        Some(Box::new(Reserved {
            epoch: lane.shared.membership.epoch(),
            lane: lane.clone(),
            route,
            slots,
            at: now,
            is_used: false,
            _in_flight: lane.shared.calls.token(),
        }))
    }

    async fn settle(&self, wanted: usize) -> Option<usize> {
        let lane = self.0.upgrade()?;
        let is_idle = lane.shared.clock.now() - Timestamp::from_millis(lane.handed_at.load(Ordering::Relaxed)) > OF_LATE;
        if is_idle || !lane.is_caught_up.load(Ordering::Acquire) {
            return None;
        }
        let settled = async {
            loop {
                let freed = lane.freed.notified();
                if !lane.is_caught_up.load(Ordering::Acquire) || lane.routes.has_slots(wanted) {
                    return;
                }
                freed.await;
            }
        };
        // Real time: it is the machine that is to catch up. Whether it did shows at the next reservation.
        let _ = tokio::time::timeout(SETTLE_WITHIN, settled).await;
        lane.is_caught_up.load(Ordering::Acquire).then(|| lane.routes.free_slots())
    }
}

/// Slots of a provider, and its leave to make so many calls.
struct Reserved {
    lane: Arc<Lane>,
    route: Arc<Route>,
    epoch: Epoch,
    slots: OwnedSemaphorePermit,
    at: Timestamp,
    is_used: bool,
    /// The worker does not end before it is known what comes of this.
    _in_flight: TaskTrackerToken,
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
        self.slots.num_permits()
    }

    fn suits(&self, job: &Job) -> bool {
        call::destination(job).is_some_and(|to| self.route.provider.takes(&to))
    }

    fn hand_over(mut self: Box<Self>, jobs: Vec<Job>) {
        self.lane.handed_at.store(self.lane.shared.clock.now().as_millis(), Ordering::Relaxed);
        let begun = Stage::Begun { asked_at: self.at, at: self.lane.shared.clock.now() };
        for job in jobs {
            let Some(slot) = self.slots.split(1) else { break };
            self.is_used = true;
            let call = call::deliver(self.lane.clone(), self.route.clone(), self.epoch, job, slot, begun);
            self.lane.shared.calls.spawn(call);
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let unused = u32::try_from(self.calls()).unwrap_or(u32::MAX);
        self.route.give_back(unused, !self.is_used, self.lane.shared.clock.now());
        drop(self.slots.split(self.calls()));
        self.lane.has_room();
    }
}
