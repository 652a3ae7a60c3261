//! A user's rules: what is to be told, how, and how long after (or before) what happened.

use serde::{Deserialize, Serialize};

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
    /// The API surface that a rule was made through, and that alone shows and changes it.
    pub enum Surface ("surface") {
        Ilert = "ilert",
        Oncall = "oncall",
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
}
