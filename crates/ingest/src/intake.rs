//! From messages in hand to what is committed: decoding, accepting, dead letters.

use std::sync::{Arc, PoisonError};

use async_nats::jetstream::Message;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use watchbell_core::Clock;
use watchbell_core::decode::{EventSettings, Reason, Rejected, Undecodable, from_nats};
use watchbell_core::event::{Event, Original};

use crate::backoff::Backoff;
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
}

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

    /// Commits messages; whether they may be acknowledged. False only when `stop` came while the sink was away.
    pub(crate) async fn settle(&self, messages: &[Message], line: &Line, stop: &CancellationToken) -> bool {
        let again = messages.iter().filter(|message| original::is_redelivered(message)).count();
        Counters::add(&self.counters.redelivered, again);
        let rejected = match self.accept(messages, line, stop).await {
            Ok(rejected) => Ok(rejected),
            Err(Undone::Stopped) => Err(Undone::Stopped),
            Err(Undone::Refused(why)) if messages.len() == 1 => Ok(self.refused(&messages[0], &why)),
            Err(Undone::Refused(_)) => self.accept_singly(messages, line, stop).await,
        };
        match rejected {
            Ok(rejected) => self.reject(rejected, stop).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Commits one event that did not come as a message.
    pub(crate) async fn settle_original(&self, original: Original, stop: &CancellationToken) -> Result<(), Undone> {
        let mut backoff = Backoff::default();
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
                Err(error) => match self.wait(error, &mut backoff, stop).await {
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
    async fn accept(&self, messages: &[Message], line: &Line, stop: &CancellationToken) -> Result<Vec<Rejected>, Undone> {
        let mut backoff = Backoff::default();
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
                Err(error) => self.wait(error, &mut backoff, stop).await?,
            }
            (events, rejected) = self.decode(messages);
        }
    }

    /// What was refused as a whole, one by one: the culprit becomes a dead letter, and the others are accepted.
    async fn accept_singly(&self, messages: &[Message], line: &Line, stop: &CancellationToken) -> Result<Vec<Rejected>, Undone> {
        let mut rejected = Vec::new();
        for message in messages {
            match self.accept(std::slice::from_ref(message), line, stop).await {
                Ok(more) => rejected.extend(more),
                Err(Undone::Refused(why)) => rejected.extend(self.refused(message, &why)),
                Err(Undone::Stopped) => return Err(Undone::Stopped),
            }
        }
        Ok(rejected)
    }

    fn refused(&self, message: &Message, why: &str) -> Vec<Rejected> {
        let original = original::of_message(message, self.clock.now());
        vec![Rejected::new(original, Undecodable::new(Reason::Refused, why))]
    }

    /// Keeps dead letters, and publishes them. One that the sink refuses even as a dead letter is published all the same.
    pub(crate) async fn reject(&self, rejected: Vec<Rejected>, stop: &CancellationToken) -> Result<(), Undone> {
        if rejected.is_empty() {
            return Ok(());
        }
        match self.keep(&rejected, stop).await {
            Ok(()) => {}
            Err(Undone::Stopped) => return Err(Undone::Stopped),
            Err(Undone::Refused(_)) => {
                for letter in &rejected {
                    match self.keep(std::slice::from_ref(letter), stop).await {
                        Ok(()) => {}
                        Err(Undone::Stopped) => return Err(Undone::Stopped),
                        Err(Undone::Refused(why)) => {
                            tracing::error!(kind = letter.kind(), reason = %letter.reason, why, "a dead letter could not be kept");
                        }
                    }
                }
            }
        }
        for letter in &rejected {
            tracing::warn!(kind = letter.kind(), reason = %letter.reason, detail = letter.detail, "an event cannot be used");
            self.connection.publish_dead_letter(&letter.original, letter.reason.as_str(), &letter.detail);
        }
        Counters::add(&self.counters.rejected, rejected.len());
        Ok(())
    }

    async fn keep(&self, rejected: &[Rejected], stop: &CancellationToken) -> Result<(), Undone> {
        let mut backoff = Backoff::default();
        loop {
            match self.sink.reject(rejected.to_vec()).await {
                Ok(()) => {
                    self.trouble.ends();
                    return Ok(());
                }
                Err(error) => self.wait(error, &mut backoff, stop).await?,
            }
        }
    }

    /// Waits before the next try, if there is to be one.
    async fn wait(&self, error: SinkError, backoff: &mut Backoff, stop: &CancellationToken) -> Result<(), Undone> {
        match error {
            SinkError::Refused(why) => Err(Undone::Refused(why)),
            SinkError::Unavailable(error) => {
                if stop.is_cancelled() {
                    tracing::warn!(reason = chain(&*error), "events in hand go back to the stream");
                    return Err(Undone::Stopped);
                }
                self.trouble.begins(&*error);
                stop.run_until_cancelled(self.clock.sleep(backoff.next())).await.ok_or(Undone::Stopped)
            }
        }
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
