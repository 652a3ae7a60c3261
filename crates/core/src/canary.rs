//! The canary: an event of Watchbell's own that goes the whole way of news, to nobody.
//!
//! It names a user of its own, who is in no list, and a category that is kept for it. The inbox, which is the provider that it reaches,
//! keeps nothing of it but how long it took.

/// The canary's user, by user name and external id.
pub const USER: &str = "watchbell-canary";
/// The category of its events.
pub const CATEGORY: &str = "watchbell.canary";
