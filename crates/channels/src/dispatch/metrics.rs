//! What is counted of deliveries and calls.
//!
//! Counters of what every delivery passes are looked up once, when its channel's worker is made ([`ChannelMetrics`]).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use prometheus_client::encoding::EncodeLabelSet;
use watchbell_core::delivery::State;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, Reason, Timestamp};
use watchbell_metrics::collector::Collector;
use watchbell_metrics::encoding::DescriptorEncoder;
use watchbell_metrics::{Counter, Family, Histogram, Registry, write_gauges};
use watchbell_store::queue::{Finished, Job, Next};
use watchbell_store::rank;

use super::channel::ChannelWorker;
use super::routes::breaker::BreakerState;

/// Of one process's worker; clones share what they count.
#[derive(Clone, Debug, Default)]
pub struct DispatchMetrics {
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<RouteLabels, Histogram>,
    deliveries: Family<DeliveryLabels, Counter>,
    due_to_call: Family<RankLabels, Histogram>,
    event_to_call: Family<RankLabels, Histogram>,
    pub(super) lost_sessions: Counter,
    routes: RouteStates,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    channel: &'static str,
    /// The name of its table in the configuration.
    provider: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    channel: &'static str,
    provider: String,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    channel: &'static str,
    /// Empty where nobody was called.
    provider: String,
    state: &'static str,
    /// The reason's code; empty where nothing is to be said.
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RankLabels {
    channel: &'static str,
    rank: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BreakerLabels {
    channel: &'static str,
    provider: String,
    state: &'static str,
}

impl DispatchMetrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register("watchbell_calls", "Calls of providers that have ended, by the class of their outcome", self.calls.clone());
        registry.register("watchbell_call_seconds", "How long calls of providers took", self.call_seconds.clone());
        let deliveries = "Deliveries that a worker took further: sent, put back for another try (scheduled), failed, expired";
        registry.register("watchbell_deliveries", deliveries, self.deliveries.clone());
        let due = "From the time at which a delivery was due to its first call";
        registry.register("watchbell_due_to_call_seconds", due, self.due_to_call.clone());
        let event = "From the event to the first call of a delivery, with the delay that its rule asks for";
        registry.register("watchbell_event_to_call_seconds", event, self.event_to_call.clone());
        let lost = "Worker sessions that ended while their process lived: it stood still for longer than its lease";
        registry.register("watchbell_worker_sessions_lost", lost, self.lost_sessions.clone());
        registry.register_collector(Box::new(self.routes.clone()));
    }

    /// Tells of these workers' providers from now on, for as long as they work.
    pub(super) fn show_routes(&self, workers: &[Arc<ChannelWorker>]) {
        *self.routes.0.lock().unwrap_or_else(PoisonError::into_inner) = workers.iter().map(Arc::downgrade).collect();
    }

    pub(super) fn of<'a>(&self, channel: Channel, providers: impl Iterator<Item = &'a str>) -> ChannelMetrics {
        let channel = channel.as_str();
        let providers: BTreeMap<String, ProviderMetrics> = providers.map(|name| (name.to_owned(), self.provider(channel, name))).collect();
        let by_rank = |of: &Family<RankLabels, Histogram>| {
            // Nothing is called by a channel without a provider: it would only be in the way of who reads.
            let of_rank =
                |rank| if providers.is_empty() { Histogram::default() } else { of.get_or_create_owned(&RankLabels { channel, rank }) };
            ["high", "normal"].map(of_rank)
        };
        ChannelMetrics {
            due_to_call: by_rank(&self.due_to_call),
            event_to_call: by_rank(&self.event_to_call),
            providers,
            deliveries: self.deliveries.clone(),
            channel,
        }
    }

    fn provider(&self, channel: &'static str, name: &str) -> ProviderMetrics {
        let call =
            |class: &Class| self.calls.get_or_create_owned(&CallLabels { channel, provider: name.to_owned(), class: class.as_str() });
        let (state, reason) = (State::Sent.as_str(), String::new());
        ProviderMetrics {
            calls: Class::ALL.iter().map(call).collect(),
            took: self.call_seconds.get_or_create_owned(&RouteLabels { channel, provider: name.to_owned() }),
            sent: self.deliveries.get_or_create_owned(&DeliveryLabels { channel, provider: name.to_owned(), state, reason }),
        }
    }
}

/// Of one channel.
#[derive(Debug)]
pub(super) struct ChannelMetrics {
    /// HIGH alerts', then others'.
    due_to_call: [Histogram; 2],
    event_to_call: [Histogram; 2],
    providers: BTreeMap<String, ProviderMetrics>,
    deliveries: Family<DeliveryLabels, Counter>,
    channel: &'static str,
}

#[derive(Debug)]
struct ProviderMetrics {
    /// By class, in the order of [`Class::ALL`].
    calls: Vec<Counter>,
    took: Histogram,
    sent: Counter,
}

impl ChannelMetrics {
    /// A delivery is called for.
    pub fn begins(&self, job: &Job, now: Timestamp) {
        if job.attempts > 0 {
            return;
        }
        let of_rank = usize::from(job.rank != rank::HIGH);
        self.due_to_call[of_rank].observe_ms(now.ms_since(job.due_at));
        if let Some(event_at) = watchbell_core::ids::id_time(job.event_id.as_str()) {
            self.event_to_call[of_rank].observe_ms(now.ms_since(event_at));
        }
    }

    /// A call has ended.
    pub fn called(&self, provider: &str, class: Class, took_ms: i64) {
        if let Some(provider) = self.providers.get(provider) {
            provider.calls[class as usize].inc();
            provider.took.observe_ms(took_ms);
        }
    }

    /// How a delivery went on was written.
    pub fn finished(&self, finished: &Finished) {
        let provider = finished.attempt.as_ref().map_or("", |attempt| attempt.provider.as_str());
        let (state, reason) = match &finished.next {
            Next::Sent => match self.providers.get(provider) {
                Some(provider) => {
                    provider.sent.inc();
                    return;
                }
                // By a provider that was called before the configuration changed.
                None => (State::Sent, None),
            },
            Next::Retry { reason, .. } => (State::Scheduled, Some(reason)),
            Next::Failed { reason, .. } => (State::Failed, Some(reason)),
            Next::Expired => (State::Expired, None),
            Next::Suppressed { reason } => (State::Suppressed, Some(reason)),
            Next::Undelivered { reason } => (State::Undelivered, Some(reason)),
        };
        let reason = reason.map(Reason::code).unwrap_or_default();
        let labels = DeliveryLabels { channel: self.channel, provider: provider.to_owned(), state: state.as_str(), reason };
        self.deliveries.get_or_create(&labels).inc();
    }
}

/// How this process stands to its providers, looked up when it is asked. It holds no worker: each of them holds what it counts by.
#[derive(Clone, Default)]
struct RouteStates(Arc<Mutex<Vec<Weak<ChannelWorker>>>>);

impl fmt::Debug for RouteStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteStates")
    }
}

impl Collector for RouteStates {
    #[expect(clippy::cast_precision_loss, reason = "calls at once are few")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let workers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (mut in_flight, mut slots, mut paused, mut breakers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for worker in workers.iter().filter_map(Weak::upgrade) {
            let now = worker.context.clock.now();
            for route in worker.routes.iter() {
                let (channel, provider) = (worker.channel.as_str(), route.name.clone());
                let labels = || RouteLabels { channel, provider: provider.clone() };
                in_flight.push((labels(), route.calls_in_flight() as f64));
                slots.push((labels(), route.most_slots() as f64));
                paused.push((labels(), f64::from(u8::from(route.paused_until() > now))));
                let is = match route.breaker_state() {
                    BreakerState::Closed => "closed",
                    BreakerState::HalfOpen => "half_open",
                    BreakerState::Open { .. } => "open",
                };
                let state = |state| (BreakerLabels { channel, provider: provider.clone(), state }, f64::from(u8::from(state == is)));
                breakers.extend(["closed", "half_open", "open"].map(state));
            }
        }
        write_gauges(&mut encoder, ("watchbell_calls_in_flight", "Calls of providers under way."), in_flight)?;
        write_gauges(&mut encoder, ("watchbell_provider_slots", "Calls that may be under way at once."), slots)?;
        let when_paused = "1 while the provider has asked to be left alone.";
        write_gauges(&mut encoder, ("watchbell_provider_paused", when_paused), paused)?;
        let states = "1 for the state in which this process finds the provider: open is not called, half_open is tried.";
        write_gauges(&mut encoder, ("watchbell_provider_breaker", states), breakers)
    }
}

#[cfg(test)]
mod tests {
    use watchbell_core::DeliveryId;
    use watchbell_metrics::Format;
    use watchbell_store::queue::AddressFate;

    use super::*;

    #[test]
    fn what_became_of_a_delivery_is_counted_by_provider_state_and_reason() {
        let metrics = DispatchMetrics::default();
        let sms = metrics.of(Channel::Sms, ["twilio"].into_iter());
        let attempt = |provider: &str| watchbell_store::queue::Attempt {
            number: 1,
            at: Timestamp::default(),
            provider: provider.to_owned(),
            class: Class::Accepted,
            code: None,
            message_id: None,
            latency_ms: Some(3),
            not_before: None,
            goes_on: false,
        };
        let finished = |provider: Option<&str>, next| Finished {
            id: DeliveryId("D".to_owned()),
            is_bundle: false,
            attempt: provider.map(attempt),
            next,
            pause: None,
            receipt_by: None,
        };
        sms.finished(&finished(Some("twilio"), Next::Sent));
        sms.finished(&finished(Some("twilio"), Next::Sent));
        let bad = Reason::BadAddress { code: Some("+49170 secret".to_owned()) };
        sms.finished(&finished(Some("twilio"), Next::Failed { reason: bad, address: AddressFate::Bad }));
        sms.finished(&finished(None, Next::Expired));
        sms.finished(&finished(Some("gone"), Next::Sent));
        sms.called("twilio", Class::Accepted, 12);
        sms.called("twilio", Class::Unknown, 30_000);
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let text = Format::Prometheus.write(&registry);
        for line in [
            "watchbell_deliveries_total{channel=\"sms\",provider=\"twilio\",state=\"sent\",reason=\"\"} 2",
            "watchbell_deliveries_total{channel=\"sms\",provider=\"twilio\",state=\"failed\",reason=\"bad_address\"} 1",
            "watchbell_deliveries_total{channel=\"sms\",provider=\"\",state=\"expired\",reason=\"\"} 1",
            "watchbell_deliveries_total{channel=\"sms\",provider=\"gone\",state=\"sent\",reason=\"\"} 1",
            "watchbell_calls_total{channel=\"sms\",provider=\"twilio\",class=\"Accepted\"} 1",
            "watchbell_calls_total{channel=\"sms\",provider=\"twilio\",class=\"Unknown\"} 1",
            "watchbell_call_seconds_bucket{channel=\"sms\",provider=\"twilio\",le=\"0.025\"} 1",
            "watchbell_call_seconds_count{channel=\"sms\",provider=\"twilio\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("secret"), "what a provider says may hold an address");
    }
}
