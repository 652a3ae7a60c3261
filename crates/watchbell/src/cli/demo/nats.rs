//! Publishing the story's events as any program would: CloudEvents in binary form, acknowledged by JetStream.

use std::time::Duration;

use async_nats::{HeaderMap, jetstream};
use serde_json::Value;
use watchbell_core::{Clock, SystemClock};
use watchbell_ingest::{Connection, NatsError, NatsSettings};

use crate::config::nats_servers;

/// How long a server may take to answer; it is a local one, or one that the server process is connected to already.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the demo publishes over NATS, and nats.url is empty: set WATCHBELL_NATS__URL, or use `make run`, which starts a server")]
    Off,
    #[error("no NATS server answers at nats.url; set WATCHBELL_NATS__URL, or use `make run`, which starts a server")]
    Unreachable,
    #[error("{0}")]
    Settings(#[from] NatsError),
    #[error("the event could not be published: {0}")]
    Publish(String),
}

/// Says before anything is started that there will be no story.
pub fn check(nats: &NatsSettings) -> Result<(), Error> {
    if nats_servers(nats).is_empty() { Err(Error::Off) } else { Ok(()) }
}

#[derive(Debug)]
pub struct Publisher {
    jetstream: jetstream::Context,
    clock: SystemClock,
}

impl Publisher {
    /// Connects with the same settings as the server itself.
    pub async fn connect(nats: &NatsSettings) -> Result<Self, Error> {
        let (connection, clock) = (Connection::open(nats).await?, SystemClock);
        tokio::select! {
            () = connection.connected() => {}
            () = clock.sleep(PATIENCE) => return Err(Error::Unreachable),
        }
        Ok(Self { jetstream: jetstream::new(connection.client().clone()), clock })
    }

    /// Publishes one event of a kind (`alert`, `update`, …) and waits until the stream has it.
    pub async fn publish(&self, kind: &str, id: &str, data: &Value) -> Result<(), Error> {
        let subject = format!("watchbell.events.{kind}");
        let mut headers = HeaderMap::new();
        headers.insert("ce-specversion", "1.0");
        headers.insert("ce-id", id);
        headers.insert("ce-source", "/watchbell/demo");
        headers.insert("ce-type", subject.as_str());
        headers.insert("ce-time", self.clock.now().to_string().as_str());
        headers.insert("content-type", "application/json");
        let sent = self.jetstream.publish_with_headers(subject, headers, data.to_string().into()).await;
        let stored = sent.map_err(|error| Error::Publish(error.to_string()))?.await;
        stored.map(drop).map_err(|error| Error::Publish(error.to_string()))
    }
}
