//! Where events go.

use async_trait::async_trait;
use watchbell_core::decode::Rejected;
use watchbell_core::event::Event;

/// Tells that events have been planned.
pub type Planned<'a> = &'a (dyn Fn() + Send + Sync);

/// Takes events over. What it has answered `Ok` to is committed, and will be acknowledged.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Accepts events in the order given. An event whose identity is known is no error: after an error some may have been
    /// accepted, and all come again.
    ///
    /// `planned` may be called as soon as no event that comes later can get ahead of these: the next ones are handed over then,
    /// while these are being committed.
    async fn accept(&self, events: Vec<Event>, planned: Planned<'_>) -> Result<(), SinkError>;

    /// Keeps what cannot be used. A second time the same is possible after a crash.
    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), SinkError>;
}

#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Nothing can be kept now: the database cannot be reached. All are tried again until it can.
    #[error("events cannot be kept at the moment")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// These cannot be kept now, whatever the reason: others may be. Tried again, and when that does not help, one by one;
    /// what still cannot be kept goes back to the stream, and comes again.
    #[error("events cannot be kept at the moment")]
    Hindered(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is something in these events that can never be kept. They are tried one by one, and the culprit becomes a dead
    /// letter with this text, which must not quote the event.
    #[error("refused: {0}")]
    Refused(String),
}
