//! What a provider account takes, counted by governor. What a recipient takes is decided in the claim, for all workers together.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use watchbell_core::{Clock, ElapsedClock};

use crate::provider::AccountLimit;

/// A process's part of a provider account's limit, which the live workers of a channel share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) struct Share {
    /// Workers of the channel.
    pub of: u32,
    /// How many of them began before this one.
    pub place: u32,
}

/// How long a process without a part of the limit waits before it looks again: another process may have ended.
const NO_PART: Duration = Duration::from_secs(1);

/// What a provider account takes: in any time `t` at most its burst and `per_second` × `t`, over all processes that share it.
pub(super) struct AccountLimiter {
    /// None where there are more processes than calls in the account's burst: one call at once for each of them would be more
    /// than the account takes, so that those who were there first have the whole limit.
    part: Option<Part>,
    limit: AccountLimit,
    share: Share,
    clock: ElapsedClock,
    /// Calls that are free now: taken from the limiter, and not made.
    in_hand: u32,
}

/// One of several equal parts of a limit.
struct Part {
    limiter: RateLimiter<NotKeyed, InMemoryState, ElapsedClock, NoOpMiddleware<Nanos>>,
    burst: NonZeroU32,
}

impl std::fmt::Debug for AccountLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountLimiter")
    }
}

impl AccountLimiter {
    pub fn new(limit: &AccountLimit, clock: Arc<dyn Clock>) -> Self {
        let clock = ElapsedClock::new(clock);
        let share = Share { of: 1, place: 0 };
        Self { part: Part::of(limit, share, &clock), limit: *limit, share, clock, in_hand: 0 }
    }

    /// Takes this process's part of the limit from now on.
    pub fn share(&mut self, share: Share) {
        if share == self.share {
            return;
        }
        self.share = share;
        self.part = Part::of(&self.limit, share, &self.clock);
        // A new limiter begins with a burst, which the old one, or another process, may have given already.
        if let Some(part) = &self.part {
            part.free();
        }
        self.in_hand = 0;
    }

    /// Takes up to `most` calls that are free now; if none is, says how long until one will be.
    pub fn take(&mut self, most: u32) -> Result<u32, Duration> {
        let Some(part) = &self.part else { return Err(NO_PART) };
        // Calls that were given back are part of the burst: they are not added to it.
        self.in_hand = self.in_hand.saturating_add(part.free()).min(part.burst.get());
        if self.in_hand == 0
            && let Err(not_until) = part.limiter.check().map(|()| self.in_hand = 1)
        {
            return Err(not_until.wait_time_from(self.clock.now()).max(Duration::from_millis(1)));
        }
        let taken = self.in_hand.min(most);
        self.in_hand -= taken;
        Ok(taken)
    }

    /// Gives calls back that were taken and not made.
    pub fn give_back(&mut self, calls: u32) {
        self.in_hand = self.in_hand.saturating_add(calls);
    }
}

impl Part {
    fn of(limit: &AccountLimit, share: Share, clock: &ElapsedClock) -> Option<Self> {
        let parts = share.of.clamp(1, limit.burst.max(1));
        if share.place >= parts {
            return None;
        }
        let rate = limit.per_second.max(1e-6) / f64::from(parts);
        let period = Duration::from_secs_f64(1.0 / rate).max(Duration::from_nanos(1));
        let burst = NonZeroU32::new(limit.burst / parts).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        Some(Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), burst })
    }

    /// Takes all that is free now.
    fn free(&self) -> u32 {
        let mut free = 0;
        let mut step = self.burst.get();
        // Thousands may be free, so they are not taken one by one.
        while let Some(calls) = NonZeroU32::new(step) {
            match self.limiter.check_n(calls) {
                Ok(Ok(())) => free += step,
                _ => step /= 2,
            }
        }
        free
    }
}

#[cfg(test)]
mod tests;
