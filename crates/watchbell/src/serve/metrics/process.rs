//! What a process knows of itself.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use watchbell_core::{Clock, SharedClock, Timestamp};
use watchbell_ingest::Connection;
use watchbell_metrics::collector::Collector;
use watchbell_metrics::counter::ConstCounter;
use watchbell_metrics::encoding::{DescriptorEncoder, EncodeMetric as _};
use watchbell_metrics::{MetricType, write_gauges};

use crate::config::Role;

/// Clock ticks a second in which Linux counts the time of processes, on every platform that it has.
const TICKS: f64 = 100.0;

/// Who this process is and what it takes of its machine.
pub struct ProcessState {
    roles: String,
    started_at: Timestamp,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    roles: String,
}

impl fmt::Debug for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessState").finish_non_exhaustive()
    }
}

impl ProcessState {
    pub fn new(roles: &BTreeSet<Role>, clock: Arc<dyn Clock>) -> Self {
        let roles = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",");
        Self { roles, started_at: clock.now(), clock }
    }
}

impl Collector for ProcessState {
    #[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let build = BuildLabels { version: env!("CARGO_PKG_VERSION"), roles: self.roles.clone() };
        write_gauges(&mut encoder, ("watchbell_build_info", "Always 1: the program and its roles."), [(build, 1.0)])?;
        let none: [(&str, &str); 0] = [];
        let started = [(none, self.started_at.as_millis() as f64 / 1_000.0)];
        write_gauges(&mut encoder, ("process_start_time_seconds", "When the process began, in seconds since 1970."), started)?;
        if let Some(ahead_ms) = self.clock.shared().and_then(SharedClock::machine_ahead_ms) {
            let help = "How far the clock of this machine is ahead of the database's.";
            write_gauges(&mut encoder, ("watchbell_clock_ahead_seconds", help), [(none, ahead_ms as f64 / 1_000.0)])?;
        }
        // Where there is no /proc, nothing is said.
        if let Some((cpu_s, bytes)) = read_stat() {
            write_gauges(&mut encoder, ("process_resident_memory_bytes", "Memory in use."), [(none, bytes)])?;
            let cpu = ConstCounter::new(cpu_s);
            cpu.encode(encoder.encode_descriptor("process_cpu_seconds", "Time of processors used.", None, MetricType::Counter)?)?;
        }
        let files = std::fs::read_dir("/proc/self/fd").map(|files| files.count() as f64);
        write_gauges(&mut encoder, ("process_open_fds", "Open files and connections."), files.ok().map(|files| (none, files)))
    }
}

/// Seconds of processors and bytes of memory, by `/proc/self/stat`.
#[expect(clippy::cast_precision_loss, reason = "a page has some thousand bytes")]
fn read_stat() -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in brackets and may hold anything; what follows begins with the third field.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    let page_bytes = rustix::param::page_size() as f64;
    Some(((number(14)? + number(15)?) / TICKS, number(24)? * page_bytes))
}

/// Whether NATS is there.
pub struct BrokerState(pub Connection);

impl fmt::Debug for BrokerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrokerState")
    }
}

impl Collector for BrokerState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let none: [(&str, &str); 0] = [];
        let up = [(none, f64::from(u8::from(self.0.is_connected())))];
        write_gauges(&mut encoder, ("watchbell_nats_up", "1 while this process is connected to NATS."), up)
    }
}
