//! One consumer's loop: take, commit, acknowledge.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Message};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use watchbell_core::{Backoff, Clock};

use crate::backoff::BACKOFF;
use crate::consumer::Feed;
use crate::intake::{Intake, Line};
use crate::pull::{Interrupt, Puller};
use crate::station::Station;

/// The acknowledgements of a batch are only written into a buffer. When that is full, as the connection was lost, they are
/// given up: the events come again, and are known.
const ACK_WITHIN: Duration = Duration::from_secs(1);

/// What could not be kept, while others could, comes again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Batches at once while more events wait than are taken: one is being committed, one planned, and one decoded, waiting for its
/// turn. Otherwise one at a time, as what comes meanwhile is cheaper together.
const UNDER_WAY: usize = 3;

pub(crate) struct Worker {
    pub feed: Feed,
    pub station: Arc<Station>,
    pub intake: Arc<Intake>,
    pub line: Line,
    pub clock: Arc<dyn Clock>,
    pub stop: CancellationToken,
}

impl Worker {
    pub(crate) async fn run(self) {
        let mut backoff = BACKOFF;
        let Some(mut puller) = self.begin(&mut backoff).await else { return };
        let mut ack_wait = puller.1;
        // In the order in which they were taken, each has its place in the line before the next one is there.
        let mut under_way = FuturesUnordered::new();
        let mut most = 1;
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(()) = under_way.next() => continue,
                next = puller.0.next(), if under_way.len() < most => next,
            };
            match next {
                Ok(messages) => {
                    backoff.reset();
                    most = if messages.len() > self.station.batch / 2 { UNDER_WAY } else { 1 };
                    under_way.push(self.work(messages, ack_wait));
                }
                Err(interrupt) => {
                    under_way.push(self.work(puller.0.hand(), ack_wait));
                    while under_way.next().await.is_some() {}
                    let Some(consumer) = self.recover(&interrupt, &mut backoff).await else { break };
                    ack_wait = consumer.cached_info().config.ack_wait;
                    puller.0.resume(consumer);
                }
            }
        }
        while under_way.next().await.is_some() {}
        puller.0.hand_back().await;
    }

    /// A puller, and how long the server waits for its acknowledgements.
    async fn begin(&self, backoff: &mut Backoff) -> Option<(Puller, Duration)> {
        loop {
            let consumer = self.station.attach(&self.feed, &self.stop).await?;
            let ack_wait = consumer.cached_info().config.ack_wait;
            match Puller::new(self.station.context().clone(), consumer, self.station.connection().link(), self.station.batch).await {
                Ok(puller) => return Some((puller, ack_wait)),
                Err(error) => {
                    tracing::debug!(%error, "cannot subscribe");
                    self.stop.run_until_cancelled(self.clock.sleep(backoff.next_wait())).await?;
                }
            }
        }
    }

    /// The consumer after an interrupt; None when the process is to end.
    async fn recover(&self, interrupt: &Interrupt, backoff: &mut Backoff) -> Option<PullConsumer> {
        tracing::debug!(%interrupt, "no more events for now");
        let consumer = self.station.attach(&self.feed, &self.stop).await?;
        if matches!(interrupt, Interrupt::Refused(_) | Interrupt::Client(_)) {
            // Whatever it is that is refused, it is not asked for without a pause. Deleted things were made again before it.
            self.stop.run_until_cancelled(self.clock.sleep(backoff.next_wait())).await?;
        }
        Some(consumer)
    }

    /// Commits and acknowledges messages. While that takes long, the server is told that they are still being worked on.
    async fn work(&self, messages: Vec<Message>, ack_wait: Duration) {
        if messages.is_empty() {
            return;
        }
        let settled = tokio::select! {
            settled = self.intake.settle(&messages, &self.line, &self.stop) => settled,
            () = self.keep_alive(&messages, ack_wait) => return,
        };
        // Another process gets them at once when this one ends; what is hindered has to wait a little.
        let again = AckKind::Nak((!self.stop.is_cancelled()).then_some(AGAIN_AFTER));
        self.answer(messages.iter().zip(&settled).map(|(message, settled)| (message, if *settled { AckKind::Ack } else { again }))).await;
    }

    /// Never ends.
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
        if !self.station.connection().is_connected() || tokio::time::timeout(ACK_WITHIN, answered).await.is_err() {
            tracing::debug!("not acknowledged");
        }
    }
}
