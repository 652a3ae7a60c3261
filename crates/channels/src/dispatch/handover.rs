//! A lane as the store sees it: a worker next door, to whom deliveries are handed that are due when they are planned.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::task_tracker::TaskTrackerToken;
use watchbell_core::Timestamp;
use watchbell_core::ids::Epoch;
use watchbell_store::handover::{LocalWorker, Reservation};
use watchbell_store::queue::Job;

use super::call::{self, Known, Stage};
use super::lane::{Lane, Pace};
use super::route::{Route, Turn};
use super::wanted::Begun;

/// How long events wait for calls to end that the deliveries before them caused: about as long as the longer way takes.
const SETTLE_WITHIN: Duration = Duration::from_millis(20);

/// How long many events wait for a lane that is behind: the longer way costs it more, so that it would fall further behind.
const CATCH_UP_WITHIN: Duration = Duration::from_millis(50);
/// So many are many.
const MANY: usize = 32;

/// A lane that called nothing for so long says nothing about the events that come now.
const OF_LATE: Duration = Duration::from_secs(1);

/// The store knows a lane, and a lane its store: only one of them keeps the other alive.
#[derive(Debug)]
pub(super) struct LaneNextDoor(pub Weak<Lane>);

#[async_trait]
impl LocalWorker for LaneNextDoor {
    fn reserve(&self, wanted: usize) -> Option<Box<dyn Reservation>> {
        let lane = self.0.upgrade()?;
        if lane.pace() != Pace::CaughtUp || lane.shared.stop.is_cancelled() || !lane.shared.clock.is_sure() {
            return None;
        }
        let now = lane.shared.clock.now();
        lane.routes.share(lane.shared.membership.sharing(lane.channel)?);
        let (route, calls) = lane.routes.room_soon(now, u32::try_from(wanted).unwrap_or(u32::MAX))?;
        Some(Box::new(Reserved {
            epoch: lane.shared.membership.epoch(),
            lane: lane.clone(),
            turns: route.line_up(calls as usize),
            route,
            at: now,
            is_used: false,
            _in_flight: lane.shared.calls.token(),
        }))
    }

    async fn settle(&self, wanted: usize) -> Option<usize> {
        let lane = self.0.upgrade()?;
        let is_idle = lane.shared.clock.now() - Timestamp::from_millis(lane.busy_at.load(Ordering::Relaxed)) > OF_LATE;
        let within = match lane.pace() {
            Pace::CaughtUp => SETTLE_WITHIN,
            Pace::Behind if wanted >= MANY => CATCH_UP_WITHIN,
            Pace::Behind | Pace::Held => return None,
        };
        if is_idle {
            return None;
        }
        let settled = async {
            loop {
                let freed = lane.freed.notified();
                let (soon, most) = lane.routes.soon();
                // Not until all calls have ended: the next ones are planned while the last ones are made.
                let has_room = soon >= wanted.min(most.div_ceil(2));
                match lane.pace() {
                    Pace::CaughtUp if has_room => return,
                    Pace::Held => return,
                    Pace::Behind if wanted < MANY => return,
                    Pace::CaughtUp | Pace::Behind => {}
                }
                freed.await;
            }
        };
        // Real time: it is the machine that is to catch up. Whether it did shows at the next reservation.
        let _ = tokio::time::timeout(within, settled).await;
        (lane.pace() == Pace::CaughtUp).then(|| lane.routes.soon().0)
    }
}

/// Places in the line for a provider's slots, and its leave to make so many calls.
struct Reserved {
    lane: Arc<Lane>,
    route: Arc<Route>,
    epoch: Epoch,
    turns: Vec<Turn>,
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
        self.turns.len()
    }

    fn suits(&self, job: &Job) -> bool {
        call::destination(job).is_some_and(|to| self.route.provider.takes(&to))
    }

    fn hand_over(mut self: Box<Self>, jobs: Vec<Job>) {
        self.lane.busy_at.store(self.lane.shared.clock.now().as_millis(), Ordering::Relaxed);
        let begun = Stage::Begun(Begun { asked_at: self.at, at: self.lane.shared.clock.now() });
        for job in jobs {
            let Some(turn) = self.turns.pop() else { break };
            self.is_used = true;
            let (lane, route, epoch) = (self.lane.clone(), self.route.clone(), self.epoch);
            let known = Known::new(&lane.shared, &job.id);
            // In a box: the runtime copies a task's future more than once.
            self.lane.shared.calls.spawn(Box::pin(async move {
                // Never closed.
                let Ok(slot) = route.slots.clone().acquire_owned().await else { return };
                drop(turn);
                call::deliver(lane, route, epoch, (job, known), slot, begun).await;
            }));
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let unused = u32::try_from(self.calls()).unwrap_or(u32::MAX);
        self.route.give_back(unused, !self.is_used);
        self.turns.clear();
        self.lane.has_room();
    }
}
