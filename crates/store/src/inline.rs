//! Inline dispatch: what is due when it is planned goes straight to a channel worker of the same process.
//!
//! The row is written as begun by that worker's session, in the transaction that plans it, and the worker is handed the job after
//! the commit: a claim and a begin are saved. The worker keeps room for the calls beforehand, so that each follows its begin at
//! once; a delivery that there is no room for waits in the database as everything else does.

use watchbell_core::Channel;
use watchbell_core::ids::Epoch;

use crate::queue::Job;

/// What a transaction that accepts events asks of the process that it runs in.
pub trait InlineDispatch: Send + Sync {
    /// Keeps room for up to `wanted` calls by a channel. None where nothing of it may be begun: deliveries wait already, which go
    /// first, or there is no worker here that may send now.
    fn reserve(&self, channel: Channel, wanted: usize) -> Option<Box<dyn Reservation>>;

    /// The events are planned: everything that they are about is locked until the commit, and what is begun inline has its room.
    /// So events that are accepted from now on come behind these. May be called again, when the transaction is tried again.
    fn planned(&self);
}

/// Nothing is begun inline.
#[derive(Clone, Copy, Debug)]
pub struct NoInlineDispatch;

impl InlineDispatch for NoInlineDispatch {
    fn reserve(&self, _: Channel, _: usize) -> Option<Box<dyn Reservation>> {
        None
    }

    fn planned(&self) {}
}

/// Room for calls. What is not used is given back when this is dropped.
pub trait Reservation: Send + std::fmt::Debug {
    /// The worker session of the process that will make the calls.
    fn epoch(&self) -> Epoch;

    /// The provider that will be called.
    fn provider(&self) -> &str;

    fn calls(&self) -> usize;

    /// Whether the provider takes such a job.
    fn suits(&self, job: &Job) -> bool;

    /// Makes the calls. The jobs have been committed as begun.
    fn hand_over(self: Box<Self>, jobs: Vec<Job>);
}
