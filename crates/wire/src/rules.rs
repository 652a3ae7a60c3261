//! Rules, of all surfaces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::Channel;
use watchbell_core::event::Priority;
use watchbell_core::rule::{Conditions, Surface, Trigger};

use crate::Name;

/// A rule: what is to be told, how, when, and if.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WatchbellRule")]
pub struct Rule {
    pub id: i64,
    /// The surface that wrote it last
    pub surface: Name<Surface>,
    /// Of a step of an OnCall chain, which is changed there: its place
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    #[serde(flatten)]
    pub says: RuleBody,
}

/// What a rule says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WatchbellRuleBody")]
pub struct RuleBody {
    pub trigger: Name<Trigger>,
    pub channel: Name<Channel>,
    /// One of the user's contacts; left out: the primary one, else the first that can be used
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<i64>,
    #[serde(flatten)]
    pub terms: RuleTerms,
}

/// When a rule tells, and if.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleTerms {
    /// Of alerts: minutes after the alert
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_440))]
    pub delay_min: Option<i64>,
    /// Of shifts: minutes before the shift
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_080))]
    pub before_min: Option<i64>,
    /// Breaks through a device's do-not-disturb
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<RuleConditions>")]
    pub when: Option<Conditions>,
    /// Of alerts: tells again as long as nobody accepts
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_440))]
    pub repeat_every_min: Option<i64>,
    /// How often, beside the first time
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 20))]
    pub repeat_times: Option<i64>,
}

/// The schema of [`Conditions`].
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(description = "What has to be the case, all of it, for the rule to count; otherwise its step is suppressed and says why")]
pub struct RuleConditions {
    /// No two on the same label; of rules for alerts and updates
    #[schemars(length(max = 10))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<RuleLabel>>,
    /// One of these; not of rules for shifts
    #[schemars(length(max = 50), inner(length(min = 1, max = 255)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// Of rules for updates: the alert's priority
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Name<Priority>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<RuleHours>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_duty: Option<RuleOnDuty>,
}

/// What one label of the alert has to be: one of `equals`, `oneOf` and `matches`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleLabel {
    #[schemars(length(min = 1, max = 255))]
    pub label: String,
    #[schemars(length(max = 1_024))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    #[schemars(length(min = 1, max = 50))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// A regular expression that the whole value matches; without look-around and back-references
    #[schemars(length(max = 256))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
}

/// On the user's clock, when the step is due. `start` after `end` spans midnight.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleHours {
    #[schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}$"))]
    pub start: String,
    #[schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}$"))]
    pub end: String,
    /// ISO weekdays on which they begin, 1 is Monday; left out or empty: every day
    #[schemars(inner(range(min = 1, max = 7)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<i64>>,
}

/// When the step is due, a shift of the user's runs.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleOnDuty {
    /// Left out: of any schedule
    #[schemars(length(min = 1, max = 255))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
}
