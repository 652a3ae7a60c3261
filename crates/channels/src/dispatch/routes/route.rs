//! A provider as one channel uses it: whether it may be called, how much room it has, and what its answers say about it.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Backoff, Channel, Clock, Timestamp};

use super::account_limit::AccountLimiter;
use super::breaker::{Breaker, BreakerState, ProviderStates};
use super::budget::DayBudget;
use crate::dispatch::settings::ProviderRoute;
use crate::provider::Provider;
use crate::settings::RouteSettings;

/// A provider with its breaker, limit and slots.
#[derive(Debug)]
pub(in crate::dispatch) struct Route {
    pub name: String,
    pub provider: Arc<dyn Provider>,
    pub(super) settings: RouteSettings,
    pub timeout: Duration,
    pub slots: Arc<Semaphore>,
    pub(super) most_slots: usize,
    /// Calls that were begun inline and are queued for a slot: each is a [`QueuedCall`].
    queued: Arc<AtomicUsize>,
    /// How long calls take of late, in microseconds; 0 before the first one.
    latency_us: AtomicI64,
    channel: Channel,
    states: ProviderStates,
    state: Mutex<RouteState>,
}

#[derive(Debug)]
pub(super) struct RouteState {
    pub(super) breaker: Breaker,
    pub(super) limiter: AccountLimiter,
    /// None where it may make as many calls as it likes.
    pub(super) budget: Option<DayBudget>,
    /// By a 429 of the whole account.
    paused_until: Timestamp,
    pauses: Backoff,
}

/// How a provider stands to a message.
pub(super) enum Standing {
    Up,
    /// It has made all calls that it may make today.
    UsedUp,
    /// It is down, and this message may find out whether it still is.
    MayProbe,
    Down(Timestamp),
}

/// When a provider whose slots are all taken is asked again for a message that only it takes.
pub(super) const BUSY: Duration = Duration::from_millis(100);

/// After a 429 that does not say for how long; the pause grows with each further one before the provider answers again.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));

/// A call that is queued in memory for a slot gets one within about this time: well before it would have to be begun anew.
const SOON_MS: i64 = 50;
/// Calls that are queued in memory at most, however fast the provider is.
const LONGEST_QUEUE: usize = 1_024;
/// Taken for the time of a call that was faster than the clock can tell.
const FASTEST_US: i64 = 500;

impl RouteState {
    pub(super) fn standing(&self, now: Timestamp, urgent: bool) -> Standing {
        match self.probe_at(urgent) {
            _ if self.is_used_up(now) => Standing::UsedUp,
            at if at > now => Standing::Down(at),
            _ if self.breaker.is_closed() => Standing::Up,
            _ => Standing::MayProbe,
        }
    }

    pub(super) fn is_used_up(&self, now: Timestamp) -> bool {
        self.budget.as_ref().is_some_and(|budget| budget.is_used_up(now))
    }

    /// Takes up to `most` calls that the account and the day's budget allow now; if there are none, says when there may be.
    pub(super) fn take(&mut self, most: u32, now: Timestamp) -> Result<u32, Timestamp> {
        let Some(budget) = &mut self.budget else { return self.limiter.take(most).map_err(|wait| now + wait) };
        let allowed = most.min(u32::try_from(budget.left(now)).unwrap_or(u32::MAX));
        if allowed == 0 {
            // More is taken from the database before the next claim.
            return Err(now + BUSY);
        }
        let taken = self.limiter.take(allowed).map_err(|wait| now + wait)?;
        budget.take(taken);
        Ok(taken)
    }

    /// When a call may be made, for all that is known of the provider.
    pub(super) fn probe_at(&self, urgent: bool) -> Timestamp {
        self.breaker.probe_at(urgent).max(self.paused_until)
    }
}

/// A place in the queue for a slot, left when this is dropped.
#[derive(Debug)]
pub(in crate::dispatch) struct QueuedCall(Arc<AtomicUsize>);

impl Drop for QueuedCall {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Route {
    pub fn new(route: ProviderRoute, channel: Channel, states: ProviderStates, clock: Arc<dyn Clock>) -> Self {
        Self {
            timeout: route.limit.timeout,
            slots: Arc::new(Semaphore::new(route.limit.in_flight)),
            most_slots: route.limit.in_flight,
            queued: Arc::default(),
            latency_us: AtomicI64::default(),
            channel,
            states,
            state: Mutex::new(RouteState {
                breaker: Breaker::default(),
                limiter: AccountLimiter::new(&route.limit, clock),
                budget: route.settings.max_per_day.map(|per_day| DayBudget::new(channel, &route.name, per_day)),
                paused_until: Timestamp::default(),
                pauses: PAUSES,
            }),
            name: route.name,
            provider: route.provider,
            settings: route.settings,
        }
    }

    pub fn most_slots(&self) -> usize {
        self.most_slots
    }

    pub fn breaker_state(&self) -> BreakerState {
        self.lock().breaker.state()
    }

    /// Slots that are taken.
    pub fn calls_in_flight(&self) -> usize {
        self.most_slots.saturating_sub(self.slots.available_permits())
    }

    /// Room for one call; or when there may be some.
    pub(in crate::dispatch) fn take_one(&self, now: Timestamp) -> Result<OwnedSemaphorePermit, Timestamp> {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else { return Err(now + BUSY) };
        let mut state = self.lock();
        state.take(1, now)?;
        state.breaker.called(now);
        self.show(&state);
        Ok(slot)
    }

    /// Calls that get a slot at once or soon.
    pub(super) fn calls_soon(&self) -> usize {
        self.slots.available_permits() + self.queue_capacity().saturating_sub(self.queued.load(Ordering::Relaxed))
    }

    /// How many calls may be queued for a slot, so that each gets one soon, going by how long calls took of late.
    pub(super) fn queue_capacity(&self) -> usize {
        let latency_us = self.latency_us.load(Ordering::Relaxed);
        if latency_us == 0 {
            return 0;
        }
        let calls = i64::try_from(self.most_slots).unwrap_or(i64::MAX).saturating_mul(SOON_MS * 1000) / latency_us;
        usize::try_from(calls).unwrap_or(0).min(LONGEST_QUEUE)
    }

    /// Queues so many calls for slots.
    pub fn queue(&self, calls: usize) -> Vec<QueuedCall> {
        self.queued.fetch_add(calls, Ordering::Relaxed);
        (0..calls).map(|_| QueuedCall(self.queued.clone())).collect()
    }

    /// Notes how long a call took.
    pub fn took(&self, ms: i64) {
        let before = self.latency_us.load(Ordering::Relaxed);
        let this = (ms * 1000).max(FASTEST_US);
        // Several at once may overwrite one another: it is an estimate.
        self.latency_us.store(if before == 0 { this } else { before + (this - before) / 16 }, Ordering::Relaxed);
    }

    /// So many calls of that day's budget were taken from the database for this process; none: there are no more.
    pub fn granted(&self, day: i64, calls: i64) {
        if let Some(budget) = &mut self.lock().budget {
            budget.granted(day, calls);
        }
    }

    /// Room that was taken and not used.
    pub fn give_back(&self, calls: u32, all: bool) {
        let mut state = self.lock();
        state.limiter.give_back(calls);
        if let Some(budget) = &mut state.budget {
            budget.give_back(calls);
        }
        if all {
            state.breaker.not_called();
            self.show(&state);
        }
    }

    /// Until when the account takes nothing.
    pub fn paused_until(&self) -> Timestamp {
        self.lock().paused_until
    }

    /// Learns from an answer.
    pub fn learn(&self, report: &Report, now: Timestamp) {
        let mut state = self.lock();
        match &report.outcome {
            Outcome::Accepted { .. } | Outcome::BadAddress | Outcome::BadMessage | Outcome::BadRoute => {
                state.breaker.worked();
                state.pauses.reset();
            }
            // It says something about one address's own server, and nothing about the others.
            Outcome::Unknown | Outcome::Retry { scope: LimitScope::Message, .. } if !self.provider.is_one_service() => {
                state.breaker.worked();
            }
            Outcome::Retry { after, scope } => match scope {
                LimitScope::Provider => {
                    state.breaker.worked();
                    // Calls that were under way when the account's pause began say nothing new.
                    if after.is_some() || state.paused_until <= now {
                        let pause = state.pauses.next_wait();
                        state.paused_until = after.unwrap_or(now + pause).max(state.paused_until);
                    }
                    tracing::info!(provider = self.name, until = %state.paused_until, "provider.paused: it asked for fewer calls");
                }
                LimitScope::Recipient => state.breaker.worked(),
                LimitScope::Message => self.say_if_opened(state.breaker.failed(now, false), report),
            },
            Outcome::ProviderDown => self.say_if_opened(state.breaker.failed(now, true), report),
            Outcome::Unknown => self.say_if_opened(state.breaker.failed(now, false), report),
        }
        self.show(&state);
    }

    fn show(&self, state: &RouteState) {
        self.states.set(self.channel, &self.name, state.breaker.state());
    }

    fn say_if_opened(&self, opened: bool, report: &Report) {
        if opened {
            let class = report.outcome.class();
            tracing::warn!(provider = self.name, %class, code = report.code, "provider.breaker opened: nothing is sent through it for now");
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RouteState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
