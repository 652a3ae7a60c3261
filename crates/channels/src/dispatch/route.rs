//! The providers of a channel: which one takes the next calls, and what their answers say about it.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use watchbell_core::outcome::{Class, LimitScope, Outcome, Report};
use watchbell_core::{Channel, Clock, Timestamp};
use watchbell_store::queue::{Attempt, Job, Ranks};

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
    rest: Duration,
}

/// What a channel may send now.
#[derive(Debug)]
pub(super) enum Room {
    /// So many calls through this provider.
    Calls(Arc<Route>, u32),
    /// One message of these ranks, by whichever provider takes it: all are down and one of them may be tried, or it has been passed
    /// on by another. Others have to wait until `all_at`.
    Probe { ranks: Ranks, all_at: Timestamp },
    /// None before this time; a call that ends may change that.
    NotBefore(Timestamp),
    /// All slots are taken: wait for a call to end.
    Full,
}

/// What matters of a message for the choice of its provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand<'a> {
    pub to: &'a Address,
    /// A HIGH alert.
    pub is_urgent: bool,
    /// What was tried before, the last one last.
    pub log: &'a [Attempt],
}

impl<'a> Errand<'a> {
    pub fn new(job: &'a Job, to: &'a Address) -> Self {
        Self { to, is_urgent: job.rank == watchbell_store::rank::HIGH, log: &job.log }
    }

    fn attempts(self, provider: &str) -> impl Iterator<Item = &'a Attempt> {
        self.log.iter().rev().filter(move |attempt| attempt.provider == provider)
    }

    /// Whether a provider has said that it has no way for this message. (With what every provider would refuse it had ended.)
    fn is_refused_by(self, provider: &str) -> bool {
        self.attempts(provider).any(|attempt| attempt.class == Class::BadMessage && attempt.goes_on)
    }

    /// When a provider may be asked again, by what it said itself.
    fn not_before(self, provider: &str) -> Timestamp {
        self.attempts(provider).find_map(|attempt| attempt.not_before).unwrap_or_default()
    }

    /// Whether a provider was asked since all were asked the last time.
    fn was_tried_by(self, provider: &str) -> bool {
        self.log.iter().rev().take_while(|attempt| attempt.goes_on).any(|attempt| attempt.provider == provider)
    }
}

/// Where one message goes.
#[derive(Debug)]
pub(super) enum Place {
    /// To the provider for whose room it was claimed.
    There,
    /// To another one. Its room is taken.
    Other(Arc<Route>, OwnedSemaphorePermit),
    /// The one that takes it has no room before this time.
    NotBefore(Timestamp),
    /// All that take it are down; one of them may be tried at this time.
    Down(Timestamp),
    /// No provider takes it.
    Nowhere,
}

/// What a failed attempt leaves to be tried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prospect {
    /// Another provider, at once.
    pub has_alternative: bool,
    /// Some provider, later.
    pub has_any: bool,
    /// None of them may be asked before this time, by what they said themselves.
    pub not_before: Option<Timestamp>,
    /// All of them are down: when one of them is tried, if that is before the ladder's next step.
    pub probe_at: Option<Timestamp>,
}

/// How a provider stands to a message.
enum Standing {
    Up,
    /// It is down, and this message may find out whether it still is.
    MayProbe,
    Down(Timestamp),
}

/// When a provider whose slots are all taken is asked again for a message that only it takes.
const BUSY: Duration = Duration::from_millis(100);

/// A HIGH alert that waits for a provider that is down tries it so often, so that it goes out within 5 s of its coming back.
const HIGH_PROBES: Duration = Duration::from_secs(4);
/// The same of what is not urgent: how late it is at most when its provider has come back.
const OTHER_PROBES: Duration = Duration::from_mins(2);
/// After a 429 that does not say for how long; each further one without an answer between them is twice as long.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(4);

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
    all: Vec<Arc<Route>>,
    /// A call has ended, so there may be room.
    pub changed: Notify,
    /// Messages that go on to another provider at once: they do not wait for room at the first one.
    passed_on: AtomicUsize,
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
                    rest: FIRST_REST,
                }),
            })
        };
        Self { all: channel.providers.into_iter().map(route).collect(), changed: Notify::new(), passed_on: AtomicUsize::new(0) }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Calls that the first provider takes soon, and how many it takes at most.
    pub fn soon(&self) -> (usize, usize) {
        self.all.first().map_or((0, 0), |route| (route.soon(), route.most_slots + route.most_ahead()))
    }

    /// Whether the first provider answers so fast that it is not what deliveries wait for.
    pub fn is_fast(&self) -> bool {
        self.all.first().is_some_and(|route| route.most_ahead() >= FAST)
    }

    /// Takes this process's part of the providers' limits from now on.
    pub fn share(&self, share: Share) {
        for route in &self.all {
            route.lock().limiter.share(share);
        }
    }

    pub fn named(&self, name: &str) -> Option<&Arc<Route>> {
        self.all.iter().find(|route| route.name == name)
    }

    /// Whether one of this process's providers can be asked what became of calls without an answer.
    pub fn can_look_up(&self, job: &Job) -> bool {
        job.unknown().any(|attempt| self.named(&attempt.provider).is_some_and(|route| route.provider.can_look_up(job.channel)))
    }

    /// Providers that may take a message, in order of preference.
    fn candidates<'a>(&'a self, errand: Errand<'a>) -> impl Iterator<Item = &'a Arc<Route>> {
        self.all.iter().filter(move |route| route.provider.takes(errand.to) && !errand.is_refused_by(&route.name))
    }

    /// What is left to be tried for a message whose last attempt, which its log ends with, was made through `by` and failed.
    pub fn prospect(&self, errand: Errand<'_>, by: &Route, now: Timestamp) -> Prospect {
        let mut prospect = Prospect::default();
        let (mut is_any_up, mut not_before, mut probe_at) = (false, None::<Timestamp>, None::<Timestamp>);
        for route in self.candidates(errand) {
            let wait = errand.not_before(&route.name);
            prospect.has_any = true;
            not_before = Some(not_before.map_or(wait, |earliest| earliest.min(wait)));
            let standing = route.lock().standing(now, errand.is_urgent);
            is_any_up |= matches!(standing, Standing::Up);
            let is_other = !std::ptr::eq(route.as_ref(), by) && !errand.was_tried_by(&route.name);
            prospect.has_alternative |= is_other && wait <= now && !matches!(standing, Standing::Down(_));
            let next = (now + if errand.is_urgent { HIGH_PROBES } else { OTHER_PROBES }).max(wait);
            probe_at = Some(probe_at.map_or(next, |earliest| earliest.min(next)));
        }
        prospect.not_before = not_before.filter(|at| *at > now);
        prospect.probe_at = probe_at.filter(|_| !is_any_up);
        prospect
    }

    /// Where a message goes that was claimed for the room at `there`, or for a try of whichever provider it takes: one channel can
    /// have addresses of several kinds (push), and what is due is claimed before it is known what was tried for it.
    ///
    /// First those that this message has not tried since it tried all. A provider that is down is tried by what is not urgent; a
    /// HIGH alert goes to one that works, if there is one.
    pub fn place(&self, errand: Errand<'_>, there: Option<&Route>, now: Timestamp) -> Place {
        let mut candidates: Vec<&Arc<Route>> = self.candidates(errand).collect();
        if candidates.is_empty() {
            return Place::Nowhere;
        }
        candidates.sort_by_key(|route| errand.was_tried_by(&route.name));
        let (mut probes, mut earliest) = (Vec::new(), None::<Timestamp>);
        let mut not_before = |at: Timestamp| earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
        for route in candidates {
            let wait = errand.not_before(&route.name);
            if wait > now {
                not_before(wait);
                continue;
            }
            let (standing, is_overdue, probed_at) = {
                let state = route.lock();
                (state.standing(now, errand.is_urgent), state.breaker.is_overdue(now), state.breaker.probed_at())
            };
            match standing {
                Standing::Up if there.is_some_and(|there| std::ptr::eq(route.as_ref(), there)) => return Place::There,
                // A provider of lower preference is for when this one is down, not for when it is busy.
                Standing::Up => return route.take_one(now).map_or_else(Place::NotBefore, |slot| Place::Other(route.clone(), slot)),
                Standing::MayProbe if errand.is_urgent && !is_overdue => probes.push((probed_at, route)),
                Standing::MayProbe => match route.take_one(now) {
                    Ok(slot) => return Place::Other(route.clone(), slot),
                    Err(at) => not_before(at),
                },
                Standing::Down(at) => not_before(at),
            }
        }
        probes.sort_by_key(|(probed_at, _)| *probed_at);
        for (_, route) in probes {
            match route.take_one(now) {
                Ok(slot) => return Place::Other(route.clone(), slot),
                Err(at) => not_before(at),
            }
        }
        Place::Down(earliest.unwrap_or(now + BUSY))
    }

    /// The first provider that works and has room, with what it takes now, up to `most` calls. The room is taken: what is not
    /// used goes back by [`Route::give_back`].
    pub fn room(&self, now: Timestamp, most: u32) -> Room {
        let is_passed_on = || self.passed_on.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| count.checked_sub(1)).is_ok();
        match self.room_at(now, most, |route| route.slots.available_permits()) {
            Room::NotBefore(_) | Room::Full if is_passed_on() => Room::Probe { ranks: Ranks::All, all_at: now },
            room => room,
        }
    }

    /// A message is ready again that goes on to another provider at once.
    pub fn pass_on(&self) {
        self.passed_on.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// The same with the calls that get a slot soon; None while one is to find out whether a provider works again.
    pub fn room_soon(&self, now: Timestamp, most: u32) -> Option<(Arc<Route>, u32)> {
        if self.all.iter().any(|route| matches!(route.lock().standing(now, false), Standing::MayProbe)) {
            return None;
        }
        match self.room_at(now, most, Route::soon) {
            Room::Calls(route, calls) => Some((route, calls)),
            _ => None,
        }
    }

    fn room_at(&self, now: Timestamp, most: u32, slots: impl Fn(&Route) -> usize) -> Room {
        for route in &self.all {
            let mut state = route.lock();
            if !matches!(state.standing(now, false), Standing::Up) {
                continue;
            }
            // A provider of lower preference is for when this one is down, not for when it is busy.
            let allowed = slots(route).min(most as usize);
            if allowed == 0 {
                return Room::Full;
            }
            return match state.limiter.take(u32::try_from(allowed).unwrap_or(u32::MAX)) {
                Ok(calls) => Room::Calls(route.clone(), calls),
                Err(wait) => Room::NotBefore(now + wait),
            };
        }
        let earliest = |urgent| self.all.iter().map(|route| route.lock().probe_at(urgent)).min().unwrap_or(now + BUSY);
        let (high_at, all_at) = (earliest(true), earliest(false));
        if all_at <= now {
            Room::Probe { ranks: Ranks::All, all_at }
        } else if high_at <= now {
            Room::Probe { ranks: Ranks::High, all_at }
        } else {
            Room::NotBefore(high_at.min(all_at))
        }
    }
}

impl RouteState {
    fn standing(&self, now: Timestamp, urgent: bool) -> Standing {
        match self.probe_at(urgent) {
            at if at > now => Standing::Down(at),
            _ if self.breaker.is_closed() => Standing::Up,
            _ => Standing::MayProbe,
        }
    }

    /// When a call may be made, for all that is known of the provider.
    fn probe_at(&self, urgent: bool) -> Timestamp {
        self.breaker.probe_at(urgent).max(self.paused_until)
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

impl Route {
    /// Room for one call; or when there may be some.
    fn take_one(&self, now: Timestamp) -> Result<OwnedSemaphorePermit, Timestamp> {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else { return Err(now + BUSY) };
        let mut state = self.lock();
        state.limiter.take(1).map_err(|wait| now + wait)?;
        state.breaker.called(now);
        self.show(&state);
        Ok(slot)
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
    pub fn give_back(&self, calls: u32, all: bool) {
        let mut state = self.lock();
        state.limiter.give_back(calls);
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
                state.rest = FIRST_REST;
            }
            // Of one address's own server.
            Outcome::Unknown | Outcome::Retry { scope: LimitScope::Message, .. } if !self.provider.is_one_service() => {
                state.breaker.worked();
            }
            Outcome::Retry { after, scope } => match scope {
                LimitScope::Provider => {
                    state.breaker.worked();
                    let until = after.unwrap_or(now + state.rest).max(state.paused_until);
                    // Calls that were under way when it paused say nothing new.
                    if after.is_some() || state.paused_until <= now {
                        state.paused_until = until;
                        state.rest = (state.rest * 2).min(LONGEST_REST);
                    }
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
