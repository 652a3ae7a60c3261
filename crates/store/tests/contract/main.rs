//! What every database must do for a store: each test runs on SQLite and on PostgreSQL.
//!
//! PostgreSQL is the server that `WATCHBELL_TEST_POSTGRES_URL` names; each test has a database of its own there. Without
//! it the PostgreSQL half fails: a test that needs a server never skips.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

#[macro_use]
mod harness;

mod access;
mod answers;
mod browser_sessions;
mod calendars;
mod chains;
mod connections;
mod contacts;
mod dead_letters;
mod devices;
mod events;
mod explain;
mod groups;
mod history;
mod inline;
mod open;
mod overdue;
mod overview;
mod plans;
mod preferences;
mod processes;
mod provider_use;
mod queue;
mod rules;
mod runs;
mod taken;
mod telegram;
mod tidy;
mod topics;
mod trials;
mod users;
mod verification;
mod worker_faults;
