//! governor by Watchbell's clock: what an account and a recipient take.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as LimiterClock;
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use serde::Deserialize;
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
    limiter: RateLimiter<NotKeyed, InMemoryState, Elapsed, StateInformationMiddleware>,
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
        let period = Duration::from_secs_f64(1.0 / limit.per_second.max(1e-6)).max(Duration::from_nanos(1));
        let burst = NonZeroU32::new(limit.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()).with_middleware(), clock, in_hand: 0 }
    }

    /// Takes up to `most` slots that are free now; if none is, says how long until one will be.
    pub fn take(&mut self, most: u32) -> Result<u32, Duration> {
        let mut taken = self.in_hand.min(most);
        self.in_hand -= taken;
        while taken < most {
            match self.limiter.check() {
                Ok(_) => taken += 1,
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

/// At most `calls` messages to one recipient in any `per_s` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientRate {
    pub calls: u32,
    pub per_s: u32,
}

/// After so many checks recipients that have been quiet are forgotten.
const CHECKS_BETWEEN_SWEEPS: u32 = 4096;

/// What the recipients of one channel take, and until when a provider asked to leave them alone.
pub(super) struct RecipientLimiter {
    limiter: Option<RateLimiter<String, HashMapStateStore<String>, Elapsed, NoOpMiddleware<Nanos>>>,
    interval: Duration,
    clock: Elapsed,
    paused: Mutex<HashMap<String, Timestamp>>,
    checks: u32,
}

impl std::fmt::Debug for RecipientLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecipientLimiter")
    }
}

impl RecipientLimiter {
    pub fn new(rate: Option<RecipientRate>, clock: Arc<dyn Clock>) -> Self {
        let clock = Elapsed::new(clock);
        let interval = rate.map_or(Duration::ZERO, |rate| Duration::from_secs(u64::from(rate.per_s)) / rate.calls.max(1));
        let burst = rate.and_then(|rate| NonZeroU32::new(rate.calls)).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval).map(|quota| quota.allow_burst(burst));
        let limiter = quota.map(|quota| RateLimiter::hashmap_with_clock(quota, clock.clone()));
        Self { limiter, interval, clock, paused: Mutex::default(), checks: 0 }
    }

    /// The time between two messages to one recipient.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Takes the recipient's next moment if that is now; otherwise says when it is.
    pub fn take(&mut self, recipient: &str, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(until) = self.lock().get(recipient).copied().filter(|until| *until > now) {
            return Err(until);
        }
        let Some(limiter) = &self.limiter else { return Ok(()) };
        self.checks = self.checks.wrapping_add(1);
        if self.checks.is_multiple_of(CHECKS_BETWEEN_SWEEPS) {
            limiter.retain_recent();
            limiter.shrink_to_fit();
            self.lock().retain(|_, until| *until > now);
        }
        limiter
            .check_key(&recipient.to_owned())
            .map_err(|not_until| now + not_until.wait_time_from(self.clock.now()).max(Duration::from_millis(1)))
    }

    /// The provider asks to leave this recipient alone.
    pub fn pause(&self, recipient: &str, until: Timestamp) {
        self.lock().insert(recipient.to_owned(), until);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Timestamp>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
