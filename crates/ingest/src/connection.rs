//! The connection to NATS: made in the background, and made again for ever.

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::PublishError;
use async_nats::connection::State;
use async_nats::{Client, ClientError, Event, HeaderMap, ServerError, Subject};
use futures::FutureExt;
use tokio::sync::watch;
use watchbell_core::{Backoff, TraceContext};

use crate::counters::Counters;
use crate::trouble::News;
use crate::{NatsError, NatsSettings};

/// A connection that broke without being closed (a cable, a frozen machine) is noticed when three of these had no answer.
const PING_EVERY: Duration = Duration::from_secs(2);
/// How long a server that accepts a connection and then says nothing is waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// The waits between tries to connect.
const RECONNECT: Backoff = Backoff::new(Duration::from_millis(1), Duration::from_secs(2));

/// How long a publisher waits for the client to have room for one more message.
const TURN_WITHIN: Duration = Duration::from_secs(1);

/// What is left to be written when the process ends may take this long.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// Whether the connection is up, and how often it came up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkState {
    pub up: bool,
    pub times: u64,
}

/// What is published for whoever listens.
#[derive(Clone, Debug)]
pub struct Message {
    pub payload: Vec<u8>,
    /// The span that it tells of.
    pub trace: Option<TraceContext>,
}

/// The one connection of a process, shared by clones.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    link: watch::Receiver<LinkState>,
    counters: Arc<Counters>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("link", &*self.link.borrow()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Begins to connect, and returns without waiting for it: a server that is away is tried until it is there.
    ///
    /// # Errors
    /// Settings that no server could make right.
    pub async fn open(settings: &NatsSettings) -> Result<Self, NatsError> {
        let servers = settings.servers()?;
        let (sender, link) = watch::channel(LinkState::default());
        let log = Arc::new(ConnectionLog { link: sender, news: std::sync::Mutex::default() });
        let client = settings
            .options(servers.login)?
            .name("watchbell")
            .retry_on_initial_connect()
            .ping_interval(PING_EVERY)
            .connection_timeout(CONNECT_WITHIN)
            .reconnect_delay_callback(|tries| RECONNECT.wait_after(u32::try_from(tries).unwrap_or(u32::MAX)))
            .event_callback(move |event| {
                log.note(&event);
                std::future::ready(())
            })
            .connect(servers.addresses)
            .await
            .map_err(NatsError::Setup)?;
        Ok(Self { client, link, counters: Arc::default() })
    }

    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Returns when the connection is up.
    pub async fn connected(&self) {
        // An error would mean that the client is gone, but `self` holds it.
        let _ = self.link.clone().wait_for(|link| link.up).await;
    }

    /// The client, to subscribe to wake-ups with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Sends a message that nobody's delivery depends on, such as an outcome or a wake-up. Never waits: without a connection,
    /// or when the client cannot keep up, it is dropped and counted. Whether it was taken.
    pub fn publish(&self, subject: impl Into<Subject>, payload: Vec<u8>) -> bool {
        self.publish_with_headers(subject, HeaderMap::new(), payload)
    }

    /// As [`Connection::publish`], but waits up to a second while the client's buffer is full. For tasks that publish one message
    /// after the other, and that nobody waits for.
    pub async fn publish_in_turn(&self, subject: impl Into<Subject>, message: Message) {
        let sent = async { self.is_connected() && self.send(subject.into(), message).await.is_ok() };
        if !tokio::time::timeout(TURN_WITHIN, sent).await.unwrap_or(false) {
            Counters::add(&self.counters.unpublished, 1);
        }
    }

    /// Sends messages that must arrive, and waits until they have been written out. False where the connection was not up all the
    /// time: then some may be lost, and all are to be sent again.
    pub async fn deliver(&self, subject: &str, messages: Vec<Message>) -> bool {
        let before = *self.link.borrow();
        let sent = async {
            for message in messages {
                self.send(Subject::from(subject), message).await.ok()?;
            }
            self.client.flush().await.ok()
        };
        before.up && matches!(tokio::time::timeout(FLUSH_WITHIN, sent).await, Ok(Some(()))) && *self.link.borrow() == before
    }

    async fn send(&self, subject: Subject, Message { payload, trace }: Message) -> Result<(), PublishError> {
        match trace {
            Some(trace) => {
                let mut headers = HeaderMap::new();
                headers.insert("traceparent", trace.to_string().as_str());
                self.client.publish_with_headers(subject, headers, payload.into()).await
            }
            None => self.client.publish(subject, payload.into()).await,
        }
    }

    pub(crate) fn publish_with_headers(&self, subject: impl Into<Subject>, headers: HeaderMap, payload: Vec<u8>) -> bool {
        let taken = self.is_connected() && {
            let subject = subject.into();
            let sent = async {
                if headers.is_empty() {
                    self.client.publish(subject, payload.into()).await
                } else {
                    self.client.publish_with_headers(subject, headers, payload.into()).await
                }
            };
            // Outside of tokio's cooperative budget: where this task has used it up, the client would look full though it is not.
            matches!(tokio::task::unconstrained(sent).now_or_never(), Some(Ok(())))
        };
        if !taken {
            Counters::add(&self.counters.unpublished, 1);
        }
        taken
    }

    pub(crate) fn link(&self) -> watch::Receiver<LinkState> {
        self.link.clone()
    }

    /// Writes out what waits to be written, within a bound. Call it before the process ends.
    pub async fn flush(&self) {
        if self.is_connected() {
            let _ = tokio::time::timeout(FLUSH_WITHIN, self.client.flush()).await;
        }
    }
}

/// Logs one line when the connection is lost and one when it is back, out of all that the client notices.
struct ConnectionLog {
    link: watch::Sender<LinkState>,
    news: std::sync::Mutex<News>,
}

impl ConnectionLog {
    fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.link.send_modify(|link| *link = LinkState { up: true, times: link.times + 1 });
                self.connected_again();
                tracing::info!("connected to NATS");
            }
            Event::Disconnected => {
                let mut was_up = false;
                self.link.send_modify(|link| was_up = std::mem::take(&mut link.up));
                if was_up && self.is_news("lost") {
                    tracing::warn!("lost the connection to NATS; trying again until it is back");
                }
            }
            // Every failed try to connect comes here. One line is enough, unless the reason is one that somebody has to mend.
            Event::ClientError(ClientError::Other(reason)) if !self.link.borrow().up => {
                let refused = reason.contains("authorization") || reason.contains("signing");
                if self.is_news(if refused { "refused" } else { "away" }) {
                    tracing::warn!(reason, "cannot connect to NATS; trying again until it works");
                }
            }
            Event::ServerError(ServerError::Other(reason)) => {
                if self.is_news(reason) {
                    tracing::warn!(reason, "NATS refuses something");
                }
            }
            Event::SlowConsumer(_) => {
                if self.is_news("slow") {
                    tracing::warn!("a subscription cannot keep up with NATS");
                }
            }
            other => tracing::debug!(event = %other, "NATS"),
        }
    }

    /// Whether this was not logged lately. After `lost` and `refused`, `away` says nothing new.
    fn is_news(&self, what: &str) -> bool {
        let mut news = self.news();
        let is_covered = what == "away" && (news.has_said("lost") || news.has_said("refused"));
        !is_covered && news.is_news(what)
    }

    /// From now on a lost connection is logged again, since it was up in between; what the server refuses has not changed by that.
    fn connected_again(&self) {
        self.news().forget(&["lost", "refused", "away"]);
    }

    fn news(&self) -> std::sync::MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
