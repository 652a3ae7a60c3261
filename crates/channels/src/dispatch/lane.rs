//! One channel's loop: waits until something may be sent, claims just that, and lets it go.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, Timestamp};
use watchbell_store::StoreError;
use watchbell_store::queue::{AddressFate, Job, Next};

use super::breaker::ProviderStates;
use super::call::Stage;
use super::handover::LaneNextDoor;
use super::route::{Place, Room, Route, Routes};
use super::{ChannelRoute, Shared, call};
use crate::settings::OnUnknown;

/// Deliveries in one claim at most.
const LARGEST_CLAIM: u32 = 500;
/// After the database failed.
const RETRY: Duration = Duration::from_millis(500);

/// How a lane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nothing was ready at the last look, and nothing has become so since.
    CaughtUp,
    /// What is ready leaves as fast as this machine can.
    Behind,
    /// What is ready waits for a provider, its limit, or the database.
    Held,
}

/// A channel with its providers.
#[derive(Debug)]
pub(super) struct Lane {
    pub shared: Arc<Shared>,
    pub routes: Routes,
    pub on_unknown: OnUnknown,
    /// A call has put its delivery back in the queue: what was known of the next due time is outdated.
    pub put_back: Notify,
    /// A call has ended: see [`Lane::has_room`].
    pub freed: Notify,
    /// A [`Pace`].
    pace: AtomicU8,
    /// When something was last handed over or claimed, in milliseconds.
    pub busy_at: AtomicI64,
    pub channel: Channel,
}

impl Lane {
    pub fn new(shared: Arc<Shared>, states: &ProviderStates, route: ChannelRoute) -> Arc<Self> {
        let (channel, on_unknown) = (route.channel, route.on_unknown);
        Arc::new(Self {
            routes: Routes::new(route, states, &shared.clock),
            shared,
            on_unknown,
            put_back: Notify::new(),
            freed: Notify::new(),
            pace: AtomicU8::new(Pace::Held as u8),
            busy_at: AtomicI64::new(0),
            channel,
        })
    }

    /// Tells who waits for room that there may be some.
    pub fn has_room(&self) {
        self.routes.changed.notify_one();
        self.freed.notify_waiters();
    }

    pub fn pace(&self) -> Pace {
        const ALL: [Pace; 3] = [Pace::CaughtUp, Pace::Behind, Pace::Held];
        let pace = self.pace.load(Ordering::Acquire);
        ALL.into_iter().find(|one| *one as u8 == pace).unwrap_or(Pace::Held)
    }

    fn set_pace(&self, pace: Pace) {
        self.pace.store(pace as u8, Ordering::Release);
        self.freed.notify_waiters();
    }

    pub async fn run(self: Arc<Self>) {
        let mut woken = self.shared.store.wakes().watch(self.channel);
        if !self.routes.is_empty() {
            self.shared.store.local_workers().enter(self.channel, Arc::new(LaneNextDoor(Arc::downgrade(&self))));
        }
        self.work(&mut woken).await;
        self.shared.store.local_workers().leave(self.channel);
    }

    async fn work(self: &Arc<Self>, woken: &mut watch::Receiver<u64>) {
        while !self.shared.stop.is_cancelled() {
            // Seen before the claim: what becomes due after it wakes the wait that follows.
            woken.borrow_and_update();
            let wait = self.turn().await;
            self.set_pace(match wait {
                Wait::ForDue(at) if at.is_none_or(|at| at > self.shared.clock.now()) => Pace::CaughtUp,
                Wait::ForDue(_) | Wait::Not => Pace::Behind,
                Wait::ForCall if self.routes.is_fast() => Pace::Behind,
                Wait::ForCall | Wait::ForProvider(_) | Wait::ForLife | Wait::For(_) => Pace::Held,
            });
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = wait_for(self, wait, woken) => {}
            }
            if self.pace() == Pace::CaughtUp {
                self.set_pace(Pace::Behind);
            }
        }
    }

    /// Claims and starts what can be sent now; says what to wait for.
    async fn turn(self: &Arc<Self>) -> Wait {
        if self.routes.is_empty() {
            return self.refuse().await;
        }
        let now = self.shared.clock.now();
        let Some(sharing) = self.shared.membership.sharing(self.channel) else { return Wait::For(RETRY) };
        self.routes.share(sharing);
        match self.routes.room(now, LARGEST_CLAIM) {
            Room::Full => Wait::ForCall,
            Room::NotBefore(at) => Wait::ForProvider(at),
            Room::Calls(route, calls) => self.claim(&route, calls).await,
        }
    }

    async fn claim(self: &Arc<Self>, route: &Arc<Route>, calls: u32) -> Wait {
        let epoch = self.shared.membership.epoch();
        let jobs = match self.shared.store.claim(epoch, self.channel, i64::from(calls)).await {
            Ok(jobs) => jobs,
            Err(error) => {
                route.give_back(calls, true, self.shared.clock.now());
                return self.not_claimed(&error);
            }
        };
        let claimed = jobs.len();
        let now = self.shared.clock.now();
        if claimed > 0 {
            self.busy_at.store(now.as_millis(), Ordering::Relaxed);
        }
        let (mut here, mut later, mut nowhere) = (Vec::with_capacity(claimed), Vec::new(), Vec::new());
        for job in jobs {
            match call::destination(&job).map_or(Place::There, |to| self.routes.place(&to, route, now)) {
                Place::There => here.push(job),
                Place::Other(route, slot) => {
                    self.shared.calls.spawn(Box::pin(call::deliver(self.clone(), route, epoch, job, slot, Stage::Claimed)));
                }
                Place::NotBefore(at) => later.push((job.id, at)),
                Place::Nowhere => nowhere.push(job),
            }
        }
        let used = u32::try_from(here.len()).unwrap_or(u32::MAX);
        route.give_back(calls.saturating_sub(used), used == 0, now);
        for job in here {
            // As many were free before the claim; what was kept for a plan at the same moment comes free again.
            let Ok(slot) = route.slots.clone().acquire_owned().await else { break };
            self.shared.calls.spawn(Box::pin(call::deliver(self.clone(), route.clone(), epoch, job, slot, Stage::Claimed)));
        }
        if !later.is_empty() {
            call::release(&self.shared, epoch, later).await;
        }
        self.fail_all(epoch, nowhere, &format!("no provider of the channel {} takes this kind of address", self.channel)).await;
        // More may be ready, unless there was less than was asked for.
        if u32::try_from(claimed) == Ok(calls) { Wait::Not } else { self.next_ready().await }
    }

    /// Ends deliveries for which there is nobody to call.
    async fn fail_all(self: &Arc<Self>, epoch: Epoch, jobs: Vec<Job>, reason: &str) {
        let next = Next::Failed { reason: reason.to_owned(), address: AddressFate::Keep };
        let ends = jobs.into_iter().map(|job| call::end(self, epoch, Arc::new(job), next.clone()));
        futures::future::join_all(ends).await;
    }

    /// No provider is configured: what is due fails with that reason, so that the user's next step takes over.
    async fn refuse(self: &Arc<Self>) -> Wait {
        let epoch = self.shared.membership.epoch();
        match self.shared.store.claim(epoch, self.channel, i64::from(LARGEST_CLAIM)).await {
            Ok(jobs) if jobs.is_empty() => self.next_ready().await,
            Ok(jobs) => {
                self.fail_all(epoch, jobs, &format!("no provider is configured for the channel {}", self.channel)).await;
                Wait::Not
            }
            Err(error) => self.not_claimed(&error),
        }
    }

    fn not_claimed(&self, error: &StoreError) -> Wait {
        if matches!(error, StoreError::Lapsed) {
            return Wait::ForLife;
        }
        tracing::warn!(channel = %self.channel, error = watchbell_core::error_chain(error), "delivery.claim failed; trying again");
        Wait::For(RETRY)
    }

    async fn next_ready(&self) -> Wait {
        match self.shared.store.next_ready(self.channel).await {
            Ok(at) => Wait::ForDue(at),
            Err(error) => {
                tracing::warn!(channel = %self.channel, error = watchbell_core::error_chain(&error), "the next due time could not be read");
                Wait::For(RETRY)
            }
        }
    }
}

/// What a lane waits for before its next turn.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Not,
    For(Duration),
    /// Until something is due at this time, or becomes due sooner.
    ForDue(Option<Timestamp>),
    /// Until a provider may be called again, or a call ends.
    ForProvider(Timestamp),
    /// Until a call ends.
    ForCall,
    /// Until this process's life has been renewed.
    ForLife,
}

async fn wait_for(lane: &Lane, wait: Wait, woken: &mut watch::Receiver<u64>) {
    let clock = &lane.shared.clock;
    match wait {
        Wait::Not => {}
        Wait::For(time) => clock.sleep(time).await,
        Wait::ForDue(at) => {
            tokio::select! {
                () = clock.sleep_until(at.unwrap_or(Timestamp::MAX)) => {}
                // The sender lives as long as the store.
                _ = woken.changed() => {}
                () = lane.put_back.notified() => {}
            }
        }
        Wait::ForProvider(at) => tokio::select! {
            () = clock.sleep_until(at) => {}
            () = lane.routes.changed.notified() => {}
        },
        Wait::ForLife => lane.shared.membership.renewed().await,
        Wait::ForCall => lane.routes.changed.notified().await,
    }
}
