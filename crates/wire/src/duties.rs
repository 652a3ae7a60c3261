//! Who is on duty.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;

/// A schedule: who is on duty by it, who is next, and when nobody is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleDuties {
    /// As duty events write it, and as responders name it behind `duty:`
    pub schedule: String,
    /// Whose shifts run now
    pub on_duty: Vec<Shift>,
    /// The shifts that begin next, however late that is
    pub next: Vec<Shift>,
    /// When nobody is on duty, from now on
    pub gaps: Vec<Gap>,
    /// Until when gaps are looked for: the end of the days that were asked for, or sooner where there are very many shifts
    pub gaps_until: Time,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shift {
    pub duty_id: String,
    /// The user's number
    pub user_id: i64,
    /// First and last name, or else the user name
    pub user_name: String,
    pub starts_at: Time,
    pub ends_at: Time,
}

/// A stretch of time in which no shift runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    pub starts_at: Time,
    pub ends_at: Time,
}
