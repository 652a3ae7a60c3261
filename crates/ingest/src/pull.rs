//! Asking the server for events, and taking whatever is ready.
//!
//! One request for a whole batch stands open at any time. The server answers it as events come, so that a single event is
//! there without a further round trip, and while a batch is being committed the next one arrives.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::jetstream::{AckKind, Context, Message};
use async_nats::{StatusCode, Subscriber};
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;

use crate::connection::Link;
use crate::original::is_delivery;

/// A request that stands this long without an event is made anew.
const EXPIRES: Duration = Duration::from_secs(30);
/// The server says so often that it still knows of the request …
const HEARTBEAT: Duration = Duration::from_secs(2);
/// … and when two of that are missing, it does not.
const SILENCE: Duration = Duration::from_secs(5);
/// What may be under way still when the subscription ends.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// Why no more events come for now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Interrupt {
    #[error("the connection was lost")]
    Link,
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
    link: watch::Receiver<Link>,
    inbox: String,
    batch: usize,
    /// Requests so far; each has an inbox of its own below `inbox`, which says whose status a status is.
    requests: u64,
    open: Option<Open>,
    hand: Vec<Message>,
}

struct Open {
    inbox: String,
    remaining: usize,
}

impl Puller {
    pub(crate) async fn new(
        context: Context,
        consumer: PullConsumer,
        mut link: watch::Receiver<Link>,
        batch: usize,
    ) -> Result<Self, Interrupt> {
        link.mark_unchanged();
        let client = context.client();
        let inbox = client.new_inbox();
        let subscriber = client.subscribe(format!("{inbox}.*")).await.map_err(|error| Interrupt::Client(Box::new(error)))?;
        Ok(Self { context, consumer, subscriber, link, inbox, batch, requests: 0, open: None, hand: Vec::new() })
    }

    /// Goes on after an interrupt, with the consumer as it is now.
    pub(crate) fn resume(&mut self, consumer: PullConsumer) {
        self.link.mark_unchanged();
        self.consumer = consumer;
        self.open = None;
    }

    /// Waits for an event, and takes it with all that are there, up to a batch. May be dropped at any time: what was taken is
    /// then in [`Puller::hand`], as it is after an interrupt.
    pub(crate) async fn next(&mut self) -> Result<Vec<Message>, Interrupt> {
        loop {
            self.request().await?;
            let message = tokio::select! {
                biased;
                _ = self.link.changed() => return Err(Interrupt::Link),
                message = tokio::time::timeout(SILENCE, self.subscriber.next()) => match message {
                    Err(_) => return Err(Interrupt::Silence),
                    Ok(None) => return Err(Interrupt::Client("the subscription has ended".into())),
                    Ok(Some(message)) => message,
                },
            };
            self.take(message)?;
            while self.hand.len() < self.batch
                && let Some(Some(message)) = tokio::task::unconstrained(self.subscriber.next()).now_or_never()
            {
                self.take(message)?;
            }
            if !self.hand.is_empty() {
                // The next ones come while these are committed.
                self.request().await?;
                return Ok(std::mem::take(&mut self.hand));
            }
        }
    }

    pub(crate) fn hand(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.hand)
    }

    fn take(&mut self, message: async_nats::Message) -> Result<(), Interrupt> {
        if is_delivery(&message) {
            if let Some(open) = &mut self.open {
                open.remaining -= 1;
                if open.remaining == 0 {
                    self.open = None;
                }
            }
            self.hand.push(Message { message, context: self.context.clone() });
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
        self.open = Some(Open { inbox, remaining: self.batch });
        Ok(())
    }

    /// Ends the subscription, and hands back what had been delivered beyond the last batch: another process gets it at once
    /// instead of after the acknowledgement's time has run out.
    pub(crate) async fn hand_back(mut self) {
        let context = self.context.clone();
        let mut hand = self.hand();
        let drained = async {
            if self.subscriber.drain().await.is_ok() {
                while let Some(message) = self.subscriber.next().await {
                    hand.push(Message { message, context: context.clone() });
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_WITHIN, drained).await;
        for message in hand.iter().filter(|message| is_delivery(message)) {
            let _ = message.ack_with(AckKind::Nak(None)).await;
        }
    }
}
