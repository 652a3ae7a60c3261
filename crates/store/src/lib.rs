//! The one place that knows a database.
//!
//! [`Store`] is what the rest of Watchbell sees: traits whose every method is one whole transition, committed or not at
//! all. There is one body of SQL (`sql/`), compiled once for SQLite and once for PostgreSQL; what differs between them
//! is filled in by [`dialect`].
//!
//! Planning happens *inside* these transitions: the store locks what an event or a change touches, hands the facts to
//! the [`Planner`] it was opened with (a pure function that lives in the scheduler), and writes what that answers. So no
//! plan is ever based on facts that changed before it was committed.
//!
//! Locks are taken in one order everywhere: events, then alerts and duties, then users, each by id.

pub mod access;
pub mod calendars;
mod changes;
mod columns;
mod connections;
pub mod dialect;
pub mod directory;
mod error;
pub mod facts;
mod fault;
pub mod history;
pub mod housekeeping;
pub mod inline;
pub mod intake;
pub mod lint;
mod migrations;
mod open;
mod options;
pub mod overview;
mod packed;
pub mod page;
mod parts;
mod pool;
mod postgres;
pub mod preferences;
pub mod private;
pub mod queue;
pub mod rank;
pub mod runs;
pub mod silences;
mod sqlite;
mod states;
pub mod throttle;
pub mod wake;

pub use error::{StoreError, VerificationError};
pub use facts::{Facts, Plan, Planner, Policy, Scope};
pub use fault::Fault;
pub use open::open;
pub use options::{Options, Quotas, Retries, VerificationLimits};
pub use parts::{DirectoryStore, HousekeepingStore, IntakeStore, Store, WorkerStore};
pub use pool::DatabaseMetrics;
pub use wake::{Notified, Wakes};
