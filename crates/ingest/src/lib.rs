//! Events from NATS JetStream, handed to a [`Sink`], and acknowledged only after that has committed them.
//!
//! [`Connection`] is the one connection of a process, and is made again whenever it is lost. [`Ingest`] reads through it: each
//! kind of event has one durable pull consumer and one `FeedReader`, a loop that takes whatever is ready, decodes it, hands it
//! to the sink and acknowledges it. A batch may be planned while the one before it is being committed. A process that dies with
//! events in hand loses nothing: the server delivers what was not acknowledged within `ack_wait_s` again, to whichever process
//! asks, and the sink recognises what had been committed by its identity. For events of no known kind there is one more consumer
//! and the module `stream_watch`, which also notices events that were gone before anyone took them.
//!
//! Trouble with the server, the stream or the sink is logged once when it begins and once when it is over.

mod backoff;
mod committer;
mod concerns;
mod connection;
mod consumer;
mod counters;
mod dead_letters;
mod original;
mod poison;
mod pull;
mod reader;
mod settings;
mod sink;
mod stream_setup;
mod stream_watch;
mod trouble;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use watchbell_core::Clock;
use watchbell_core::decode::EventSettings;
pub use watchbell_core::decode::Rejected;

pub use connection::{Connection, Message};
pub use counters::{Counters, Counts};
pub use settings::NatsSettings;
pub use sink::{Planned, Sink, SinkError};

use committer::{Committer, PlanningOrder};
use consumer::Feed;
use reader::FeedReader;
use stream_setup::StreamSetup;

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
    setup: Arc<StreamSetup>,
    committer: Arc<Committer>,
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
        let setup = StreamSetup::new(connection.clone(), settings, Arc::clone(&clock));
        let committer = Committer::new(sink, connection, events, counters, Arc::clone(&clock));
        Self { setup: Arc::new(setup), committer: Arc::new(committer), clock }
    }

    /// Reads events until `stop`. Then the batches that were begun are committed and acknowledged, and what the server had
    /// delivered beyond them is handed back to it, so that another process gets it at once. Where the future is dropped instead,
    /// that is as if the process had been killed: nothing is lost, but the events come again only after `ack_wait_s`.
    pub async fn run(self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        for feed in Feed::standing() {
            let span = tracing::info_span!("ingest.read", consumer = %feed.name);
            let worker = FeedReader {
                feed,
                setup: Arc::clone(&self.setup),
                committer: Arc::clone(&self.committer),
                order: PlanningOrder::default(),
                clock: Arc::clone(&self.clock),
                stop: stop.clone(),
            };
            tasks.spawn(worker.run().instrument(span));
        }
        tasks.spawn(stream_watch::run(Arc::clone(&self.setup), Arc::clone(&self.committer), self.clock, stop));
        while let Some(ended) = tasks.join_next().await {
            // A kind of event that is no longer read must not go unnoticed, so a panic in its task becomes a panic of the caller.
            if let Err(Ok(panic)) = ended.map_err(tokio::task::JoinError::try_into_panic) {
                std::panic::resume_unwind(panic);
            }
        }
        self.setup.connection().flush().await;
    }
}
