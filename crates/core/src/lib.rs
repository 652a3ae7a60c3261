//! What Watchbell talks about, without any I/O: ids, times, users, contacts, rules, events, deliveries and how an attempt ends.
//!
//! Everything here is parsed at the edge (an API surface, the event consumer) and is valid from then on: an [`contact::EmailAddress`]
//! is an address, a [`contact::PhoneNumber`] is E.164. No other crate checks these things twice.

pub mod access;
pub mod answer_code;
pub mod answer_key;
pub mod backoff;
pub mod canary;
pub mod channel;
pub mod clock;
pub mod contact;
pub mod contact_key;
pub mod decision;
pub mod decode;
pub mod delivery;
pub mod device;
pub mod event;
pub mod group;
pub mod ids;
pub mod mask;
pub mod network;
pub mod outcome;
pub mod preference;
pub mod reason;
pub mod retry;
pub mod rule;
pub mod secret;
pub mod setting;
pub mod text;
pub mod time;
pub mod trace;
pub mod user;

pub use backoff::Backoff;
pub use channel::Channel;
pub use clock::{Clock, ElapsedClock, ManualClock, SharedClock, SystemClock};
pub use decision::Decision;
pub use group::{FollowUp, Group, NamedAs};
pub use ids::{ContactId, DeliveryId, DeviceId, EventId, KeyId, RuleId, UserId};
pub use reason::Reason;
pub use secret::Secret;
pub use time::Timestamp;
pub use trace::TraceContext;

/// An error with all its sources, for the one place that logs it.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
