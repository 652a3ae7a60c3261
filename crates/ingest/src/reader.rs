//! Reads one consumer: takes events, has them committed, acknowledges them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Message};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use watchbell_core::{Backoff, Clock};

use crate::backoff::BACKOFF;
use crate::committer::{Committer, PlanningOrder};
use crate::consumer::Feed;
use crate::pull::{Interrupt, Puller};
use crate::stream_setup::StreamSetup;

/// Acknowledgements are written into the client's buffer, which takes no time unless the connection was lost and the buffer is
/// full. Then they are given up after this time: the events are delivered again, and recognised by their identity.
const ACK_WITHIN: Duration = Duration::from_secs(1);

/// An event that could not be committed while others could is delivered again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Batches that are in flight at once while events come faster than they are committed: one is being committed, one planned, and
/// one waits, decoded, to be planned. At other times there is one, because events that come meanwhile cost less as one batch.
const MOST_IN_FLIGHT: usize = 3;

pub(crate) struct FeedReader {
    pub feed: Feed,
    pub setup: Arc<StreamSetup>,
    pub committer: Arc<Committer>,
    pub order: PlanningOrder,
    pub clock: Arc<dyn Clock>,
    pub stop: CancellationToken,
}

impl FeedReader {
    pub(crate) async fn run(self) {
        let mut backoff = BACKOFF;
        let Some((mut puller, mut ack_wait)) = self.begin(&mut backoff).await else { return };
        // `select!` is biased, so a batch is polled, and stands in the queue of `order`, before the next one is taken: batches are
        // planned in the order of their events.
        let mut in_flight = FuturesUnordered::new();
        let mut limit = 1;
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(()) = in_flight.next() => continue,
                next = puller.next(), if in_flight.len() < limit => next,
            };
            match next {
                Ok(messages) => {
                    backoff.reset();
                    limit = if messages.len() > self.setup.batch / 2 { MOST_IN_FLIGHT } else { 1 };
                    in_flight.push(self.work(messages, ack_wait));
                }
                Err(interrupt) => {
                    in_flight.push(self.work(puller.rest(), ack_wait));
                    while in_flight.next().await.is_some() {}
                    let Some(consumer) = self.recover(&interrupt, &mut backoff).await else { break };
                    ack_wait = consumer.cached_info().config.ack_wait;
                    puller.resume(consumer);
                }
            }
        }
        while in_flight.next().await.is_some() {}
        puller.hand_back().await;
    }

    /// Subscribes. Returns the puller, and how long the server waits for an acknowledgement.
    async fn begin(&self, backoff: &mut Backoff) -> Option<(Puller, Duration)> {
        loop {
            let consumer = self.setup.attach(&self.feed, &self.stop).await?;
            let ack_wait = consumer.cached_info().config.ack_wait;
            match Puller::new(self.setup.context().clone(), consumer, self.setup.connection().link(), self.setup.batch).await {
                Ok(puller) => return Some((puller, ack_wait)),
                Err(error) => {
                    tracing::debug!(%error, "cannot subscribe");
                    self.stop.run_until_cancelled(self.clock.sleep(backoff.next_wait())).await?;
                }
            }
        }
    }

    /// Finds the consumer again after an interrupt. None when the process is to end.
    async fn recover(&self, interrupt: &Interrupt, backoff: &mut Backoff) -> Option<PullConsumer> {
        tracing::debug!(%interrupt, "no more events for now");
        let consumer = self.setup.attach(&self.feed, &self.stop).await?;
        if matches!(interrupt, Interrupt::Refused(_) | Interrupt::Client(_)) {
            // What the server refuses is not asked for without a pause. A stream or consumer that was deleted has been made again by
            // `attach`, so that is no reason for this.
            self.stop.run_until_cancelled(self.clock.sleep(backoff.next_wait())).await?;
        }
        Some(consumer)
    }

    /// Commits and acknowledges messages. While that takes long, it tells the server that they are being worked on.
    async fn work(&self, messages: Vec<Message>, ack_wait: Duration) {
        if messages.is_empty() {
            return;
        }
        let committed = tokio::select! {
            committed = self.committer.commit(&messages, &self.order, &self.stop) => committed,
            () = self.keep_alive(&messages, ack_wait) => return,
        };
        // When this process ends, another one is to get them at once; otherwise whatever hinders them needs a little time.
        let again = AckKind::Nak((!self.stop.is_cancelled()).then_some(AGAIN_AFTER));
        self.answer(messages.iter().zip(&committed).map(|(message, committed)| (message, if *committed { AckKind::Ack } else { again })))
            .await;
    }

    /// Tells the server again and again that the messages are being worked on. Never ends.
    async fn keep_alive(&self, messages: &[Message], ack_wait: Duration) {
        loop {
            self.clock.sleep((ack_wait / 3).max(Duration::from_millis(100))).await;
            self.answer(messages.iter().map(|message| (message, AckKind::Progress))).await;
        }
    }

    async fn answer(&self, answers: impl Iterator<Item = (&Message, AckKind)>) {
        let answered = async {
            for (message, answer) in answers {
                if message.ack_with(answer).await.is_err() {
                    break;
                }
            }
        };
        if !self.setup.connection().is_connected() || tokio::time::timeout(ACK_WITHIN, answered).await.is_err() {
            tracing::debug!("events could not be acknowledged; they are delivered again");
        }
    }
}
