//! Whether a provider is to be called at all: closed, open, or half open with one probe under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchbell_core::{Backoff, Channel, Timestamp};
use watchbell_store::queue::Outage;

/// Failures in a row that open a breaker at once, where none of them says by itself that the provider is down.
const FAILURES: u32 = 10;
/// After such a time without a success the second failure opens it: less than the first wait of a HIGH alert, jitter included.
const WITHOUT_SUCCESS: Duration = Duration::from_secs(4);
/// When a provider is back, what waits for it and is no HIGH alert goes out after so long at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Pauses without a success between them.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(5), LONGEST_PAUSE);
/// How long it is left to other messages to find out, while HIGH alerts have another provider.
const LEFT_TO_OTHERS: Duration = Duration::from_mins(1);
/// Between two tries by HIGH alerts, which wait for no pause.
pub(in crate::dispatch) const PROBE_GAP: Duration = Duration::from_secs(1);

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) enum BreakerState {
    Closed,
    /// Nothing is called before this time.
    Open {
        until: Timestamp,
    },
    /// A call finds out whether the provider works again.
    HalfOpen,
}

/// The providers of this process that are not called now; the heartbeat shows them to whoever asks any process.
#[derive(Clone, Debug, Default)]
pub(in crate::dispatch) struct ProviderStates(Arc<States>);

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
pub(in crate::dispatch) struct Breaker {
    /// While it is open, when whoever has something to send may find out whether the provider works again.
    open_until: Option<Timestamp>,
    /// A call that is to find that out is under way.
    is_probed: bool,
    /// When the last such call began.
    probed_at: Timestamp,
    failures: u32,
    failing_since: Timestamp,
    pauses: Backoff,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            open_until: None,
            is_probed: false,
            probed_at: Timestamp::default(),
            failures: 0,
            failing_since: Timestamp::default(),
            pauses: PAUSES,
        }
    }
}

impl Breaker {
    pub fn state(&self) -> BreakerState {
        match self.open_until {
            None => BreakerState::Closed,
            Some(_) if self.is_probed => BreakerState::HalfOpen,
            Some(until) => BreakerState::Open { until },
        }
    }

    pub fn is_closed(&self) -> bool {
        self.open_until.is_none()
    }

    /// When the provider may be tried, while it is down: by anything, or by a HIGH alert.
    pub fn probe_at(&self, urgent: bool) -> Timestamp {
        let next = self.probed_at + PROBE_GAP;
        match self.open_until {
            None => Timestamp::default(),
            // The call that is under way will say whether the provider works again.
            Some(until) if !urgent && self.is_probed => until.max(self.probed_at + LONGEST_PAUSE),
            Some(until) if !urgent => until,
            Some(_) => next,
        }
    }

    /// Whether nothing but HIGH alerts has come by for so long that one of them has to find out, though another provider works.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.open_until.is_some_and(|until| now >= until + LEFT_TO_OTHERS)
    }

    pub fn probed_at(&self) -> Timestamp {
        self.probed_at
    }

    /// A call is being made.
    pub fn called(&mut self, now: Timestamp) {
        if self.open_until.is_some() {
            self.is_probed = true;
            self.probed_at = now;
        }
    }

    /// A probe was not made after all.
    pub fn not_called(&mut self) {
        self.is_probed = false;
    }

    /// The provider answered, whatever it said of the message.
    pub fn worked(&mut self) {
        *self = Self::default();
    }

    /// The provider did not answer, or said that it cannot. `down`: it said so of everything. True when this opened it.
    pub fn failed(&mut self, now: Timestamp, down: bool) -> bool {
        if self.failures == 0 {
            self.failing_since = now;
        }
        self.failures += 1;
        self.is_probed = false;
        let Some(until) = self.open_until else {
            let is_down = down || self.failures >= FAILURES || (self.failures > 1 && now - self.failing_since >= WITHOUT_SUCCESS);
            if is_down {
                self.open_until = Some(now + self.pauses.next_wait());
                self.probed_at = now;
            }
            return is_down;
        };
        // Calls that were under way when it opened, and HIGH alerts that did not wait, make the pause no longer.
        if now >= until {
            self.open_until = Some(now + self.pauses.next_wait());
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_s(1_000 + seconds)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_probe_through() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES {
            assert!(!breaker.failed(s(0), false));
        }
        assert!(breaker.is_closed());
        assert!(breaker.failed(s(0), false));
        assert_eq!(breaker.state(), BreakerState::Open { until: s(5) });
        assert_eq!(breaker.probe_at(false), s(5));
        breaker.called(s(5));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.probe_at(false) > s(5));
        breaker.failed(s(6), false);
        assert_eq!(breaker.state(), BreakerState::Open { until: s(16) });
        breaker.called(s(16));
        breaker.worked();
        assert!(breaker.is_closed());
    }

    #[test]
    fn one_delivery_that_waits_opens_it_by_its_second_failure() {
        let mut breaker = Breaker::default();
        assert!(!breaker.failed(s(0), false));
        assert!(breaker.failed(s(5), false));
        let mut works_for_others = Breaker::default();
        assert!(!works_for_others.failed(s(0), false));
        works_for_others.worked();
        assert!(!works_for_others.failed(s(5), false));
    }

    #[test]
    fn high_alerts_wait_for_no_pause_and_make_none_longer() {
        let mut breaker = Breaker::default();
        assert!(breaker.failed(s(0), true));
        for second in 1..5 {
            assert_eq!(breaker.probe_at(true), s(second));
            breaker.called(s(second));
            // Not even for a call that has no answer yet.
            assert_eq!(breaker.probe_at(true), s(second + 1));
            breaker.failed(s(second), false);
        }
        assert_eq!(breaker.state(), BreakerState::Open { until: s(5) });
    }

    #[test]
    fn what_is_not_urgent_finds_a_provider_that_is_back_within_half_a_minute() {
        let mut breaker = Breaker::default();
        let mut now = s(0);
        breaker.failed(now, true);
        for _ in 0..20 {
            let next = breaker.probe_at(false);
            assert!(next - now <= LONGEST_PAUSE);
            now = next;
            breaker.called(now);
            breaker.failed(now, false);
        }
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
