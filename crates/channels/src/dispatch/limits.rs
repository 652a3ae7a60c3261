//! governor by Watchbell's clock: what a provider account takes. What a recipient takes is decided in the claim, for all
//! workers together.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as LimiterClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use watchbell_core::{Clock, Timestamp};

use crate::provider::AccountLimit;

/// Watchbell's clock as governor reads one: it stands while the wall clock is set back.
#[derive(Clone, Debug)]
struct Elapsed {
    clock: Arc<dyn Clock>,
    start: Timestamp,
    furthest_ms: Arc<std::sync::atomic::AtomicU64>,
}

impl Elapsed {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { start: clock.now(), clock, furthest_ms: Arc::default() }
    }
}

impl LimiterClock for Elapsed {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        /// Governor takes 0 for "before everything"; a day in, nobody is.
        const A_DAY_MS: u64 = 86_400_000;
        let passed_ms = u64::try_from((self.clock.now() - self.start).as_millis()).unwrap_or(0);
        let furthest = self.furthest_ms.fetch_max(passed_ms, std::sync::atomic::Ordering::Relaxed).max(passed_ms);
        Nanos::from((furthest + A_DAY_MS) * 1_000_000)
    }
}

/// What a provider account takes.
pub(super) struct AccountLimiter {
    limiter: RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Nanos>>,
    limit: AccountLimit,
    sharing: u32,
    clock: Elapsed,
    /// A slot that was taken and not used.
    in_hand: u32,
}

impl std::fmt::Debug for AccountLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountLimiter")
    }
}

impl AccountLimiter {
    pub fn new(limit: &AccountLimit, clock: Arc<dyn Clock>) -> Self {
        let clock = Elapsed::new(clock);
        Self { limiter: limiter(limit, 1, &clock), limit: *limit, sharing: 1, clock, in_hand: 0 }
    }

    /// Takes this process's part of the limit when `sharing` processes have one.
    pub fn share(&mut self, sharing: u32) {
        if sharing == self.sharing {
            return;
        }
        self.sharing = sharing;
        self.limiter = limiter(&self.limit, sharing, &self.clock);
        // A new limiter begins with a burst, which the old one may have given already.
        while self.limiter.check().is_ok() {}
        self.in_hand = 0;
    }

    /// Takes up to `most` slots that are free now; if none is, says how long until one will be.
    pub fn take(&mut self, most: u32) -> Result<u32, Duration> {
        let mut taken = self.in_hand.min(most);
        self.in_hand -= taken;
        while taken < most {
            match self.limiter.check() {
                Ok(()) => taken += 1,
                Err(not_until) if taken == 0 => return Err(not_until.wait_time_from(self.clock.now()).max(Duration::from_millis(1))),
                Err(_) => break,
            }
        }
        Ok(taken)
    }

    /// Gives slots back that were taken and not used.
    pub fn give_back(&mut self, slots: u32) {
        self.in_hand += slots;
    }
}

/// A limiter for one of `sharing` equal parts.
fn limiter(limit: &AccountLimit, sharing: u32, clock: &Elapsed) -> RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Nanos>> {
    let sharing = sharing.max(1);
    let rate = limit.per_second.max(1e-6) / f64::from(sharing);
    let period = Duration::from_secs_f64(1.0 / rate).max(Duration::from_nanos(1));
    let burst = NonZeroU32::new(limit.burst / sharing).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(period).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
    RateLimiter::direct_with_clock(quota, clock.clone())
}
