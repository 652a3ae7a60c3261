//! Turns events and rules into timed deliveries.
//!
//! [`RulePlanner`] is pure: the store calls it inside the transaction that accepts an event or changes a user, and writes
//! what it answers. [`Scheduler`] does what is left for later: members of topics in chunks, and deleting what is old.

mod alert;
mod content;
mod course;
mod diff;
mod digest;
mod duty;
mod gates;
mod planner;
mod replan;
mod service;
mod settings;
mod steps;
mod subscription;
mod update;

pub use planner::RulePlanner;
pub use service::{Retention, Scheduler};
pub use settings::{FallbackEmail, SchedulerSettings};
