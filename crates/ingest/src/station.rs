//! The stream and its consumers: there, or made; and made again when somebody deletes them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::datetime::DateTime;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::context::{CreateStreamError, GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, ConsumerError, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use watchbell_core::Clock;

use crate::NatsSettings;
use crate::backoff::Backoff;
use crate::connection::Connection;
use crate::consumer::{ALL_EVENTS, Feed};
use crate::trouble::Trouble;

/// nats-server (2.9.10 at least) removes a deleted stream's files after it has forgotten the stream. One that is made again
/// meanwhile loses its files to that, and its consumers then hang for ever with events that are pending.
const DELETION_TAKES: Duration = Duration::from_secs(5);

/// A stream or consumer that is neither there nor can be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StationError {
    #[error("NATS does not answer JetStream requests: is JetStream enabled, and may this login use it?")]
    NoJetStream(#[source] GetStreamError),
    #[error("the stream cannot be looked up")]
    Lookup(#[source] GetStreamError),
    #[error("the stream cannot be made; another one that holds watchbell.events.* can be named as nats.stream")]
    Stream(#[source] CreateStreamError),
    #[error("the consumer {name} cannot be made")]
    Consumer {
        name: String,
        #[source]
        error: ConsumerError,
    },
}

/// What all workers share about the server.
pub(crate) struct Station {
    connection: Connection,
    context: Context,
    stream: String,
    replicas: usize,
    max_age: Duration,
    ack_wait: Duration,
    pub batch: usize,
    trouble: Trouble,
    clock: Arc<dyn Clock>,
    /// What was there before, by the time when it was made: another time is news. The lock also keeps workers from making the same thing at once.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    stream: Option<DateTime>,
    consumers: HashMap<String, DateTime>,
}

impl Station {
    pub(crate) fn new(connection: Connection, settings: &NatsSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            context: async_nats::jetstream::new(connection.client().clone()),
            connection,
            stream: settings.stream.clone(),
            replicas: settings.replicas,
            max_age: Duration::from_hours(24) * settings.max_age_days,
            ack_wait: Duration::from_secs(u64::from(settings.ack_wait_s.max(1))),
            batch: settings.batch.max(1),
            trouble: Trouble::new("events cannot be read from NATS"),
            clock,
            seen: Mutex::default(),
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn stream_name(&self) -> &str {
        &self.stream
    }

    /// The consumer, as soon as there is a connection and it is there or made; None when `stop` comes first.
    pub(crate) async fn attach(&self, feed: &Feed, stop: &CancellationToken) -> Option<PullConsumer> {
        let attached = async {
            let mut backoff = Backoff::default();
            loop {
                self.connection.connected().await;
                match self.consumer(feed).await {
                    Ok(consumer) => {
                        self.trouble.ends();
                        return consumer;
                    }
                    // A connection that is lost is said elsewhere.
                    Err(_) if !self.connection.is_connected() => {}
                    Err(error) => self.trouble.begins(&error),
                }
                self.clock.sleep(backoff.next()).await;
            }
        };
        stop.run_until_cancelled(attached).await
    }

    /// The consumer, made if it is not there, and the stream before it.
    pub(crate) async fn consumer(&self, feed: &Feed) -> Result<PullConsumer, StationError> {
        let mut seen = self.seen.lock().await;
        let failed = |error| StationError::Consumer { name: feed.name.clone(), error };
        let stream = self.ensure_stream(&mut seen).await?;
        let consumer = stream.get_or_create_consumer(&feed.name, feed.config(self.ack_wait)).await.map_err(failed)?;
        let created = consumer.cached_info().created;
        if seen.consumers.insert(feed.name.clone(), created).is_some_and(|before| before != created) {
            tracing::error!(
                consumer = feed.name,
                "the consumer was gone and has been made again; events still in the stream come a second time"
            );
        }
        Ok(consumer)
    }

    async fn ensure_stream(&self, seen: &mut Seen) -> Result<Stream, StationError> {
        let stream = match self.context.get_stream(&self.stream).await {
            Ok(stream) => stream,
            Err(error) if is_absent(&error) => {
                if seen.stream.is_some() {
                    self.clock.sleep(DELETION_TAKES).await;
                }
                let made = self.context.create_stream(self.config()).await.map_err(StationError::Stream)?;
                tracing::info!(stream = self.stream, "made the stream");
                made
            }
            Err(error) if error.kind() == GetStreamErrorKind::Request || is_disabled(&error) => {
                return Err(StationError::NoJetStream(error));
            }
            Err(error) => return Err(StationError::Lookup(error)),
        };
        let created = stream.cached_info().created;
        if seen.stream.replace(created).is_some_and(|before| before != created) {
            tracing::error!(stream = self.stream, "the stream was gone and has been made again; events that still waited in it are lost");
            // Its consumers went with it, and that has just been said.
            seen.consumers.clear();
        }
        Ok(stream)
    }

    fn config(&self) -> Config {
        Config {
            name: self.stream.clone(),
            subjects: vec![ALL_EVENTS.to_owned()],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            max_age: self.max_age,
            num_replicas: self.replicas,
            ..Config::default()
        }
    }
}

fn is_absent(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(why) if why.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn is_disabled(error: &GetStreamError) -> bool {
    const DISABLED: [ErrorCode; 2] = [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT];
    matches!(error.kind(), GetStreamErrorKind::JetStream(why) if DISABLED.contains(&why.error_code()))
}
