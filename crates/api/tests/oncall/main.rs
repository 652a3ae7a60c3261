//! The Grafana OnCall surface, against a real database: every row of the contract, through all layers.
#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod access;
mod bodies;
mod harness;
mod lists;
mod plans;
mod positions;
mod rules;
mod users;
