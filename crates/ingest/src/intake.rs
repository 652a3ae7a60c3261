//! From messages in hand to what is committed: decoding, accepting, dead letters.

use std::sync::{Arc, PoisonError};

use async_nats::jetstream::Message;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use watchbell_core::decode::{EventSettings, Reason, Rejected, Undecodable, from_nats};
use watchbell_core::event::{Event, Original};
use watchbell_core::{Backoff, Clock};

use crate::backoff::BACKOFF;
use crate::connection::Connection;
use crate::counters::Counters;
use crate::original;
use crate::sink::{Sink, SinkError};
use crate::trouble::{Trouble, chain};

/// The sink, and what happens when it fails.
pub(crate) struct Intake {
    sink: Arc<dyn Sink>,
    connection: Connection,
    events: EventSettings,
    counters: Arc<Counters>,
    trouble: Trouble,
    clock: Arc<dyn Clock>,
}

/// Where batches of one source stand in line: each is planned when the one before it has been, while that is committed.
pub(crate) type Line = Mutex<()>;

/// Why something was not committed.
pub(crate) enum Undone {
    /// The process is to end.
    Stopped,
    /// The sink will never take it; why.
    Refused(String),
    /// Not now.
    Hindered,
}

/// How often what is hindered is tried as a whole, before its parts are tried one by one.
const TRIES: u32 = 2;

impl Intake {
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

    /// Commits messages; of each, whether it may be acknowledged: it was accepted, or its dead letter was kept. The others are to
    /// come again.
    pub(crate) async fn settle(&self, messages: &[Message], line: &Line, stop: &CancellationToken) -> Vec<bool> {
        let again = messages.iter().filter(|message| original::is_redelivered(message)).count();
        Counters::add(&self.counters.redelivered, again);
        let tries = if messages.len() == 1 { 1 } else { TRIES };
        match self.accept(messages, line, tries, stop).await {
            Ok(rejected) => vec![self.reject(rejected, stop).await.is_ok(); messages.len()],
            Err(Undone::Stopped) => vec![false; messages.len()],
            Err(undone) if messages.len() == 1 => vec![self.settle_alone(&messages[0], undone, stop).await],
            Err(_) => self.settle_singly(messages, line, stop).await,
        }
    }

    /// What could not be done as a whole, one by one: one that is refused by itself becomes a dead letter, and the others are
    /// accepted.
    async fn settle_singly(&self, messages: &[Message], line: &Line, stop: &CancellationToken) -> Vec<bool> {
        let mut settled = Vec::with_capacity(messages.len());
        for message in messages {
            settled.push(match self.accept(std::slice::from_ref(message), line, 1, stop).await {
                Ok(rejected) => self.reject(rejected, stop).await.is_ok(),
                Err(undone) => self.settle_alone(message, undone, stop).await,
            });
        }
        settled
    }

    async fn settle_alone(&self, message: &Message, undone: Undone, stop: &CancellationToken) -> bool {
        match undone {
            Undone::Refused(why) => self.reject(self.refused(message, &why), stop).await.is_ok(),
            Undone::Stopped | Undone::Hindered => false,
        }
    }

    /// Commits one event that did not come as a message.
    pub(crate) async fn settle_original(&self, original: Original, stop: &CancellationToken) -> Result<(), Undone> {
        let mut patience = Patience::of(TRIES);
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
                Err(error) => match self.wait(error, &mut patience, stop).await {
                    Err(Undone::Refused(why)) => {
                        let letter = Rejected::new(original, Undecodable::new(Reason::Refused, why));
                        return self.reject(vec![letter], stop).await;
                    }
                    again => again?,
                },
            }
        }
    }

    /// Accepts what can be decoded of the messages, in one go, and answers the rest. Decodes again at every try, so that
    /// nothing has to be copied for the usual case that the first one works.
    async fn accept(&self, messages: &[Message], line: &Line, tries: u32, stop: &CancellationToken) -> Result<Vec<Rejected>, Undone> {
        let mut patience = Patience::of(tries);
        let (mut events, mut rejected) = self.decode(messages);
        let turn = std::sync::Mutex::new(Some(line.lock().await));
        let planned = || drop(turn.lock().unwrap_or_else(PoisonError::into_inner).take());
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
                Err(error) => self.wait(error, &mut patience, stop).await?,
            }
            (events, rejected) = self.decode(messages);
        }
    }

    fn refused(&self, message: &Message, why: &str) -> Vec<Rejected> {
        let original = original::of_message(message, self.clock.now());
        vec![Rejected::new(original, Undecodable::new(Reason::Refused, why))]
    }

    /// Keeps dead letters, and publishes them once they are kept.
    ///
    /// # Errors
    /// Some were not kept, and so not all of what they are about is done with.
    pub(crate) async fn reject(&self, rejected: Vec<Rejected>, stop: &CancellationToken) -> Result<(), Undone> {
        if rejected.is_empty() {
            return Ok(());
        }
        match self.keep(&rejected, stop).await {
            Ok(()) => self.publish(&rejected),
            Err(Undone::Stopped) => return Err(Undone::Stopped),
            Err(_) => {
                for letter in rejected {
                    self.reject_alone(letter, stop).await?;
                }
            }
        }
        Ok(())
    }

    /// One that cannot be kept as it is, is kept without what came with the event.
    async fn reject_alone(&self, letter: Rejected, stop: &CancellationToken) -> Result<(), Undone> {
        let kept = match self.keep(std::slice::from_ref(&letter), stop).await {
            Err(Undone::Refused(why)) => {
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

    async fn keep(&self, rejected: &[Rejected], stop: &CancellationToken) -> Result<(), Undone> {
        let mut patience = Patience::of(TRIES);
        loop {
            match self.sink.reject(rejected.to_vec()).await {
                Ok(()) => {
                    self.trouble.ends();
                    return Ok(());
                }
                Err(error) => self.wait(error, &mut patience, stop).await?,
            }
        }
    }

    /// Waits before the next try, if there is to be one.
    async fn wait(&self, error: SinkError, patience: &mut Patience, stop: &CancellationToken) -> Result<(), Undone> {
        let (SinkError::Unavailable(source) | SinkError::Hindered(source)) = &error else {
            let SinkError::Refused(why) = error else { return Err(Undone::Hindered) };
            return Err(Undone::Refused(why));
        };
        if stop.is_cancelled() {
            tracing::warn!(reason = chain(&**source), "events in hand go back to the stream");
            return Err(Undone::Stopped);
        }
        self.trouble.begins(&**source);
        if matches!(error, SinkError::Hindered(_)) {
            patience.tries -= 1;
            if patience.tries == 0 {
                return Err(Undone::Hindered);
            }
        }
        stop.run_until_cancelled(self.clock.sleep(patience.backoff.next_wait())).await.ok_or(Undone::Stopped)
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

/// How often something is tried that others may be able to do, and how long is waited in between.
struct Patience {
    backoff: Backoff,
    tries: u32,
}

impl Patience {
    fn of(tries: u32) -> Self {
        Self { backoff: BACKOFF, tries }
    }
}

/// What any database can keep.
fn without_payload(letter: &Rejected) -> Rejected {
    let subject = letter.original.subject.chars().filter(char::is_ascii_graphic).take(MOST_OF_A_SUBJECT).collect();
    let original = Original { subject, headers: Vec::new(), payload: Vec::new(), received_at: letter.original.received_at };
    Rejected { original, detail: "the payload cannot be kept either".to_owned(), ..letter.clone() }
}

/// Characters.
const MOST_OF_A_SUBJECT: usize = 200;
