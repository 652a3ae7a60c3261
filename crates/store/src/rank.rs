//! How urgent deliveries are, as the columns `rank` have it, and which of them whoever claims sees at all.

use watchbell_core::rule::Trigger;

/// A HIGH alert: claimed before everything else.
pub const HIGH: i64 = 0;
/// Everything else.
pub const NORMAL: i64 = 1;
/// Only in the ready queue: what quiet hours or a digest hold until its time comes.
pub(crate) const HELD: i64 = 2;
/// Only in the ready queue: what a worker session has claimed, so that nobody looks at it again.
pub(crate) const CLAIMED: i64 = 3;

pub(crate) fn of(trigger: Trigger) -> i64 {
    if trigger == Trigger::AlertHigh { HIGH } else { NORMAL }
}

/// The rank that a statement calls `{rank NAME}`.
pub(crate) fn named(name: &str) -> Option<i64> {
    [("high", HIGH), ("normal", NORMAL), ("held", HELD), ("claimed", CLAIMED)]
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, rank)| rank)
}
