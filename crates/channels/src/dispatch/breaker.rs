//! Whether a provider is to be called at all: closed, open, or half open with one probe under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchbell_core::{Channel, Timestamp};
use watchbell_store::queue::Outage;

/// Failures in a row that open a breaker, where none of them says by itself that the provider is down.
const FAILURES: u32 = 10;
/// The first pause; each further one without a success between them is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BreakerState {
    Closed,
    /// Nothing is called before this time.
    Open {
        until: Timestamp,
    },
    /// One call finds out whether the provider works again.
    HalfOpen,
}

/// The providers of this process that are not called now; the heartbeat shows them to whoever asks any process.
#[derive(Clone, Debug, Default)]
pub(super) struct ProviderStates(Arc<States>);

#[derive(Debug, Default)]
struct States {
    /// Of those that are not closed.
    known: Mutex<BTreeMap<(Channel, String), BreakerState>>,
    changed: Notify,
}

impl ProviderStates {
    pub fn set(&self, channel: Channel, provider: &str, state: BreakerState) {
        let mut states = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (channel, provider.to_owned());
        let before = match state {
            BreakerState::Closed => states.remove(&key),
            _ => states.insert(key, state),
        };
        if before.unwrap_or(BreakerState::Closed) != state {
            self.0.changed.notify_one();
        }
    }

    pub fn outages(&self) -> Vec<Outage> {
        let states = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let outage = |((channel, provider), state): (&(Channel, String), &BreakerState)| Outage {
            channel: *channel,
            provider: provider.clone(),
            until: if let BreakerState::Open { until } = state { Some(*until) } else { None },
        };
        states.iter().map(outage).collect()
    }

    /// Returns when something has changed.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }
}

/// A provider's breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    state: BreakerState,
    failures: u32,
    pause: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: BreakerState::Closed, failures: 0, pause: FIRST_PAUSE }
    }
}

impl Breaker {
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// How many calls may be made now, up to `most`: one, when it is to be found out whether the provider works again.
    pub fn allowance(&mut self, now: Timestamp, most: usize) -> usize {
        match self.state {
            BreakerState::Closed => most,
            BreakerState::Open { until } if now >= until => most.min(1),
            BreakerState::Open { .. } | BreakerState::HalfOpen => 0,
        }
    }

    /// A call is being made.
    pub fn called(&mut self) {
        if let BreakerState::Open { .. } = self.state {
            self.state = BreakerState::HalfOpen;
        }
    }

    /// A probe was not made after all.
    pub fn not_called(&mut self, now: Timestamp) {
        if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Open { until: now };
        }
    }

    /// The provider answered, whatever it said of the message.
    pub fn worked(&mut self) {
        *self = Self::default();
    }

    /// The provider did not answer, or said that it cannot. `down`: it said so of everything. True when this opened it.
    pub fn failed(&mut self, now: Timestamp, down: bool) -> bool {
        self.failures += 1;
        let probe_failed = self.state == BreakerState::HalfOpen;
        if !(down || probe_failed || self.failures >= FAILURES) {
            return false;
        }
        let newly = self.state == BreakerState::Closed;
        // Calls that were under way when it opened say nothing new.
        if newly || probe_failed {
            self.state = BreakerState::Open { until: now + self.pause };
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        newly
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_s(seconds)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_probe_through() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES {
            assert!(!breaker.failed(s(0), false));
        }
        assert_eq!(breaker.allowance(s(0), 64), 64);
        assert!(breaker.failed(s(0), false));
        assert_eq!(breaker.allowance(s(4), 64), 0);
        assert_eq!(breaker.allowance(s(5), 64), 1);
        breaker.called();
        assert_eq!(breaker.allowance(s(5), 64), 0);
        breaker.failed(s(6), false);
        assert_eq!(breaker.state(), BreakerState::Open { until: s(16) });
        assert_eq!(breaker.allowance(s(16), 64), 1);
        breaker.called();
        breaker.worked();
        assert_eq!(breaker.allowance(s(16), 64), 64);
    }

    #[test]
    fn a_provider_that_says_it_is_down_is_believed_at_once() {
        let mut breaker = Breaker::default();
        assert!(breaker.failed(s(0), true));
        // Those that were in flight then do not make the pause longer.
        assert!(!breaker.failed(s(1), true));
        assert_eq!(breaker.state(), BreakerState::Open { until: s(5) });
    }
}
