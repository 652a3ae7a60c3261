//! The providers of a channel: which one takes the next calls, and what their answers say about it.

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

    /// Whether so many calls, or as many as there ever can be, may begin at the first provider.
    pub fn has_slots(&self, wanted: usize) -> bool {
        self.routes.first().is_none_or(|route| route.slots.available_permits() >= wanted.min(route.most_slots))
    }

    /// Calls that may begin at the first provider now.
    pub fn free_slots(&self) -> usize {
        self.routes.first().map_or(0, |route| route.slots.available_permits())
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
        let mut earliest: Option<Timestamp> = None;
        let mut full = false;
        for route in &self.routes {
            let mut state = route.lock();
            if let Some(at) = state.open_at(now) {
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
                continue;
            }
            let slots = route.slots.available_permits();
            let allowed = state.breaker.allowance(now, slots.min(most as usize));
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
