//! The providers of a channel: which one takes the next calls, and by which one a message goes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use watchbell_core::{Channel, Clock, Reason, Timestamp};
use watchbell_store::queue::{Budget, Job, Ranks};

use super::account_limit::Share;
use super::breaker::ProviderStates;
use super::reach::{self, check_country};
use super::request::{FailoverOptions, RouteRequest};
use super::route::{BUSY, Route, Standing};
use crate::dispatch::settings::{ChannelRoute, ProviderRoute};

/// What a channel may send now.
#[derive(Debug)]
pub(in crate::dispatch) enum Room {
    /// So many calls through this provider.
    Calls(Arc<Route>, u32),
    /// One message of these ranks, by whichever provider takes it: all are down and one of them may be tried, or it has been passed
    /// on by another. Others have to wait until `all_at`.
    Probe { ranks: Ranks, all_at: Timestamp },
    /// None before this time; a call that ends may change that.
    NotBefore(Timestamp),
    /// All slots are taken: wait for a call to end.
    Full,
    /// None today: all providers have made the calls that they may make in a day. What is due is refused.
    UsedUp,
}

/// Where one message goes.
#[derive(Debug)]
pub(in crate::dispatch) enum Place {
    /// To the provider for whose room it was claimed.
    There,
    /// To another one. Its room is taken.
    Other(Arc<Route>, OwnedSemaphorePermit),
    /// The one that takes it has no room before this time.
    NotBefore(Timestamp),
    /// All that take it are down; one of them may be tried at this time.
    Down(Timestamp),
    /// No provider takes it, for this reason.
    Nowhere(Reason),
}

/// A HIGH alert that waits for a provider that is down tries it so often, so that it goes out within 5 s of its coming back.
const HIGH_PROBES: Duration = Duration::from_secs(4);
/// The same of what is not urgent: how late it is at most when its provider has come back.
const OTHER_PROBES: Duration = Duration::from_mins(2);
/// A provider that takes so many calls within the time that a queued call may wait is fast.
const FAST: usize = 128;

/// A channel's providers, in order of preference.
#[derive(Debug)]
pub(in crate::dispatch) struct Routes {
    channel: Channel,
    countries: Vec<String>,
    all: Vec<Arc<Route>>,
}

/// A provider that may take a message.
#[derive(Clone, Copy, Debug)]
struct Candidate<'a> {
    route: &'a Arc<Route>,
    /// It goes first because of its share: only as long as it has room, and nothing has been tried yet.
    is_by_share: bool,
}

impl Routes {
    pub fn new(channel: ChannelRoute, states: &ProviderStates, clock: &Arc<dyn Clock>) -> Self {
        let route = |route: ProviderRoute| Arc::new(Route::new(route, channel.channel, states.clone(), clock.clone()));
        Self { channel: channel.channel, countries: channel.countries, all: channel.providers.into_iter().map(route).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Calls that the first provider takes soon, and how many it takes at most.
    pub fn soon(&self) -> (usize, usize) {
        self.all.first().map_or((0, 0), |route| (route.calls_soon(), route.most_slots + route.queue_capacity()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.all.iter().map(AsRef::as_ref)
    }

    /// Calls that are under way, or about to be.
    pub fn calls_in_flight(&self) -> usize {
        self.all.iter().map(|route| route.calls_in_flight()).sum()
    }

    /// Whether the first provider answers so fast that it is not what deliveries wait for.
    pub fn is_fast(&self) -> bool {
        self.all.first().is_some_and(|route| route.queue_capacity() >= FAST)
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

    /// Providers that may take a message, in the order in which it prefers them: by a share, by the prefix that fits best, as the channel
    /// lists them.
    fn candidates<'a>(&'a self, request: RouteRequest<'_>) -> Vec<Candidate<'a>> {
        let settings = self.all.iter().map(|route| &route.settings);
        let chosen = if request.log.is_empty() { reach::chosen_by_share(settings, request.delivery) } else { None };
        let fitting = self.all.iter().enumerate().filter_map(|(at, route)| {
            let fit = reach::fit(&route.settings.prefixes, request.to)?;
            let takes = route.provider.takes(request.to) && !request.is_done_with(&route.name);
            takes.then_some((fit, Candidate { route, is_by_share: chosen == Some(at) }))
        });
        let mut fitting: Vec<_> = fitting.collect();
        fitting.sort_by_key(|(fit, candidate)| (!candidate.is_by_share, std::cmp::Reverse(*fit)));
        fitting.into_iter().map(|(_, candidate)| candidate).collect()
    }

    /// Why no provider takes a message.
    fn why_nowhere(&self, request: RouteRequest<'_>) -> Reason {
        let channel = self.channel;
        if request.did_not_arrive() {
            Reason::NoOtherProvider
        } else if self
            .all
            .iter()
            .any(|route| route.provider.takes(request.to) && reach::fit(&route.settings.prefixes, request.to).is_none())
        {
            Reason::NoProviderForNumber { channel }
        } else {
            Reason::NoProviderForAddress { channel }
        }
    }

    /// Whether a message that comes up now is for this provider, before others are.
    pub fn suits(&self, request: RouteRequest<'_>, route: &Route) -> bool {
        let first = self.candidates(request).into_iter().next();
        check_country(&self.countries, request.to).is_ok() && first.is_some_and(|first| std::ptr::eq(first.route.as_ref(), route))
    }

    /// Whether another provider can take over a message that did not arrive, which its log says.
    pub fn can_take_over(&self, request: RouteRequest<'_>, now: Timestamp) -> bool {
        self.candidates(request).iter().any(|candidate| !candidate.route.lock().is_used_up(now))
    }

    /// Calls of day budgets that are wanted from the database before anything can be called.
    pub fn wanted_calls(&self, now: Timestamp) -> Vec<(Arc<Route>, Budget, i64)> {
        let wanted = |route: &Arc<Route>| {
            let (budget, calls) = route.lock().budget.as_ref()?.wanted(now)?;
            Some((route.clone(), budget, calls))
        };
        self.all.iter().filter_map(wanted).collect()
    }

    /// Calls of day budgets that nobody will make any more.
    pub fn unused_calls(&self) -> Vec<(Budget, i64)> {
        self.all.iter().filter_map(|route| route.lock().budget.as_mut()?.rest()).collect()
    }

    /// The budgets, by their providers' names.
    pub fn budgets(&self, providers: &[String], day: i64) -> Vec<Budget> {
        let named = self.all.iter().filter(|route| providers.contains(&route.name));
        named.filter_map(|route| Some(route.lock().budget.as_ref()?.of(day))).collect()
    }

    /// What is left to be tried for a message whose last attempt, which its log ends with, was made through `by` and failed.
    pub fn failover_options(&self, request: RouteRequest<'_>, by: &Route, now: Timestamp) -> FailoverOptions {
        let mut options = FailoverOptions::default();
        let (mut is_any_up, mut not_before, mut probe_at) = (false, None::<Timestamp>, None::<Timestamp>);
        let candidates = self.candidates(request);
        // The next claim refuses it, and says why.
        options.has_alternative = !candidates.is_empty() && candidates.iter().all(|candidate| candidate.route.lock().is_used_up(now));
        for Candidate { route, .. } in candidates {
            let wait = request.not_before(&route.name);
            options.has_any = true;
            not_before = Some(not_before.map_or(wait, |earliest| earliest.min(wait)));
            let standing = route.lock().standing(now, request.is_urgent);
            is_any_up |= matches!(standing, Standing::Up);
            let is_other = !std::ptr::eq(route.as_ref(), by) && !request.was_tried_by(&route.name);
            options.has_alternative |= is_other && wait <= now && matches!(standing, Standing::Up | Standing::MayProbe);
            let next = (now + if request.is_urgent { HIGH_PROBES } else { OTHER_PROBES }).max(wait);
            probe_at = Some(probe_at.map_or(next, |earliest| earliest.min(next)));
        }
        options.not_before = not_before.filter(|at| *at > now);
        options.probe_at = probe_at.filter(|_| !is_any_up);
        options
    }

    /// Where a message goes that was claimed for the room at `there`, or for a try of whichever provider it takes: one channel can
    /// have addresses of several kinds (push), and what is due is claimed before it is known what was tried for it.
    ///
    /// First those that this message has not tried since it tried all. A provider that is down is tried by what is not urgent; a
    /// HIGH alert goes to one that works, if there is one.
    pub fn place(&self, request: RouteRequest<'_>, there: Option<&Route>, now: Timestamp) -> Place {
        if let Err(country) = check_country(&self.countries, request.to) {
            return Place::Nowhere(Reason::CountryNotAllowed { channel: self.channel, country });
        }
        let mut candidates = self.candidates(request);
        if candidates.is_empty() {
            return Place::Nowhere(self.why_nowhere(request));
        }
        candidates.sort_by_key(|candidate| request.was_tried_by(&candidate.route.name));
        let (mut probes, mut used_up, mut earliest) = (Vec::new(), Vec::new(), None::<Timestamp>);
        let mut not_before = |at: Timestamp| earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
        let count = candidates.len();
        for Candidate { route, is_by_share } in candidates {
            let wait = request.not_before(&route.name);
            if wait > now {
                not_before(wait);
                continue;
            }
            let (standing, is_overdue, probed_at) = {
                let state = route.lock();
                (state.standing(now, request.is_urgent), state.breaker.is_overdue(now), state.breaker.probed_at())
            };
            match standing {
                Standing::Up if there.is_some_and(|there| std::ptr::eq(route.as_ref(), there)) => return Place::There,
                Standing::Up => match route.take_one(now) {
                    Ok(slot) => return Place::Other(route.clone(), slot),
                    // A share is no reason to wait.
                    Err(at) if is_by_share && count > 1 => not_before(at),
                    // A provider of lower preference is for when this one is down, not for when it is busy.
                    Err(at) => return Place::NotBefore(at),
                },
                Standing::UsedUp => used_up.push(route.name.clone()),
                Standing::MayProbe if request.is_urgent && !is_overdue => probes.push((probed_at, route)),
                Standing::MayProbe => match route.take_one(now) {
                    Ok(slot) => return Place::Other(route.clone(), slot),
                    Err(at) => not_before(at),
                },
                Standing::Down(at) => not_before(at),
            }
        }
        if used_up.len() == count {
            return Place::Nowhere(Reason::SpendUsedUp { channel: self.channel, providers: used_up });
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
        self.room_at(now, most, |route| route.slots.available_permits())
    }

    /// The same with the calls that get a slot soon. None while a call could find out whether a provider works again: that is left to
    /// what is claimed.
    pub fn room_soon(&self, now: Timestamp, most: u32) -> Option<(Arc<Route>, u32)> {
        if self.all.iter().any(|route| matches!(route.lock().standing(now, false), Standing::MayProbe)) {
            return None;
        }
        match self.room_at(now, most, Route::calls_soon) {
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
            return match state.take(u32::try_from(allowed).unwrap_or(u32::MAX), now) {
                Ok(calls) => Room::Calls(route.clone(), calls),
                Err(at) => Room::NotBefore(at),
            };
        }
        let usable: Vec<_> = self.all.iter().filter(|route| !route.lock().is_used_up(now)).collect();
        if usable.is_empty() && !self.all.is_empty() {
            return Room::UsedUp;
        }
        let earliest = |urgent| usable.iter().map(|route| route.lock().probe_at(urgent)).min().unwrap_or(now + BUSY);
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

#[cfg(test)]
mod tests;
