//! Something that happened, as the conditions of rules see it.

use std::fmt;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use watchbell_core::Timestamp;
use watchbell_core::event::Priority;
use watchbell_core::rule::conditions::{Situation, Unmet};
use watchbell_core::rule::{Rule, Trigger};
use watchbell_store::facts::Policy;

/// What conditions are judged by, beside what the user's policy says. Those on the time are judged at the time at which a step is due,
/// so that the same step is judged in the same way whenever it is planned.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    pub trigger: Trigger,
    /// None where they cannot be read any more, or were never said.
    pub labels: Option<&'a Map<String, Value>>,
    pub category: Option<&'a str>,
    pub priority: Option<Priority>,
    /// When a step with this offset is due. None where it was judged before, and what it was judged by is not known any more: then
    /// every condition holds.
    pub due: Option<&'a dyn Fn(i64) -> Timestamp>,
}

impl<'a> Occasion<'a> {
    /// Something of which only the time is known.
    pub fn timed(trigger: Trigger, due: &'a dyn Fn(i64) -> Timestamp) -> Self {
        Self { trigger, labels: None, category: None, priority: None, due: Some(due) }
    }

    /// The condition for which a step of a rule is not sent.
    pub fn unmet(&self, rule: &Rule, policy: &Policy, zone: &TimeZone, offset_s: i64) -> Option<Unmet> {
        if rule.when.is_empty() {
            return None;
        }
        let Self { labels, category, priority, .. } = *self;
        rule.when.unmet(&Situation { labels, category, priority, zone, shifts: &policy.shifts }, self.due?(offset_s))
    }
}

/// The zone in which a user's rules mean their hours. It was valid when it was set; where this build does not know it, UTC is meant.
pub fn zone_of(policy: &Policy) -> TimeZone {
    let asks = policy.rules.iter().any(|rule| rule.when.hours.is_some());
    let zone = asks.then(|| watchbell_core::user::parse_timezone(&policy.user.timezone).ok());
    zone.flatten().unwrap_or(TimeZone::UTC)
}

impl fmt::Debug for Occasion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occasion").field("trigger", &self.trigger).field("category", &self.category).finish_non_exhaustive()
    }
}
