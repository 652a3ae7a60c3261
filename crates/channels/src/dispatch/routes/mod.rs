//! The providers of a channel. `route` is one of them with its breaker, limit and slots; `choice` says by which of them a message
//! goes, from what the message asks for (`request`) and what the routes are for (`reach`).

pub(super) mod account_limit;
pub(super) mod breaker;
mod budget;
pub(super) mod choice;
pub(super) mod reach;
pub(super) mod request;
pub(super) mod route;
