//! What is counted of connections to the database.

use prometheus_client::encoding::EncodeLabelSet;
use watchbell_metrics::{Counter, Family, Gauge, Histogram, Registry};

/// Of all connections of a process; clones share what they count.
#[derive(Clone, Debug, Default)]
pub struct DatabaseMetrics {
    wait: Family<PoolLabels, Histogram>,
    hold: Family<PoolLabels, Histogram>,
    in_use: Family<PoolLabels, Gauge>,
    failures: Family<PoolLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    /// What the connections are for.
    pool: &'static str,
}

impl DatabaseMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let (wait, hold) = (
            "Time until a connection to the database was free and worked",
            "Time for which connections were used: a transaction, or one statement",
        );
        registry.register("watchbell_database_connection_wait_seconds", wait, self.wait.clone());
        registry.register("watchbell_database_transaction_seconds", hold, self.hold.clone());
        registry.register("watchbell_database_connections_in_use", "Connections to the database in use", self.in_use.clone());
        let failures = "Connections that were not free in time, or could not be made";
        registry.register("watchbell_database_connection_failures", failures, self.failures.clone());
    }

    pub(crate) fn of(&self, pool: &'static str) -> PoolMetrics {
        let labels = PoolLabels { pool };
        PoolMetrics {
            wait: self.wait.get_or_create_owned(&labels),
            hold: self.hold.get_or_create_owned(&labels),
            in_use: self.in_use.get_or_create_owned(&labels),
            failures: self.failures.get_or_create_owned(&labels),
        }
    }
}

/// Of the connections of one pool.
#[derive(Debug)]
pub(crate) struct PoolMetrics {
    pub wait: Histogram,
    pub hold: Histogram,
    pub in_use: Gauge,
    pub failures: Counter,
}
