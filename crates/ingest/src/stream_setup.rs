//! Makes the stream and its consumers where they do not exist, and again when somebody has deleted them.

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

/// nats-server (2.9.10 at least) goes on removing a deleted stream's files after it has answered that there is no such stream.
/// A stream of that name that is made meanwhile loses its files as well, and its consumers then hold events for ever without
/// delivering them. So it is made only after this time.
const DELETION_TAKES: Duration = Duration::from_secs(5);

/// How often a stream that holds none of a feed's subjects is asked for them again: somebody may add them.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A stream or consumer that is neither there nor can be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamSetupError {
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

/// The stream as the settings want it, and what was found of it. All readers share it.
pub(crate) struct StreamSetup {
    connection: Connection,
    context: Context,
    stream: String,
    replicas: usize,
    max_age: Duration,
    ack_wait: Duration,
    pub batch: usize,
    trouble: Trouble,
    clock: Arc<dyn Clock>,
    /// What existed at the last look, so that its loss can be logged. The lock also keeps two readers from making the same thing at
    /// once.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    stream: Option<StreamSeen>,
    consumers: HashSet<String>,
    /// Feeds none of whose subjects the stream holds.
    not_held: HashSet<String>,
    /// The warnings that were logged about a stream which somebody else made.
    concerns: Vec<String>,
}

/// What tells a stream from another one of the same name. Replicas of one stream may disagree on when it was made, so that alone
/// proves nothing; but the sequence numbers of one stream never fall.
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

impl StreamSetup {
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

    /// Waits until the connection is up and the consumer exists, and returns it. None when `stop` comes first.
    pub(crate) async fn attach(&self, feed: &Feed, stop: &CancellationToken) -> Option<PullConsumer> {
        let attached = async {
            let mut backoff = BACKOFF;
            let mut link = self.connection.link();
            loop {
                self.connection.connected().await;
                link.mark_unchanged();
                let attached = tokio::select! {
                    attached = Box::pin(self.consumer(feed)) => attached,
                    // The request went out on a connection that is gone, so its answer will never come.
                    _ = link.changed() => continue,
                };
                match attached {
                    Ok(consumer) => {
                        self.trouble.ends();
                        return consumer;
                    }
                    // Somebody may add the subject to the stream later.
                    Err(StreamSetupError::NotHeld(_)) => {
                        self.clock.sleep(LOOK_AGAIN).await;
                        continue;
                    }
                    // That the connection is lost is logged by `connection`.
                    Err(_) if !self.connection.is_connected() => {}
                    Err(error) => self.trouble.begins(&error),
                }
                self.clock.sleep(backoff.next_wait()).await;
            }
        };
        stop.run_until_cancelled(attached).await
    }

    /// Returns the consumer. Where it does not exist it is made, and before it the stream.
    pub(crate) async fn consumer(&self, feed: &Feed) -> Result<PullConsumer, StreamSetupError> {
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
                Err(StreamSetupError::NotHeld(feed.name.clone()))
            }
            Err(error) => Err(StreamSetupError::Consumer { name: feed.name.clone(), error }),
        }
    }

    /// The standing feeds without those that are known to have no subject in the stream.
    pub(crate) async fn feeds(&self) -> Vec<Feed> {
        let seen = self.seen.lock().await;
        Feed::standing().into_iter().filter(|feed| !seen.not_held.contains(&feed.name)).collect()
    }

    async fn ensure_stream(&self, seen: &mut Seen) -> Result<Stream, StreamSetupError> {
        let stream = match self.context.get_stream(&self.stream).await {
            Ok(stream) => stream,
            Err(error) if is_absent(&error) => {
                if seen.stream.is_some() {
                    self.clock.sleep(DELETION_TAKES).await;
                }
                let made = self.context.create_stream(self.config()).await.map_err(StreamSetupError::Stream)?;
                tracing::info!(stream = self.stream, "made the stream");
                made
            }
            Err(error) if error.kind() == GetStreamErrorKind::Request || is_disabled(&error) => {
                return Err(StreamSetupError::NoJetStream(error));
            }
            Err(error) => return Err(StreamSetupError::Lookup(error)),
        };
        let info = stream.cached_info();
        let found = StreamSeen::of(info);
        if seen.stream.replace(found).is_some_and(|before| found.is_another(before)) {
            tracing::error!(stream = self.stream, "the stream was gone and has been made again; events that still waited in it are lost");
            // Its consumers went with it; that is part of the line just logged.
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

/// Whether the server refused the consumer because its filter matches none of the stream's subjects.
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
