//! What this process counts, collected from its parts, and what the database knows beside it.

mod database;
mod process;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use watchbell_api::metrics::MetricsSource;
use watchbell_core::Clock;
use watchbell_ingest::Connection;
use watchbell_metrics::{Format, Registry};
use watchbell_store::Store;

use self::database::DatabaseState;
use self::process::ProcessState;
use crate::config::{Config, Role};

/// All that is told at `/metrics`.
#[derive(Debug)]
pub struct ProcessMetrics {
    registry: Registry,
    database: Arc<DatabaseState>,
    /// Writing it all takes a processor for milliseconds: one does at a time, however many ask, so that pages have the others.
    turn: Mutex<()>,
}

/// The parts of a process register what they count, one by one, as they are made.
#[derive(Debug)]
pub struct Collecting {
    pub registry: Registry,
}

impl Collecting {
    pub fn new(roles: &BTreeSet<Role>, clock: &Arc<dyn Clock>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessState::new(roles, clock.clone())));
        Self { registry }
    }

    pub fn broker(&mut self, broker: &Connection) {
        broker.counters().register(&mut self.registry);
        self.registry.register_collector(Box::new(process::BrokerState(broker.clone())));
    }

    pub fn done(mut self, store: Arc<dyn Store>, clock: Arc<dyn Clock>, config: &Config) -> ProcessMetrics {
        store.wakes().register(&mut self.registry);
        let database = Arc::new(DatabaseState::new(store, clock, config));
        self.registry.register_collector(Box::new(database.clone()));
        ProcessMetrics { registry: self.registry, database, turn: Mutex::default() }
    }
}

#[async_trait]
impl MetricsSource for ProcessMetrics {
    async fn metrics(&self, format: Format) -> String {
        self.database.look().await;
        let _turn = self.turn.lock().await;
        format.write(&self.registry)
    }
}
