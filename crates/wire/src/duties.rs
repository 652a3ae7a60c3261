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
    /// The calendars that its shifts are read from
    #[serde(default)]
    pub calendars: Vec<Calendar>,
}

/// A calendar that shifts are read from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    /// As the configuration calls it
    pub name: String,
    /// When it was last tried to read it; left out before the first time
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Time>,
    /// When it was last read and believed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_at: Option<Time>,
    /// Why it was not, when that was last tried: no shift was changed then
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Shifts of users that it held when it was last believed
    pub shifts: usize,
    /// Whom it names and nobody is, as it writes them
    pub unknown: Vec<String>,
    /// What of it could not be understood; the shifts of those entries stay as they are known
    pub unreadable: Vec<String>,
    /// How many more there are of these two
    pub more: usize,
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
