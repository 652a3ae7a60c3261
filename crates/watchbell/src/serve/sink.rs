//! Where the consumers of the broker hand events over.

use std::sync::Arc;

use async_trait::async_trait;
use watchbell_channels::inline::EventIntake;
use watchbell_core::decode;
use watchbell_core::event::Event;
use watchbell_ingest::{Connection, Planned, Sink, SinkError};
use watchbell_store::intake::Rejected;
use watchbell_store::{Store, StoreError};

pub struct StoreSink {
    store: Arc<dyn Store>,
    intake: Arc<EventIntake>,
    broker: Connection,
}

impl StoreSink {
    pub fn new(store: Arc<dyn Store>, intake: Arc<EventIntake>, broker: Connection) -> Self {
        Self { store, intake, broker }
    }
}

#[async_trait]
impl Sink for StoreSink {
    async fn accept(&self, events: Vec<Event>, planned: Planned<'_>) -> Result<(), SinkError> {
        let mut entry = self.intake.entry(&events, None, planned);
        while let Some((events, accepted)) = entry.accept_some().await.map_err(sink_error)? {
            for (event, accepted) in events.iter().zip(&accepted) {
                if let Some((reason, detail)) = accepted.dead_letter().filter(|_| !accepted.duplicate) {
                    self.broker.publish_dead_letter(&event.original, reason.as_str(), &detail);
                }
            }
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
