//! What the end-to-end tests are made of.
//!
//! A [`bed::Bed`] is one test's world: a fresh database (SQLite or PostgreSQL), a nats-server of its own, stand-ins for every
//! provider on loopback ports, a clock that the test moves, and a server in this process. [`process::Process`] is the real
//! program instead, to be killed and frozen. What a test needs and does not find is a failure that says so; nothing skips.
//!
//! Waiting is always on a condition, with a bound ([`wait`]); whether something did *not* happen is asked after
//! [`bed::Bed::quiet`], when nothing is left that could make it happen.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
#![expect(clippy::missing_panics_doc, reason = "everything here panics when it fails: that is what fails the test")]

pub mod alertmanager;
pub mod bed;
pub mod breaking_proxy;
pub mod broker;
pub mod browser;
pub mod client;
pub mod collector;
pub mod database;
pub mod figures;
pub mod guarded_broker;
pub mod postgres_server;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod server;
pub mod settings;
pub mod stand_ins;
pub mod tally;
pub mod team;
pub mod twilio_calls;
pub mod wait;
