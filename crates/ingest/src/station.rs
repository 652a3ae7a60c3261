//! The stream and its consumers: there, or made; and made again when somebody deletes them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::datetime::DateTime;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::context::{ConsumerInfoErrorKind, CreateStreamError, GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, ConsumerError, ConsumerErrorKind, Info, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use watchbell_core::Clock;

use crate::NatsSettings;
use crate::backoff::BACKOFF;
use crate::concerns;
use crate::connection::Connection;
use crate::consumer::{ALL_EVENTS, Feed};
use crate::trouble::Trouble;

/// nats-server (2.9.10 at least) removes a deleted stream's files after it has forgotten the stream. One that is made again
/// meanwhile loses its files to that, and its consumers then hang for ever with events that are pending.
const DELETION_TAKES: Duration = Duration::from_secs(5);

/// A stream that somebody else made may be given more subjects: so often that is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A stream or consumer that is neither there nor can be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StationError {
    #[error("NATS does not answer JetStream requests: is JetStream enabled, and may this login use it?")]
    NoJetStream(#[source] GetStreamError),
    #[error("the stream cannot be looked up")]
    Lookup(#[source] GetStreamError),
    #[error("the stream cannot be made; another one that holds watchbell.events.* can be named as nats.stream")]
    Stream(#[source] CreateStreamError),
    /// What the feed reads is in no subject of a stream that somebody else made.
    #[error("the stream holds nothing for the consumer {0}")]
    NotHeld(String),
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
    /// What was there before: that it is gone is news. The lock also keeps workers from making the same thing at once.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    stream: Option<StreamSeen>,
    consumers: HashSet<String>,
    /// Feeds that the stream holds nothing for.
    not_held: HashSet<String>,
    /// What has been said about a stream that somebody else made.
    concerns: Vec<String>,
}

/// A stream as it was last looked at. Replicas may differ in when it was made, but its numbers only grow.
#[derive(Clone, Copy)]
struct StreamSeen {
    created: DateTime,
    first: u64,
    last: u64,
}

impl StreamSeen {
    fn of(info: &Info) -> Self {
        Self { created: info.created, first: info.state.first_sequence, last: info.state.last_sequence }
    }

    fn is_another(self, before: Self) -> bool {
        self.created != before.created && (self.last < before.last || self.first < before.first)
    }
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
            let mut backoff = BACKOFF;
            let mut link = self.connection.link();
            loop {
                self.connection.connected().await;
                link.mark_unchanged();
                let attached = tokio::select! {
                    attached = Box::pin(self.consumer(feed)) => attached,
                    // An answer to what was asked on a connection that is gone would be waited for in vain.
                    _ = link.changed() => continue,
                };
                match attached {
                    Ok(consumer) => {
                        self.trouble.ends();
                        return consumer;
                    }
                    // The stream may be given its subjects later.
                    Err(StationError::NotHeld(_)) => {
                        self.clock.sleep(LOOK_AGAIN).await;
                        continue;
                    }
                    // A connection that is lost is said elsewhere.
                    Err(_) if !self.connection.is_connected() => {}
                    Err(error) => self.trouble.begins(&error),
                }
                self.clock.sleep(backoff.next_wait()).await;
            }
        };
        stop.run_until_cancelled(attached).await
    }

    /// The consumer, made if it is not there, and the stream before it.
    pub(crate) async fn consumer(&self, feed: &Feed) -> Result<PullConsumer, StationError> {
        let mut seen = self.seen.lock().await;
        let stream = self.ensure_stream(&mut seen).await?;
        let was_there = seen.consumers.contains(&feed.name);
        let is_gone =
            was_there && stream.consumer_info(&feed.name).await.is_err_and(|error| error.kind() == ConsumerInfoErrorKind::NotFound);
        let config = feed.config(self.ack_wait, &stream.cached_info().config);
        match stream.get_or_create_consumer(&feed.name, config).await {
            Ok(consumer) => {
                seen.not_held.remove(&feed.name);
                seen.consumers.insert(feed.name.clone());
                if is_gone {
                    tracing::error!(
                        consumer = feed.name,
                        "the consumer was gone and has been made again; events still in the stream come a second time"
                    );
                }
                Ok(consumer)
            }
            Err(error) if is_not_held(&error) => {
                if seen.not_held.insert(feed.name.clone()) {
                    tracing::info!(
                        stream = self.stream,
                        subject = feed.filter,
                        "the stream does not hold this subject; it is not asked for"
                    );
                }
                Err(StationError::NotHeld(feed.name.clone()))
            }
            Err(error) => Err(StationError::Consumer { name: feed.name.clone(), error }),
        }
    }

    /// Those of the standing feeds that the stream holds anything for, as far as it is known.
    pub(crate) async fn feeds(&self) -> Vec<Feed> {
        let seen = self.seen.lock().await;
        Feed::standing().into_iter().filter(|feed| !seen.not_held.contains(&feed.name)).collect()
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
        let info = stream.cached_info();
        let found = StreamSeen::of(info);
        if seen.stream.replace(found).is_some_and(|before| found.is_another(before)) {
            tracing::error!(stream = self.stream, "the stream was gone and has been made again; events that still waited in it are lost");
            // Its consumers went with it, and that has just been said.
            seen.consumers.clear();
        }
        let concerns = concerns::of(&info.config);
        for concern in concerns.iter().filter(|concern| !seen.concerns.contains(concern)) {
            tracing::warn!(stream = self.stream, "the stream was not made by Watchbell: {concern}");
        }
        seen.concerns = concerns;
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

/// The server's word for a filter that is in none of the stream's subjects.
fn is_not_held(error: &ConsumerError) -> bool {
    matches!(error.kind(), ConsumerErrorKind::JetStream(why) if why.error_code() == ErrorCode::CONSUMER_FILTER_NOT_SUBSET)
}

fn is_absent(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(why) if why.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn is_disabled(error: &GetStreamError) -> bool {
    const DISABLED: [ErrorCode; 2] = [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT];
    matches!(error.kind(), GetStreamErrorKind::JetStream(why) if DISABLED.contains(&why.error_code()))
}
