//! A user's rules: what is to be told, how, and how long after (or before) what happened.

pub mod conditions;
pub mod pattern;
pub mod shown;

use serde::{Deserialize, Serialize};

pub use self::conditions::Conditions;
use crate::channel::{Channel, named_enum};
use crate::ids::{ContactId, RuleId, UserId};

named_enum! {
    /// What a rule waits for.
    pub enum Trigger ("trigger") {
        AlertHigh = "alert_high",
        AlertLow = "alert_low",
        Duty = "duty",
        Accepted = "accepted",
        Resolved = "resolved",
        Escalated = "escalated",
        Subscription = "subscription",
    }
}

named_enum! {
    /// The API surface that a rule was last written through.
    pub enum Surface ("surface") {
        Ilert = "ilert",
        Oncall = "oncall",
        Watchbell = "watchbell",
    }
}

/// A rule as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: RuleId,
    /// `N…`, for surfaces whose ids are texts.
    pub public_id: Option<String>,
    pub user_id: UserId,
    pub surface: Surface,
    pub trigger: Trigger,
    /// None is a wait step of a chain.
    pub channel: Option<Channel>,
    /// None is the primary contact, else the first OK one.
    pub contact_id: Option<ContactId>,
    /// Seconds after an alert, or before a shift; of a wait step, its length.
    pub offset_s: i64,
    /// The place in its chain; None stands alone.
    pub position: Option<i64>,
    /// Breaks through a device's do-not-disturb.
    pub critical: bool,
    pub when: Conditions,
    pub repeat: Option<Repeat>,
}

/// How often a step is told again as long as nobody accepts: of rules for alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub every_s: i64,
    /// Beside the first time.
    pub times: i64,
}

impl Rule {
    /// Whether channel, contact and time are all that it says.
    pub fn is_plain(&self) -> bool {
        self.when.is_empty() && self.repeat.is_none() && !self.critical
    }

    /// The seconds from the first time that it tells to the last.
    pub fn repeats_for_s(&self) -> i64 {
        self.repeat.map_or(0, |repeat| repeat.every_s.saturating_mul(repeat.times))
    }
}

/// Rules of one trigger with the offset at which each fires: its own, or, for a rule of a chain, the sum of the waits before it.
pub fn with_offsets<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<(&'a Rule, i64)> {
    let mut rules: Vec<&Rule> = rules.collect();
    rules.sort_by_key(|rule| (rule.surface, rule.position, rule.id));
    let mut chain = None;
    let mut waited_s = 0;
    rules
        .into_iter()
        .map(|rule| {
            if rule.position.is_none() {
                return (rule, rule.offset_s);
            }
            if chain.replace(rule.surface) != Some(rule.surface) {
                waited_s = 0;
            }
            if rule.channel.is_none() {
                waited_s += rule.offset_s;
            }
            (rule, waited_s)
        })
        .collect()
}
