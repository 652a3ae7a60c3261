//! Turns events and rules into timed deliveries.
//!
//! [`RulePlanner`] is pure: the store calls it inside the transaction that accepts an event or changes a user, and writes
//! what it answers. [`Scheduler`] does what is left for later: members of topics in chunks, and deleting what is old.

mod alert;
mod content;
mod deliveries;
mod digest;
mod duty;
mod follow_up;
mod gates;
mod occasion;
mod paging;
mod planner;
mod reconcile;
mod replan;
mod service;
mod settings;
mod silence;
mod steps;
mod subscription;
mod timeline;
mod update;
mod whom;

pub use planner::RulePlanner;
pub use service::{Retention, Scheduler};
pub use settings::{Escalation, EscalationStep, FallbackEmail, Schedule, SchedulerSettings, Schedules};
