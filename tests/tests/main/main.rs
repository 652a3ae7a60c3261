//! Watchbell from end to end: events go in over a real NATS, and what reached the providers is asserted.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod channels;
mod scenarios;
