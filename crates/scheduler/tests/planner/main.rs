//! The planner without a database: tables of what it answers, and properties over random orders of events and changes.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod conditions;
mod groups;
mod orders;
mod properties;
mod tables;
mod world;
