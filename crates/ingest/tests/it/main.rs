//! The consumers against real nats-servers, each test with one of its own.
#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod auth;
mod flow;
mod harness;
mod jwt;
mod recovery;
mod server;
mod sink;
mod streams;
mod trouble;
