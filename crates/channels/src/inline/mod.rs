//! Inline dispatch: events enter a process in one way, whether they come over NATS or HTTP, and what of them is due at once is begun
//! in the transaction that plans it and sent from memory.
//!
//! [`EventIntake`] is given to whoever takes events. It lets updates go first (`precedence`), says how many events are accepted
//! together (`workers`), and hands the store, transaction by transaction, what may be begun in it. The channel workers of the same
//! process enter [`InlineWorkers`] while they work. In a process without workers nothing is begun inline: what is due waits in the
//! database for a claim, as everything does for which no worker has room.

mod intake;
mod metrics;
mod precedence;
mod trace;
mod workers;

pub use intake::{Entry, EventIntake};
pub use metrics::IntakeMetrics;
pub use workers::{InlineWorker, InlineWorkers};
