//! One channel's loop: waits until something may be sent, claims just that, and lets it go.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, Reason, Timestamp};
use watchbell_store::StoreError;
use watchbell_store::queue::{AddressFate, Job, Next, Ranks};

use super::breaker::{PROBE_GAP, ProviderStates};
use super::call::{Known, Stage};
use super::handover::LaneNextDoor;
use super::route::{Errand, Place, Room, Route, Routes};
use super::{ChannelRoute, Shared, call};
use crate::settings::OnUnknown;

/// Deliveries in one claim at most.
const LARGEST_CLAIM: u32 = 500;
/// HIGH alerts that wait for a provider that is down are spread over so much time, one by one.
const PROBE_SPREAD: Duration = Duration::from_secs(4);
/// Between two looks whether another process still serves a channel.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A channel that was served is given up when nobody has served it for so long: a worker that is started anew is back by then.
const RETURNS_WITHIN: Duration = Duration::from_secs(30);
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
    started_at: Timestamp,
}

impl Lane {
    pub fn new(shared: Arc<Shared>, states: &ProviderStates, route: ChannelRoute) -> Arc<Self> {
        let (channel, on_unknown, started_at) = (route.channel, route.on_unknown, shared.clock.now());
        Arc::new(Self {
            routes: Routes::new(route, states, &shared.clock),
            shared,
            on_unknown,
            put_back: Notify::new(),
            freed: Notify::new(),
            pace: AtomicU8::new(Pace::Held as u8),
            busy_at: AtomicI64::new(0),
            channel,
            started_at,
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
                Wait::ForCall | Wait::ForProvider(_) | Wait::ToProbe(_) | Wait::ForLife | Wait::For(_) => Pace::Held,
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
        // Who cannot say what time it is cannot say what is due, nor who is alive.
        if !self.shared.clock.is_sure() {
            return Wait::For(RETRY);
        }
        let now = self.shared.clock.now();
        let Some(sharing) = self.shared.membership.sharing(self.channel) else { return Wait::For(RETRY) };
        self.routes.share(sharing);
        match self.routes.room(now, LARGEST_CLAIM) {
            Room::Full => Wait::ForCall,
            Room::NotBefore(at) => Wait::ForProvider(at),
            Room::Calls(route, calls) => self.claim(&route, calls).await,
            Room::Probe { ranks, all_at } => self.probe(ranks, all_at).await,
        }
    }

    async fn claim(self: &Arc<Self>, route: &Arc<Route>, calls: u32) -> Wait {
        let epoch = self.shared.membership.epoch();
        let jobs = match self.shared.store.claim(epoch, self.channel, Ranks::All, i64::from(calls)).await {
            Ok(jobs) => jobs,
            Err(error) => {
                route.give_back(calls, true);
                return self.not_claimed(&error);
            }
        };
        let claimed = jobs.len();
        let here = self.send_out(epoch, jobs, Some(route)).await;
        let used = u32::try_from(here.len()).unwrap_or(u32::MAX);
        route.give_back(calls.saturating_sub(used), used == 0);
        for job in here {
            // As many were free before the claim; what was kept for a plan at the same moment comes free again.
            let Ok(slot) = route.slots.clone().acquire_owned().await else { break };
            self.shared.calls.spawn(Box::pin(call::deliver(self.clone(), route.clone(), epoch, job, slot, Stage::Claimed)));
        }
        // More may be ready, unless there was less than was asked for.
        if u32::try_from(claimed) == Ok(calls) { Wait::Not } else { self.next_ready().await }
    }

    /// One message: it finds out whether a provider still is down, or goes on to the next one.
    async fn probe(self: &Arc<Self>, ranks: Ranks, all_at: Timestamp) -> Wait {
        let epoch = self.shared.membership.epoch();
        let jobs = match self.shared.store.claim(epoch, self.channel, ranks, 1).await {
            Ok(jobs) => jobs,
            Err(error) => return self.not_claimed(&error),
        };
        if !jobs.is_empty() {
            self.send_out(epoch, jobs, None).await;
            return Wait::Not;
        }
        match (self.shared.store.next_ready(self.channel, ranks).await, ranks) {
            (Ok(next), Ranks::All) => Wait::ToProbe(next.unwrap_or(Timestamp::MAX)),
            (Ok(next), Ranks::High) => Wait::ToProbe(next.map_or(all_at, |next| next.min(all_at))),
            (Err(error), _) => self.not_read(&error),
        }
    }

    /// Starts the calls of claimed jobs by whichever providers take them, but for those that go `there`: the answer.
    async fn send_out(self: &Arc<Self>, epoch: Epoch, jobs: Vec<Job>, there: Option<&Arc<Route>>) -> Vec<(Job, Known)> {
        let now = self.shared.clock.now();
        if !jobs.is_empty() {
            self.busy_at.store(now.as_millis(), Ordering::Relaxed);
        }
        let (mut here, mut later, mut nowhere) = (Vec::with_capacity(jobs.len()), Vec::new(), Vec::new());
        let mut behind = 0;
        // All of them at once, however long the first ones take to be placed.
        let jobs = jobs.into_iter().map(|job| (Known::new(&self.shared, &job.id), job)).collect::<Vec<_>>();
        for (known, job) in jobs {
            let to = call::destination(&job);
            let place = to.as_ref().map(|to| self.routes.place(Errand::new(&job, to), there.map(AsRef::as_ref), now));
            match (place, there) {
                (Some(Place::Other(route, slot)), _) => {
                    self.shared.calls.spawn(Box::pin(call::deliver(self.clone(), route, epoch, (job, known), slot, Stage::Claimed)));
                }
                (Some(Place::NotBefore(at)), _) => later.push((job.id, at)),
                (Some(Place::Down(at)), _) => {
                    // Each gets its turn to try, and none waits for long once somebody has found a provider up.
                    later.push((job.id, at + PROBE_SPREAD.min(PROBE_GAP * behind)));
                    behind += 1;
                }
                (None | Some(Place::There), Some(_)) => here.push((job, known)),
                // Nobody to call: it fails without a provider.
                (None | Some(Place::There | Place::Nowhere), _) => nowhere.push(job),
            }
        }
        if !later.is_empty() {
            call::release(&self.shared, epoch, later).await;
        }
        self.fail_all(epoch, nowhere, Reason::NoProviderForAddress { channel: self.channel }).await;
        here
    }

    /// Ends deliveries for which there is nobody to call.
    async fn fail_all(self: &Arc<Self>, epoch: Epoch, jobs: Vec<Job>, reason: Reason) {
        let next = Next::Failed { reason, address: AddressFate::Keep };
        let ends = jobs.into_iter().map(|job| call::end(self, epoch, Arc::new(job), next.clone()));
        futures::future::join_all(ends).await;
    }

    /// This process has no provider for the channel. Where another one has, it is left to that; where there is none, and has been
    /// none for a while, what is due fails with that reason, so that the user's next step takes over.
    async fn refuse(self: &Arc<Self>) -> Wait {
        if self.shared.membership.is_served(self.channel) {
            return Wait::For(LOOK_AGAIN);
        }
        match self.shared.store.last_served(self.channel).await {
            Ok(Some(at)) if self.shared.clock.now() < at.max(self.started_at) + RETURNS_WITHIN => return Wait::For(LOOK_AGAIN),
            Ok(_) => {}
            Err(error) => return self.not_read(&error),
        }
        let epoch = self.shared.membership.epoch();
        match self.shared.store.claim(epoch, self.channel, Ranks::All, i64::from(LARGEST_CLAIM)).await {
            Ok(jobs) if jobs.is_empty() => self.next_ready().await,
            Ok(jobs) => {
                self.fail_all(epoch, jobs, Reason::NoProvider { channel: self.channel }).await;
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
        match self.shared.store.next_ready(self.channel, Ranks::All).await {
            Ok(at) => Wait::ForDue(at),
            Err(error) => self.not_read(&error),
        }
    }

    fn not_read(&self, error: &StoreError) -> Wait {
        tracing::warn!(channel = %self.channel, error = watchbell_core::error_chain(error), "what is due next could not be read; trying again");
        Wait::For(RETRY)
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
    /// Until something may try a provider that is down, becomes ready to, or a call ends.
    ToProbe(Timestamp),
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
        Wait::ToProbe(at) => tokio::select! {
            () = clock.sleep_until(at) => {}
            _ = woken.changed() => {}
            () = lane.put_back.notified() => {}
            () = lane.routes.changed.notified() => {}
        },
        Wait::ForLife => lane.shared.membership.renewed().await,
        Wait::ForCall => lane.routes.changed.notified().await,
    }
}
