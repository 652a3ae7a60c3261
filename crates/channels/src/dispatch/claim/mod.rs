//! The loop of a channel worker: it waits until something may be sent, claims just that, and lets it go.

mod wait;

use std::sync::Arc;
use std::time::Duration;

use watchbell_core::ids::Epoch;
use watchbell_core::{Reason, Timestamp};
use watchbell_store::StoreError;
use watchbell_store::queue::{AddressFate, Job, Next, Ranks};

use self::wait::Wait;
use super::channel::ChannelWorker;
use super::channel::pace::Pace;
use super::delivery::destination::destination;
use super::delivery::{self, Stage};
use super::held::LeaseGuard;
use super::routes::breaker::PROBE_GAP;
use super::routes::choice::{Place, Room};
use super::routes::request::RouteRequest;
use super::routes::route::Route;

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

impl ChannelWorker {
    /// Until the process is told to stop.
    pub async fn run(self: Arc<Self>) {
        let mut woken = self.context.store.wakes().watch(self.channel);
        while !self.context.stop.is_cancelled() {
            // A wake-up counts as seen before the claim: what becomes due after the claim ends the wait that follows it.
            woken.borrow_and_update();
            let wait = self.claim_and_start().await;
            self.set_pace(match wait {
                Wait::ForDue(at) if at.is_none_or(|at| at > self.context.clock.now()) => Pace::CaughtUp,
                Wait::ForDue(_) | Wait::Not => Pace::Behind,
                Wait::ForCall if self.routes.is_fast() => Pace::Behind,
                Wait::ForCall | Wait::ForProvider(_) | Wait::ToProbe(_) | Wait::ForSession | Wait::For(_) => Pace::Held,
            });
            tokio::select! {
                () = self.context.stop.cancelled() => return,
                () = wait.done(&self, &mut woken) => {}
            }
            if self.pace() == Pace::CaughtUp {
                self.set_pace(Pace::Behind);
            }
        }
    }

    /// Claims and starts what can be sent now; says what to wait for.
    async fn claim_and_start(self: &Arc<Self>) -> Wait {
        if self.context.shadow {
            return self.suppress().await;
        }
        if self.routes.is_empty() {
            return self.refuse().await;
        }
        // Who cannot say what time it is cannot say what is due, nor who is alive.
        if !self.context.clock.is_sure() {
            return Wait::For(RETRY);
        }
        let now = self.context.clock.now();
        let Some(sharing) = self.context.session.sharing(self.channel) else { return Wait::For(RETRY) };
        self.routes.share(sharing);
        match self.take_calls(now).await {
            Ok(None) => {}
            Ok(Some(wait)) => return wait,
            Err(error) => return self.not_read(&error),
        }
        match self.room(now, LARGEST_CLAIM) {
            Room::Full => Wait::ForCall,
            Room::NotBefore(at) => Wait::ForProvider(at),
            Room::Calls(route, calls) => self.claim(&route, calls).await,
            Room::Probe { ranks, all_at } => self.probe(ranks, all_at, 1).await,
            Room::UsedUp => self.probe(Ranks::All, now, LARGEST_CLAIM).await,
        }
    }

    /// Takes from the database what providers may still call today, where they have used up what they had; or says what to wait for,
    /// as nothing is ready for which it would be needed.
    async fn take_calls(&self, now: Timestamp) -> Result<Option<Wait>, StoreError> {
        let wanted = self.routes.wanted_calls(now);
        if wanted.is_empty() {
            return Ok(None);
        }
        let next = self.context.store.next_ready(self.channel, Ranks::All).await?;
        if next.is_none_or(|at| at > now) {
            return Ok(Some(Wait::ForDue(next)));
        }
        for (route, budget, calls) in wanted {
            let granted = self.context.store.take_calls(&budget, calls).await?;
            route.granted(budget.day, granted);
        }
        Ok(None)
    }

    async fn claim(self: &Arc<Self>, route: &Arc<Route>, calls: u32) -> Wait {
        let (epoch, asked_at) = (self.context.session.epoch(), self.context.clock.now());
        let jobs = match self.context.store.claim(epoch, self.channel, Ranks::All, i64::from(calls)).await {
            Ok(jobs) => jobs,
            Err(error) => {
                route.give_back(calls, true);
                return self.not_claimed(&error);
            }
        };
        delivery::record_claims(&self.context, &jobs, asked_at);
        let claimed = jobs.len();
        let here = self.send_out(epoch, jobs, Some(route)).await;
        let used = u32::try_from(here.len()).unwrap_or(u32::MAX);
        route.give_back(calls.saturating_sub(used), used == 0);
        for job in here {
            // As many slots were free before the claim. Where some have been taken for inline dispatch since, they come free again.
            let Ok(slot) = route.slots.clone().acquire_owned().await else { break };
            self.context.calls.spawn(Box::pin(delivery::deliver(self.clone(), route.clone(), epoch, job, slot, Stage::Claimed)));
        }
        // More may be ready, unless there was less than was asked for.
        if u32::try_from(claimed) == Ok(calls) { Wait::Not } else { self.next_ready().await }
    }

    /// Claims without room: one message, which finds out whether a provider still is down or goes on to the next one; or all that no
    /// provider may be called for any more today, which is refused.
    async fn probe(self: &Arc<Self>, ranks: Ranks, all_at: Timestamp, most: u32) -> Wait {
        let (epoch, asked_at) = (self.context.session.epoch(), self.context.clock.now());
        let jobs = match self.context.store.claim(epoch, self.channel, ranks, i64::from(most)).await {
            Ok(jobs) => jobs,
            Err(error) => return self.not_claimed(&error),
        };
        if !jobs.is_empty() {
            delivery::record_claims(&self.context, &jobs, asked_at);
            self.send_out(epoch, jobs, None).await;
            return Wait::Not;
        }
        match (self.context.store.next_ready(self.channel, ranks).await, ranks) {
            (Ok(next), Ranks::All) => Wait::ToProbe(next.unwrap_or(Timestamp::MAX)),
            (Ok(next), Ranks::High) => Wait::ToProbe(next.map_or(all_at, |next| next.min(all_at))),
            (Err(error), _) => self.not_read(&error),
        }
    }

    /// Starts the calls of claimed jobs, each by the provider that takes it. Answers those that go by `there`, the provider for whose
    /// room they were claimed: the caller starts them.
    async fn send_out(self: &Arc<Self>, epoch: Epoch, jobs: Vec<Job>, there: Option<&Arc<Route>>) -> Vec<(Job, LeaseGuard)> {
        let now = self.context.clock.now();
        if !jobs.is_empty() {
            self.is_busy(now);
        }
        let (mut here, mut later, mut nowhere) = (Vec::with_capacity(jobs.len()), Vec::new(), Vec::new());
        let mut behind = 0;
        // All of them count as held at once, however long it takes to place the first ones.
        let jobs = jobs.into_iter().map(|job| (self.context.held.guard(&job.id), job)).collect::<Vec<_>>();
        for (lease, job) in jobs {
            let to = destination(&job);
            let place = to.as_ref().map(|to| self.routes.place(RouteRequest::new(&job, to), there.map(AsRef::as_ref), now));
            match (place, there) {
                (Some(Place::Other(route, slot)), _) => {
                    self.context.calls.spawn(Box::pin(delivery::deliver(self.clone(), route, epoch, (job, lease), slot, Stage::Claimed)));
                }
                (Some(Place::NotBefore(at)), _) => later.push((job.id, at)),
                (Some(Place::Down(at)), _) => {
                    // Each tries the provider at a time of its own; once one of them has found it up, none waits for long.
                    later.push((job.id, at + PROBE_SPREAD.min(PROBE_GAP * behind)));
                    behind += 1;
                }
                (None | Some(Place::There), Some(_)) => here.push((job, lease)),
                (Some(Place::Nowhere(reason)), _) => {
                    // What its provider took was sent, and did not arrive.
                    let was_sent = to.as_ref().is_some_and(|to| RouteRequest::new(&job, to).did_not_arrive());
                    nowhere.push((job, reason, was_sent));
                }
                // There is no address to call: it fails without a provider.
                (None | Some(Place::There), _) => nowhere.push((job, Reason::NoProviderForAddress { channel: self.channel }, false)),
            }
        }
        if !later.is_empty() {
            delivery::release(&self.context, epoch, later).await;
        }
        self.refused.note(self, &nowhere, now).await;
        let end = |(job, reason, was_sent): (Job, Reason, bool)| {
            let next = if was_sent { Next::Undelivered { reason } } else { Next::Failed { reason, address: AddressFate::Keep } };
            delivery::end(self, epoch, Arc::new(job), next)
        };
        futures::future::join_all(nowhere.into_iter().map(end)).await;
        here
    }

    /// Ends deliveries for which there is nobody to call.
    async fn fail_all(self: &Arc<Self>, epoch: Epoch, jobs: Vec<Job>, reason: Reason) {
        self.end_all(epoch, jobs, &Next::Failed { reason, address: AddressFate::Keep }).await;
    }

    async fn end_all(self: &Arc<Self>, epoch: Epoch, jobs: Vec<Job>, next: &Next) {
        let ends = jobs.into_iter().map(|job| delivery::end(self, epoch, Arc::new(job), next.clone()));
        futures::future::join_all(ends).await;
    }

    /// Ends whatever is due: nothing is sent here.
    async fn suppress(self: &Arc<Self>) -> Wait {
        let epoch = self.context.session.epoch();
        match self.context.store.claim(epoch, self.channel, Ranks::All, i64::from(LARGEST_CLAIM)).await {
            Ok(jobs) if jobs.is_empty() => self.next_ready().await,
            Ok(jobs) => {
                self.end_all(epoch, jobs, &Next::Suppressed { reason: Reason::Shadow }).await;
                Wait::Not
            }
            Err(error) => self.not_claimed(&error),
        }
    }

    /// This process has no provider for the channel. Where another one has, it is left to that; where there is none, and has been
    /// none for a while, what is due fails with that reason, so that the user's next step takes over.
    async fn refuse(self: &Arc<Self>) -> Wait {
        if self.context.session.is_served(self.channel) {
            return Wait::For(LOOK_AGAIN);
        }
        match self.context.store.last_served(self.channel).await {
            Ok(Some(at)) if self.context.clock.now() < at.max(self.started_at) + RETURNS_WITHIN => return Wait::For(LOOK_AGAIN),
            Ok(_) => {}
            Err(error) => return self.not_read(&error),
        }
        let epoch = self.context.session.epoch();
        match self.context.store.claim(epoch, self.channel, Ranks::All, i64::from(LARGEST_CLAIM)).await {
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
            return Wait::ForSession;
        }
        tracing::warn!(channel = %self.channel, error = watchbell_core::error_chain(error), "delivery.claim failed; trying again");
        Wait::For(RETRY)
    }

    async fn next_ready(&self) -> Wait {
        match self.context.store.next_ready(self.channel, Ranks::All).await {
            Ok(at) => Wait::ForDue(at),
            Err(error) => self.not_read(&error),
        }
    }

    fn not_read(&self, error: &StoreError) -> Wait {
        tracing::warn!(channel = %self.channel, error = watchbell_core::error_chain(error), "what is due next could not be read; trying again");
        Wait::For(RETRY)
    }
}
