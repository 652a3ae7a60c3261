//! The providers of a channel: which one takes the next calls, and what their answers say about it.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Channel, Clock, Timestamp};

use super::breaker::{Breaker, ProviderStates};
use super::limits::{AccountLimiter, Share};
use super::{ChannelRoute, ProviderRoute};
use crate::provider::{Address, Provider};

/// A provider with its breaker, limit and slots.
#[derive(Debug)]
pub(super) struct Route {
    pub name: String,
    pub provider: Arc<dyn Provider>,
    pub timeout: Duration,
    pub slots: Arc<Semaphore>,
    most_slots: usize,
    /// Calls that were begun as they were planned and wait for a slot: see [`Route::ahead`].
    ahead: Arc<AtomicUsize>,
    /// How long calls take of late, in microseconds; 0 before the first one.
    latency_us: AtomicI64,
    channel: Channel,
    states: ProviderStates,
    state: Mutex<RouteState>,
}

#[derive(Debug)]
struct RouteState {
    breaker: Breaker,
    limiter: AccountLimiter,
    /// A 429 of the whole account.
    paused_until: Timestamp,
}

/// What a channel may send now.
#[derive(Debug)]
pub(super) enum Room {
    /// So many calls through this provider.
    Calls(Arc<Route>, u32),
    /// None before this time; a call that ends may change that.
    NotBefore(Timestamp),
    /// All slots are taken: wait for a call to end.
    Full,
}

/// Where one message goes that was claimed for the room at some provider.
#[derive(Debug)]
pub(super) enum Place {
    /// To that provider.
    There,
    /// To another one, as that one does not take its address. Its room is taken.
    Other(Arc<Route>, OwnedSemaphorePermit),
    /// The one that takes it has no room before this time.
    NotBefore(Timestamp),
    /// No provider takes it.
    Nowhere,
}

/// When a provider whose slots are all taken is asked again for a message that only it takes.
const BUSY: Duration = Duration::from_millis(100);

/// What waits in memory for a slot gets one within about this time: well before it would have to be begun anew.
const SOON_MS: i64 = 50;
/// A provider that takes so many calls within that time is fast.
const FAST: usize = 128;
/// So much waits in memory for slots at most, however fast the provider is.
const MOST_AHEAD: usize = 1_024;
/// A faster answer than the clock can tell.
const FASTEST_US: i64 = 500;

/// A channel's providers, in order of preference.
#[derive(Debug)]
pub(super) struct Routes {
    routes: Vec<Arc<Route>>,
    /// A call has ended, so there may be room.
    pub changed: Notify,
}

impl Routes {
    pub fn new(channel: ChannelRoute, states: &ProviderStates, clock: &Arc<dyn Clock>) -> Self {
        let route = |route: ProviderRoute| {
            Arc::new(Route {
                name: route.name,
                provider: route.provider,
                timeout: route.limit.timeout,
                slots: Arc::new(Semaphore::new(route.limit.in_flight)),
                most_slots: route.limit.in_flight,
                ahead: Arc::default(),
                latency_us: AtomicI64::default(),
                channel: channel.channel,
                states: states.clone(),
                state: Mutex::new(RouteState {
                    breaker: Breaker::default(),
                    limiter: AccountLimiter::new(&route.limit, clock.clone()),
                    paused_until: Timestamp::default(),
                }),
            })
        };
        Self { routes: channel.providers.into_iter().map(route).collect(), changed: Notify::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Calls that the first provider takes soon, and how many it takes at most.
    pub fn soon(&self) -> (usize, usize) {
        self.routes.first().map_or((0, 0), |route| (route.soon(), route.most_slots + route.most_ahead()))
    }

    /// Whether the first provider answers so fast that it is not what deliveries wait for.
    pub fn is_fast(&self) -> bool {
        self.routes.first().is_some_and(|route| route.most_ahead() >= FAST)
    }

    /// Takes this process's part of the providers' limits from now on.
    pub fn share(&self, share: Share) {
        for route in &self.routes {
            route.lock().limiter.share(share);
        }
    }

    /// Whether another provider than this one would take a call to this address now.
    pub fn has_alternative(&self, to: &Route, address: &Address, now: Timestamp) -> bool {
        let others = self.routes.iter().filter(|route| !std::ptr::eq(route.as_ref(), to) && route.provider.takes(address));
        others.into_iter().any(|route| route.lock().open_at(now).is_none())
    }

    /// Where a message goes that was claimed for the room at `there`: one channel can have addresses of several kinds (push), and
    /// what is due is claimed before its kind is known.
    pub fn place(&self, address: &Address, there: &Route, now: Timestamp) -> Place {
        if there.provider.takes(address) {
            return Place::There;
        }
        let mut earliest: Option<Timestamp> = None;
        for route in self.routes.iter().filter(|route| route.provider.takes(address)) {
            match route.take_one(now) {
                Taken::Slot(slot) => return Place::Other(route.clone(), slot),
                // As for any message: a provider of lower preference is for when this one is down.
                Taken::Busy(at) => return Place::NotBefore(at),
                Taken::Down(at) => earliest = Some(earliest.map_or(at, |earliest| earliest.min(at))),
            }
        }
        earliest.map_or(Place::Nowhere, Place::NotBefore)
    }

    /// The first provider that works and has room, with what it takes now, up to `most` calls. The room is taken: what is not
    /// used goes back by [`Route::give_back`].
    pub fn room(&self, now: Timestamp, most: u32) -> Room {
        self.room_at(now, most, |route| route.slots.available_permits())
    }

    /// The same with the calls that get a slot soon.
    pub fn room_soon(&self, now: Timestamp, most: u32) -> Room {
        self.room_at(now, most, Route::soon)
    }

    fn room_at(&self, now: Timestamp, most: u32, slots: impl Fn(&Route) -> usize) -> Room {
        let mut earliest: Option<Timestamp> = None;
        let mut full = false;
        for route in &self.routes {
            let mut state = route.lock();
            if let Some(at) = state.open_at(now) {
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
                continue;
            }
            let allowed = state.breaker.allowance(now, slots(route).min(most as usize));
            if allowed == 0 {
                full = true;
                // A provider of lower preference is for when this one is down, not for when it is busy.
                break;
            }
            match state.limiter.take(u32::try_from(allowed).unwrap_or(u32::MAX)) {
                Ok(calls) => {
                    state.breaker.called();
                    route.show(&state);
                    drop(state);
                    return Room::Calls(route.clone(), calls);
                }
                Err(wait) => {
                    let at = now + wait;
                    return Room::NotBefore(at);
                }
            }
        }
        match earliest {
            Some(at) if !full => Room::NotBefore(at),
            _ => Room::Full,
        }
    }
}

impl RouteState {
    /// When calls may be made again; None is now.
    fn open_at(&self, now: Timestamp) -> Option<Timestamp> {
        let breaker = match self.breaker.state() {
            super::BreakerState::Open { until } => until,
            _ => Timestamp::default(),
        };
        Some(breaker.max(self.paused_until)).filter(|at| *at > now)
    }
}

/// A place in the line for a slot, left with the end of this.
#[derive(Debug)]
pub(super) struct Turn(Arc<AtomicUsize>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What came of asking a provider for room for one message.
enum Taken {
    Slot(OwnedSemaphorePermit),
    Busy(Timestamp),
    Down(Timestamp),
}

impl Route {
    fn take_one(&self, now: Timestamp) -> Taken {
        let mut state = self.lock();
        if let Some(at) = state.open_at(now) {
            return Taken::Down(at);
        }
        let Ok(slot) = self.slots.clone().try_acquire_owned() else { return Taken::Busy(now + BUSY) };
        if state.breaker.allowance(now, 1) == 0 {
            return Taken::Busy(now + BUSY);
        }
        match state.limiter.take(1) {
            Ok(_) => {
                state.breaker.called();
                self.show(&state);
                Taken::Slot(slot)
            }
            Err(wait) => Taken::Busy(now + wait),
        }
    }

    /// Calls that get a slot at once or soon.
    fn soon(&self) -> usize {
        self.slots.available_permits() + self.most_ahead().saturating_sub(self.ahead.load(Ordering::Relaxed))
    }

    /// How many calls may wait for a slot, so that each gets one soon, going by how long calls took of late.
    fn most_ahead(&self) -> usize {
        let latency_us = self.latency_us.load(Ordering::Relaxed);
        if latency_us == 0 {
            return 0;
        }
        let calls = i64::try_from(self.most_slots).unwrap_or(i64::MAX).saturating_mul(SOON_MS * 1000) / latency_us;
        usize::try_from(calls).unwrap_or(0).min(MOST_AHEAD)
    }

    /// Notes so many calls that are to wait for slots; each leaves with its [`Turn`].
    pub fn line_up(&self, calls: usize) -> Vec<Turn> {
        self.ahead.fetch_add(calls, Ordering::Relaxed);
        (0..calls).map(|_| Turn(self.ahead.clone())).collect()
    }

    /// Notes how long a call took.
    pub fn took(&self, ms: i64) {
        let before = self.latency_us.load(Ordering::Relaxed);
        let this = (ms * 1000).max(FASTEST_US);
        // Several at once may overwrite one another: it is an estimate.
        self.latency_us.store(if before == 0 { this } else { before + (this - before) / 16 }, Ordering::Relaxed);
    }

    /// Room that was taken and not used.
    pub fn give_back(&self, calls: u32, all: bool, now: Timestamp) {
        let mut state = self.lock();
        state.limiter.give_back(calls);
        if all {
            state.breaker.not_called(now);
            self.show(&state);
        }
    }

    /// Learns from an answer.
    pub fn learn(&self, report: &Report, now: Timestamp) {
        let mut state = self.lock();
        match &report.outcome {
            Outcome::Accepted { .. } | Outcome::BadAddress | Outcome::BadMessage => state.breaker.worked(),
            // Of one address's own server.
            Outcome::Unknown | Outcome::Retry { scope: LimitScope::Message, .. } if !self.provider.is_one_service() => {
                state.breaker.worked();
            }
            Outcome::Retry { after, scope } => match scope {
                LimitScope::Provider => {
                    state.breaker.worked();
                    let until = after.unwrap_or_else(|| now.plus_s(1));
                    state.paused_until = state.paused_until.max(until);
                    tracing::info!(provider = self.name, until = %until, "provider.paused: it asked for fewer calls");
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

    fn lock(&self) -> MutexGuard<'_, RouteState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
