//! Events from NATS JetStream, handed to a [`Sink`], and acknowledged only after that has committed them.
//!
//! [`Connection`] is the one connection of a process: it comes back by itself, for ever. [`Ingest`] reads through it, one
//! durable pull consumer and one worker for each kind of event, each worker a loop of *take whatever is ready, decode, accept,
//! acknowledge*, in which a batch may be planned while the one before it is committed. A worker that dies with events in hand
//! loses nothing: what is not acknowledged within `ack_wait_s` is delivered again, to whichever process asks, and what was
//! committed by then is a known identity. For events of no known kind there is one more consumer and the module `watch`, which
//! also notices events that were gone before anyone took them.
//!
//! Trouble with the server, the stream or the sink is said once when it begins and once when it is over.

mod backoff;
mod concerns;
mod connection;
mod consumer;
mod counters;
mod dead;
mod intake;
mod original;
mod poison;
mod pull;
mod settings;
mod sink;
mod station;
mod trouble;
mod watch;
mod worker;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use watchbell_core::Clock;
use watchbell_core::decode::EventSettings;
pub use watchbell_core::decode::Rejected;

pub use connection::Connection;
pub use counters::{Counters, Counts};
pub use settings::NatsSettings;
pub use sink::{Planned, Sink, SinkError};

use consumer::Feed;
use intake::{Intake, Line};
use station::Station;
use worker::Worker;

/// Why there is no connection, not even one that is still being tried: the settings cannot be right.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    #[error("nats.url: {server:?} is no server; such as nats://127.0.0.1:4222 or tls://nats.example.org:4222 is needed")]
    BadServer {
        /// Without any user and password.
        server: String,
    },
    #[error("nats.nkey is not the seed of a user's nkey")]
    BadNkey,
    #[error("nats.creds is not the content of a .creds file with a user's JWT and nkey seed")]
    BadCreds,
    #[error("nats.tls_ca_file: {path:?} cannot be read")]
    CaFile {
        path: std::path::PathBuf,
        #[source]
        error: std::io::Error,
    },
    #[error("the connection could not be set up")]
    Setup(#[source] async_nats::ConnectError),
}

/// The consumers of one process.
pub struct Ingest {
    station: Arc<Station>,
    intake: Arc<Intake>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").finish_non_exhaustive()
    }
}

impl Ingest {
    pub fn new(connection: Connection, settings: &NatsSettings, events: EventSettings, sink: Arc<dyn Sink>, clock: Arc<dyn Clock>) -> Self {
        let counters = connection.counters();
        let station = Station::new(connection.clone(), settings, Arc::clone(&clock));
        let intake = Intake::new(sink, connection, events, counters, Arc::clone(&clock));
        Self { station: Arc::new(station), intake: Arc::new(intake), clock }
    }

    /// Reads events until `stop`. Then what is in hand is finished and acknowledged, and what was delivered beyond that is
    /// handed back to the server, so that another process gets it at once. Dropped, it stops as if killed, and loses nothing.
    pub async fn run(self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        for feed in Feed::standing() {
            let span = tracing::info_span!("ingest.read", consumer = %feed.name);
            let worker = Worker {
                feed,
                station: Arc::clone(&self.station),
                intake: Arc::clone(&self.intake),
                line: Line::default(),
                clock: Arc::clone(&self.clock),
                stop: stop.clone(),
            };
            tasks.spawn(worker.run().instrument(span));
        }
        tasks.spawn(watch::run(Arc::clone(&self.station), Arc::clone(&self.intake), self.clock, stop));
        while let Some(ended) = tasks.join_next().await {
            // A kind that is no longer read must not go unnoticed: whoever runs this hears of the panic.
            if let Err(Ok(panic)) = ended.map_err(tokio::task::JoinError::try_into_panic) {
                std::panic::resume_unwind(panic);
            }
        }
        self.station.connection().flush().await;
    }
}
