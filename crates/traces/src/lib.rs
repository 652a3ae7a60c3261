//! How spans are recorded, and in which form they are told.
//!
//! A [`Tracer`] that is off, which is the default, costs a comparison: nobody makes a span for it. One that is on puts spans into a
//! queue that is bounded, and never waits; the binary takes them from there and posts them ([`otlp`]). What a span says are names of the
//! configuration, enumerations, ids and numbers: nothing of it is an address, a text or a key.
//!
//! A span is recorded when it has ended, whole. There is nothing to be kept meanwhile: which trace something belongs to stands in the
//! event's row ([`watchbell_core::trace`]).

pub mod otlp;
mod span;

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use tokio::sync::mpsc;
use watchbell_core::{Clock, Timestamp, TraceContext};
use watchbell_metrics::{Counter, Family, Registry};

pub use span::{Kind, Span, Value};

/// Spans that wait to be told: what comes while so many do is lost. At 500 bytes each that is a megabyte.
const MOST_WAITING: usize = 2_048;

/// Where spans are recorded; clones record to the same place.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

#[derive(Debug)]
struct Recorder {
    waiting: mpsc::Sender<Span>,
    clock: Arc<dyn Clock>,
    metrics: TraceMetrics,
}

impl Tracer {
    /// One that is on, and what is recorded by it.
    pub fn new(clock: Arc<dyn Clock>, metrics: TraceMetrics) -> (Self, mpsc::Receiver<Span>) {
        let (waiting, spans) = mpsc::channel(MOST_WAITING);
        (Self(Some(Arc::new(Recorder { waiting, clock, metrics }))), spans)
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// When a span begins or ends, where there is one.
    pub fn now(&self) -> Option<Timestamp> {
        self.0.as_ref().map(|recorder| recorder.clock.now())
    }

    /// The span, where traces are kept here: what another process has kept is none of one that keeps none.
    pub fn carry(&self, trace: Option<TraceContext>) -> Option<TraceContext> {
        trace.filter(|_| self.is_on())
    }

    /// Records the span that `span` makes, unless its trace is not sampled. Where the queue is full it is lost, and counted.
    pub fn record(&self, context: TraceContext, span: impl FnOnce(Span) -> Span) {
        let Some(recorder) = self.0.as_ref().filter(|_| context.is_sampled) else { return };
        if recorder.waiting.try_send(span(Span::new(context))).is_err() {
            recorder.metrics.lost(1);
        }
    }
}

/// What became of spans; clones share what they count.
#[derive(Clone, Debug, Default)]
pub struct TraceMetrics(Family<SpanLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SpanLabels {
    result: &'static str,
}

impl TraceMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let spans = "Spans that the collector took (exported), or that are lost as it did not, or not fast enough (lost)";
        registry.register("watchbell_trace_spans", spans, self.0.clone());
        // What does not appear before it happens cannot be compared with what was before.
        self.exported(0);
        self.lost(0);
    }

    pub fn exported(&self, spans: usize) {
        self.count("exported", spans);
    }

    pub fn lost(&self, spans: usize) {
        self.count("lost", spans);
    }

    fn count(&self, result: &'static str, spans: usize) {
        self.0.get_or_create(&SpanLabels { result }).inc_by(spans as u64);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn clock() -> Arc<dyn Clock> {
        Arc::new(watchbell_core::ManualClock::new(Timestamp::from_millis(0)))
    }

    #[test]
    fn what_is_off_or_not_sampled_makes_no_span() {
        let context: TraceContext = SAMPLED.parse().unwrap();
        assert_eq!(Tracer::default().carry(Some(context)), None);
        Tracer::default().record(context, |_| panic!("a span was made"));
        let (tracer, mut spans) = Tracer::new(clock(), TraceMetrics::default());
        tracer.record(NOT_SAMPLED.parse().unwrap(), |_| panic!("a span was made"));
        tracer.record(context, |span| span.named("delivery.call", Kind::Client));
        assert_eq!(spans.try_recv().unwrap().name, "delivery.call");
        assert!(spans.try_recv().is_err());
    }

    #[test]
    fn who_records_faster_than_it_is_told_loses_spans_and_waits_for_nothing() {
        let metrics = TraceMetrics::default();
        let (tracer, spans) = Tracer::new(clock(), metrics.clone());
        for _ in 0..MOST_WAITING + 3 {
            tracer.record(SAMPLED.parse().unwrap(), |span| span);
        }
        assert_eq!(spans.len(), MOST_WAITING);
        assert_eq!(metrics.0.get_or_create(&SpanLabels { result: "lost" }).get(), 3);
    }
}
