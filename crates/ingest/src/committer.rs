//! Commits messages: decodes them, hands them to the sink, and turns what can never be committed into dead letters.

use std::sync::{Arc, PoisonError};

use async_nats::jetstream::Message;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use watchbell_core::decode::{EventSettings, RejectReason, Rejected, Undecodable, from_nats};
use watchbell_core::event::{Event, Original};
use watchbell_core::{Backoff, Clock};

use crate::backoff::BACKOFF;
use crate::connection::Connection;
use crate::counters::Counters;
use crate::original;
use crate::sink::{Sink, SinkError};
use crate::trouble::{Trouble, chain};

/// Hands events to the sink, and decides what happens when it fails.
pub(crate) struct Committer {
    sink: Arc<dyn Sink>,
    connection: Connection,
    events: EventSettings,
    counters: Arc<Counters>,
    trouble: Trouble,
    clock: Arc<dyn Clock>,
}

/// The right to be planned, which the batches of one consumer take in the order of its events: each is planned when the one before
/// it has been, while that one is being committed.
pub(crate) type PlanningOrder = Mutex<()>;

/// Why something was not committed.
pub(crate) enum NotCommitted {
    /// The process is to end.
    Stopped,
    /// The sink will never take it, for this reason.
    Refused(String),
    /// It may work later.
    Hindered,
}

/// How often a batch that others may hinder is tried as a whole, before its events are tried one by one.
const TRIES: u32 = 2;

impl Committer {
    pub(crate) fn new(
        sink: Arc<dyn Sink>,
        connection: Connection,
        events: EventSettings,
        counters: Arc<Counters>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { sink, connection, events, counters, trouble: Trouble::new("events cannot be kept"), clock }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Commits messages, and tells of each whether it may be acknowledged, because it was accepted or its dead letter was kept.
    /// The others are to be delivered again.
    pub(crate) async fn commit(&self, messages: &[Message], order: &PlanningOrder, stop: &CancellationToken) -> Vec<bool> {
        let again = messages.iter().filter(|message| original::is_redelivered(message)).count();
        Counters::add(&self.counters.redelivered, again);
        let tries = if messages.len() == 1 { 1 } else { TRIES };
        match self.accept(messages, order, tries, stop).await {
            Ok(rejected) => vec![self.reject(rejected, stop).await.is_ok(); messages.len()],
            Err(NotCommitted::Stopped) => vec![false; messages.len()],
            Err(undone) if messages.len() == 1 => vec![self.commit_alone(&messages[0], undone, stop).await],
            Err(_) => self.commit_singly(messages, order, stop).await,
        }
    }

    /// Commits the messages of a failed batch one by one, so that the one that made it fail holds up no other: it becomes a dead
    /// letter, or is delivered again.
    async fn commit_singly(&self, messages: &[Message], order: &PlanningOrder, stop: &CancellationToken) -> Vec<bool> {
        let mut committed = Vec::with_capacity(messages.len());
        for message in messages {
            committed.push(match self.accept(std::slice::from_ref(message), order, 1, stop).await {
                Ok(rejected) => self.reject(rejected, stop).await.is_ok(),
                Err(undone) => self.commit_alone(message, undone, stop).await,
            });
        }
        committed
    }

    async fn commit_alone(&self, message: &Message, undone: NotCommitted, stop: &CancellationToken) -> bool {
        match undone {
            NotCommitted::Refused(why) => self.reject(self.refused(message, &why), stop).await.is_ok(),
            NotCommitted::Stopped | NotCommitted::Hindered => false,
        }
    }

    /// Commits one event that was not delivered as a message (see `poison`).
    pub(crate) async fn commit_original(&self, original: Original, stop: &CancellationToken) -> Result<(), NotCommitted> {
        let mut retries = Retries::of(TRIES);
        loop {
            let event = match from_nats(original.clone(), &self.events) {
                Ok(event) => event,
                Err(letter) => return self.reject(vec![*letter], stop).await,
            };
            match self.sink.accept(vec![event], &|| {}).await {
                Ok(()) => {
                    self.trouble.ends();
                    Counters::add(&self.counters.accepted, 1);
                    return Ok(());
                }
                Err(error) => match self.wait(error, &mut retries, stop).await {
                    Err(NotCommitted::Refused(why)) => {
                        let letter = Rejected::new(original, Undecodable::new(RejectReason::Refused, why));
                        return self.reject(vec![letter], stop).await;
                    }
                    again => again?,
                },
            }
        }
    }

    /// Hands what can be decoded to the sink as one batch, and returns what cannot. Messages are decoded again at every try,
    /// because the sink takes the events by value, and nearly always the first try works: so nothing has to be cloned for it.
    async fn accept(
        &self,
        messages: &[Message],
        order: &PlanningOrder,
        tries: u32,
        stop: &CancellationToken,
    ) -> Result<Vec<Rejected>, NotCommitted> {
        let mut retries = Retries::of(tries);
        let (mut events, mut rejected) = self.decode(messages);
        let order = std::sync::Mutex::new(Some(order.lock().await));
        let planned = || drop(order.lock().unwrap_or_else(PoisonError::into_inner).take());
        loop {
            let count = events.len();
            if count == 0 {
                return Ok(rejected);
            }
            match self.sink.accept(events, &planned).await {
                Ok(()) => {
                    self.trouble.ends();
                    Counters::add(&self.counters.accepted, count);
                    return Ok(rejected);
                }
                Err(error) => self.wait(error, &mut retries, stop).await?,
            }
            (events, rejected) = self.decode(messages);
        }
    }

    fn refused(&self, message: &Message, why: &str) -> Vec<Rejected> {
        let original = original::of_message(message, self.clock.now());
        vec![Rejected::new(original, Undecodable::new(RejectReason::Refused, why))]
    }

    /// Keeps dead letters in the database, then publishes them.
    ///
    /// # Errors
    /// Some could not be kept, so their events must not be acknowledged.
    pub(crate) async fn reject(&self, rejected: Vec<Rejected>, stop: &CancellationToken) -> Result<(), NotCommitted> {
        if rejected.is_empty() {
            return Ok(());
        }
        match self.keep(&rejected, stop).await {
            Ok(()) => self.publish(&rejected),
            Err(NotCommitted::Stopped) => return Err(NotCommitted::Stopped),
            Err(_) => {
                for letter in rejected {
                    self.reject_alone(letter, stop).await?;
                }
            }
        }
        Ok(())
    }

    /// Keeps one dead letter; where the database refuses its content, without payload and headers.
    async fn reject_alone(&self, letter: Rejected, stop: &CancellationToken) -> Result<(), NotCommitted> {
        let kept = match self.keep(std::slice::from_ref(&letter), stop).await {
            Err(NotCommitted::Refused(why)) => {
                tracing::error!(kind = letter.kind(), reason = %letter.reason, why, "a dead letter cannot be kept as it is; it is kept without its payload");
                self.keep(&[without_payload(&letter)], stop).await
            }
            kept => kept,
        };
        kept?;
        self.publish(&[letter]);
        Ok(())
    }

    fn publish(&self, letters: &[Rejected]) {
        for letter in letters {
            tracing::warn!(kind = letter.kind(), reason = %letter.reason, detail = letter.detail, "an event cannot be used");
            self.connection.publish_dead_letter(&letter.original, letter.reason.as_str(), &letter.detail);
        }
        Counters::add(&self.counters.rejected, letters.len());
    }

    async fn keep(&self, rejected: &[Rejected], stop: &CancellationToken) -> Result<(), NotCommitted> {
        let mut retries = Retries::of(TRIES);
        loop {
            match self.sink.reject(rejected.to_vec()).await {
                Ok(()) => {
                    self.trouble.ends();
                    return Ok(());
                }
                Err(error) => self.wait(error, &mut retries, stop).await?,
            }
        }
    }

    /// Waits before the next try, if there is to be one.
    async fn wait(&self, error: SinkError, retries: &mut Retries, stop: &CancellationToken) -> Result<(), NotCommitted> {
        let (SinkError::Unavailable(source) | SinkError::Hindered(source)) = &error else {
            let SinkError::Refused(why) = error else { return Err(NotCommitted::Hindered) };
            return Err(NotCommitted::Refused(why));
        };
        if stop.is_cancelled() {
            tracing::warn!(reason = chain(&**source), "events in hand go back to the stream");
            return Err(NotCommitted::Stopped);
        }
        self.trouble.begins(&**source);
        if matches!(error, SinkError::Hindered(_)) {
            retries.tries -= 1;
            if retries.tries == 0 {
                return Err(NotCommitted::Hindered);
            }
        }
        stop.run_until_cancelled(self.clock.sleep(retries.backoff.next_wait())).await.ok_or(NotCommitted::Stopped)
    }

    fn decode(&self, messages: &[Message]) -> (Vec<Event>, Vec<Rejected>) {
        let mut events = Vec::with_capacity(messages.len());
        let mut rejected = Vec::new();
        let now = self.clock.now();
        let originals = messages.iter().map(|message| -> Original { original::of_message(message, now) });
        for decoded in originals.map(|original| from_nats(original, &self.events)) {
            match decoded {
                Ok(event) => events.push(event),
                Err(letter) => rejected.push(*letter),
            }
        }
        (events, rejected)
    }
}

/// How many tries are left for what is hindered, and how long to wait before the next one.
struct Retries {
    backoff: Backoff,
    tries: u32,
}

impl Retries {
    fn of(tries: u32) -> Self {
        Self { backoff: BACKOFF, tries }
    }
}

/// The dead letter reduced to what any database can keep.
fn without_payload(letter: &Rejected) -> Rejected {
    let subject = letter.original.subject.chars().filter(char::is_ascii_graphic).take(MOST_OF_A_SUBJECT).collect();
    let original = Original { subject, headers: Vec::new(), payload: Vec::new(), received_at: letter.original.received_at };
    Rejected { original, detail: "the payload cannot be kept either".to_owned(), ..letter.clone() }
}

/// Characters.
const MOST_OF_A_SUBJECT: usize = 200;
