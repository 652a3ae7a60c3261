//! A histogram of durations that is counted without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper bounds in milliseconds, and what they are called in seconds: from a call on this machine to the twenty minutes in which a
/// HIGH alert is tried.
const BUCKETS: [(u64, f64); 18] = [
    (1, 0.001),
    (2, 0.002),
    (5, 0.005),
    (10, 0.01),
    (25, 0.025),
    (50, 0.05),
    (100, 0.1),
    (250, 0.25),
    (500, 0.5),
    (1_000, 1.0),
    (2_500, 2.5),
    (5_000, 5.0),
    (10_000, 10.0),
    (30_000, 30.0),
    (60_000, 60.0),
    (120_000, 120.0),
    (300_000, 300.0),
    (1_200_000, 1_200.0),
];

/// How long something took, in seconds; clones share what they count. (The library's own takes a lock for every value.)
#[derive(Clone, Debug, Default)]
pub struct Histogram(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// By the first bucket that holds the value; the last one holds what is longer than all.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.partition_point(|(ms, _)| ms.saturating_mul(1_000) < us);
        self.0.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// A time that clocks of several machines have measured: what is negative took no time.
    pub fn observe_ms(&self, ms: i64) {
        self.observe(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.0.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    #[expect(clippy::cast_precision_loss, reason = "microseconds are exact for 285 years")]
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let counts: Vec<u64> = self.0.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let bounds = BUCKETS.iter().map(|(_, seconds)| *seconds).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts.iter().copied()).collect();
        let sum = self.0.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        encoder.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Registry};

    #[test]
    fn what_lies_on_a_bound_belongs_below_it_and_the_longest_is_counted_too() {
        let histogram = Histogram::default();
        for ms in [-5, 0, 1, 2, 3, 60_000, 60_001, 9_000_000] {
            histogram.observe_ms(ms);
        }
        let mut registry = Registry::default();
        registry.register("took_seconds", "How long", histogram);
        let text = Format::Prometheus.write(&registry);
        assert!(Format::OpenMetrics.write(&registry).contains("took_seconds_bucket{le=\"+Inf\"} 8\n"));
        for line in [
            "took_seconds_bucket{le=\"0.001\"} 3",
            "took_seconds_bucket{le=\"0.002\"} 4",
            "took_seconds_bucket{le=\"0.005\"} 5",
            "took_seconds_bucket{le=\"60\"} 6",
            "took_seconds_bucket{le=\"120\"} 7",
            "took_seconds_bucket{le=\"1200\"} 7",
            "took_seconds_bucket{le=\"+Inf\"} 8",
            "took_seconds_sum 9120.007",
            "took_seconds_count 8",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
