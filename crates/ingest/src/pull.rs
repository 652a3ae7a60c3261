//! Asking the server for events, and taking whatever is ready.
//!
//! One request for a whole batch is open at any time. The server answers it as events come, so a single event arrives without a
//! further round trip, and the next batch arrives while the one before it is being committed.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::jetstream::{AckKind, Context, Message};
use async_nats::{StatusCode, Subscriber};
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;

use crate::connection::LinkState;
use crate::original::is_delivery;

/// A request that had no event for so long is made anew.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server confirms that it still knows of the request.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// When two of its confirmations are missing, the server has forgotten the request.
const SILENCE: Duration = Duration::from_secs(5);
/// How long messages that are still on their way are waited for when the subscription ends.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// Why no more events come for now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Interrupt {
    #[error("the connection was lost")]
    ConnectionLost,
    #[error("the server no longer answers the request for events")]
    Silence,
    #[error("the server ended the request for events: {0}")]
    Refused(String),
    #[error("events cannot be requested")]
    Client(#[source] async_nats::Error),
}

pub(crate) struct Puller {
    context: Context,
    consumer: PullConsumer,
    subscriber: Subscriber,
    link: watch::Receiver<LinkState>,
    inbox: String,
    batch: usize,
    /// Requests so far. Each has an inbox of its own below `inbox`, so that a status can be told from that of an earlier request.
    requests: u64,
    open: Option<OpenRequest>,
    /// Taken from the subscription, and not yet returned by [`Puller::next`].
    taken: Vec<Message>,
}

struct OpenRequest {
    inbox: String,
    remaining: usize,
}

impl Puller {
    pub(crate) async fn new(
        context: Context,
        consumer: PullConsumer,
        mut link: watch::Receiver<LinkState>,
        batch: usize,
    ) -> Result<Self, Interrupt> {
        link.mark_unchanged();
        let client = context.client();
        let inbox = client.new_inbox();
        let subscriber = client.subscribe(format!("{inbox}.*")).await.map_err(|error| Interrupt::Client(Box::new(error)))?;
        Ok(Self { context, consumer, subscriber, link, inbox, batch, requests: 0, open: None, taken: Vec::new() })
    }

    /// Goes on after an interrupt, with the consumer as it is now.
    pub(crate) fn resume(&mut self, consumer: PullConsumer) {
        self.link.mark_unchanged();
        self.consumer = consumer;
        self.open = None;
    }

    /// Waits for an event, and returns it with all others that have arrived, up to a batch. The future may be dropped at any
    /// time, and may end with an interrupt: what had been taken by then is returned by [`Puller::rest`].
    pub(crate) async fn next(&mut self) -> Result<Vec<Message>, Interrupt> {
        loop {
            self.request().await?;
            let message = tokio::select! {
                biased;
                _ = self.link.changed() => return Err(Interrupt::ConnectionLost),
                message = tokio::time::timeout(SILENCE, self.subscriber.next()) => match message {
                    Err(_) => return Err(Interrupt::Silence),
                    Ok(None) => return Err(Interrupt::Client("the subscription has ended".into())),
                    Ok(Some(message)) => message,
                },
            };
            self.take(message)?;
            while self.taken.len() < self.batch
                && let Some(Some(message)) = tokio::task::unconstrained(self.subscriber.next()).now_or_never()
            {
                self.take(message)?;
            }
            if !self.taken.is_empty() {
                // So the next ones arrive while these are being committed.
                self.request().await?;
                return Ok(std::mem::take(&mut self.taken));
            }
        }
    }

    pub(crate) fn rest(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.taken)
    }

    fn take(&mut self, message: async_nats::Message) -> Result<(), Interrupt> {
        if is_delivery(&message) {
            if let Some(open) = &mut self.open {
                open.remaining -= 1;
                if open.remaining == 0 {
                    self.open = None;
                }
            }
            self.taken.push(Message { message, context: self.context.clone() });
            return Ok(());
        }
        let is_open = self.open.as_ref().is_some_and(|open| open.inbox == message.subject.as_str());
        let status = message.status.unwrap_or(StatusCode::OK);
        if !is_open || status == StatusCode::IDLE_HEARTBEAT {
            return Ok(());
        }
        self.open = None;
        match status {
            StatusCode::TIMEOUT | StatusCode::NOT_FOUND => Ok(()),
            status => Err(Interrupt::Refused(format!("{status} {}", message.description.unwrap_or_default().to_lowercase()))),
        }
    }

    async fn request(&mut self) -> Result<(), Interrupt> {
        if self.open.is_some() {
            return Ok(());
        }
        self.requests += 1;
        let inbox = format!("{}.{}", self.inbox, self.requests);
        let batch = BatchConfig { batch: self.batch, expires: Some(EXPIRES), idle_heartbeat: HEARTBEAT, ..BatchConfig::default() };
        self.consumer.request_batch(batch, inbox.clone().into()).await.map_err(|error| Interrupt::Client(Box::new(error)))?;
        self.open = Some(OpenRequest { inbox, remaining: self.batch });
        Ok(())
    }

    /// Ends the subscription, and refuses what had been delivered beyond the last batch, so that another process gets it at once
    /// instead of after the server has waited for its acknowledgement.
    pub(crate) async fn hand_back(mut self) {
        let context = self.context.clone();
        let mut rest = self.rest();
        let drained = async {
            if self.subscriber.drain().await.is_ok() {
                while let Some(message) = self.subscriber.next().await {
                    rest.push(Message { message, context: context.clone() });
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_WITHIN, drained).await;
        for message in rest.iter().filter(|message| is_delivery(message)) {
            let _ = message.ack_with(AckKind::Nak(None)).await;
        }
    }
}
