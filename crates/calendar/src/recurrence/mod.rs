//! Recurrence rules (section 3.3.10), on a clock that knows no zone: when a rule's times are in the world is for who knows the zone.
//!
//! `rule` reads a rule, `expand` says when it recurs. Whatever a rule says, it costs a bounded amount: see [`Budget`].

mod expand;
mod rule;

pub(crate) use expand::{Budget, occurrences};
pub(crate) use rule::Rule;

#[cfg(test)]
mod tests;
