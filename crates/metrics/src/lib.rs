//! How figures are counted, and in which form they are told.
//!
//! Each part of Watchbell has a type of its own for what it counts (`DispatchMetrics`, `IntakeMetrics`, …), which registers its
//! metrics by name; the binary collects them in one [`Registry`]. Whoever counts for every delivery asks a [`Family`] once, and keeps
//! what it answers: counting is then an atomic addition, without a lock and without allocation.
//!
//! Labels are names of the configuration and of enumerations of the code. Nothing that is somebody's (address, user, alert) and
//! nothing that grows without bound is ever one.

mod exposition;
mod histogram;

pub use exposition::Format;
pub use histogram::Histogram;
pub use prometheus_client::collector;
pub use prometheus_client::encoding;
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
pub use prometheus_client::metrics::{MetricType, counter, gauge};
pub use prometheus_client::registry::{Registry, Unit};

/// A metric of floating point values.
pub type FloatGauge = Gauge<f64, std::sync::atomic::AtomicU64>;

/// Writes one value a set of labels as a gauge. What has nothing to tell is left out.
///
/// # Errors
/// The text cannot be written.
pub fn write_gauges<L: encoding::EncodeLabelSet>(
    encoder: &mut encoding::DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    values: impl IntoIterator<Item = (L, f64)>,
) -> std::fmt::Result {
    use encoding::EncodeMetric as _;
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    // The text formats end a help text with a full stop by themselves only where it is registered.
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}
