//! Where the consumers hand events over: the store.

use std::sync::Arc;

use async_trait::async_trait;
use watchbell_core::decode;
use watchbell_core::event::{Event, EventData};
use watchbell_ingest::{Connection, Planned, Sink, SinkError};
use watchbell_store::intake::Rejected;
use watchbell_store::{Store, StoreError};

use super::precedence::Precedence;

/// Updates that are accepted together at most: fewer are committed sooner.
const UPDATES_TOGETHER: usize = 100;

pub struct StoreSink {
    store: Arc<dyn Store>,
    broker: Connection,
    precedence: Precedence,
}

impl StoreSink {
    pub fn new(store: Arc<dyn Store>, broker: Connection) -> Self {
        Self { store, broker, precedence: Precedence::default() }
    }
}

#[async_trait]
impl Sink for StoreSink {
    async fn accept(&self, events: Vec<Event>, planned: Planned<'_>) -> Result<(), SinkError> {
        let mut rest = events.as_slice();
        let are_updates = events.iter().any(|event| matches!(event.data, EventData::Update(_)));
        let _passing = are_updates.then(|| self.precedence.pass());
        while !rest.is_empty() {
            let together = if are_updates {
                UPDATES_TOGETHER
            } else {
                self.precedence.give_way().await;
                self.store.local_workers().settle(rest.len()).await
            };
            let (now, later) = rest.split_at(together.min(rest.len()));
            let planned: Planned<'_> = if later.is_empty() { planned } else { &|| {} };
            let accepted = self.store.accept_in_turn(now, planned).await.map_err(sink_error)?;
            for (event, accepted) in now.iter().zip(&accepted) {
                if let Some((reason, detail)) = accepted.dead_letter().filter(|_| !accepted.duplicate) {
                    self.broker.publish_dead_letter(&event.original, reason.as_str(), &detail);
                }
            }
            rest = later;
        }
        Ok(())
    }

    async fn reject(&self, rejected: Vec<decode::Rejected>) -> Result<(), SinkError> {
        let kept = rejected
            .into_iter()
            .map(|rejected| Rejected { original: rejected.original, reason: rejected.reason.as_str().to_owned(), detail: rejected.detail })
            .collect();
        self.store.reject(kept).await.map_err(sink_error)
    }
}

fn sink_error(error: StoreError) -> SinkError {
    if error.is_outage() {
        return SinkError::Unavailable(Box::new(error));
    }
    match &error {
        // The database's own words may quote the value.
        StoreError::Refused(_) => SinkError::Refused(format!("{error} ({})", error.code().unwrap_or_default())),
        _ => SinkError::Hindered(Box::new(error)),
    }
}
