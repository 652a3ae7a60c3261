//! What has to be the case for a rule to count: conditions on the alert, on the user's clock and on their shifts.
//!
//! All conditions of a rule have to hold. What cannot be known keeps no rule from counting: a page too many is better than one too few.

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::pattern::Pattern;
use crate::channel::join;
use crate::event::Priority;
use crate::time::Timestamp;
use crate::user::Hours;

/// The conditions of a rule; an empty one is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conditions {
    /// No two on the same label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelCondition>,
    /// The event is of one of these categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Of rules for updates: the priority of the alert. Rules for alerts have it in their trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// On the user's clock, when the step is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// When the step is due, the user is on duty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_duty: Option<OnDuty>,
}

/// What one label of the alert has to be. A label that the alert does not have is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCondition {
    pub label: String,
    #[serde(flatten)]
    pub wants: LabelWants,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LabelWants {
    Equals(String),
    OneOf(Vec<String>),
    Matches(Pattern),
}

/// A shift of the user's runs: of this schedule, or of any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnDuty {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
}

/// A shift of a user's, as conditions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub schedule: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// What conditions are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// None where they cannot be read any more: then every condition on a label holds.
    pub labels: Option<&'a Map<String, Value>>,
    pub category: Option<&'a str>,
    /// None where no event has said it yet.
    pub priority: Option<Priority>,
    pub zone: &'a TimeZone,
    pub shifts: &'a [Shift],
}

impl Conditions {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first condition that does not hold for a step that is due at `at`.
    pub fn unmet(&self, situation: &Situation<'_>, at: Timestamp) -> Option<Unmet> {
        let label = self.labels.iter().find(|condition| !condition.holds(situation.labels));
        let is_category = self.categories.is_empty() || self.categories.iter().any(|wanted| situation.category == Some(wanted));
        let is_priority = self.priority.is_none() || situation.priority.is_none() || self.priority == situation.priority;
        let is_hour = self.hours.as_ref().is_none_or(|hours| hours.until(at, situation.zone).is_some());
        let is_on_duty = self.on_duty.as_ref().is_none_or(|on_duty| on_duty.holds(situation.shifts, at));
        match (label, &self.priority, &self.hours, &self.on_duty) {
            (Some(label), ..) => Some(Unmet::Label(label.clone())),
            _ if !is_category => Some(Unmet::Category(self.categories.clone())),
            (_, Some(priority), ..) if !is_priority => Some(Unmet::Priority(*priority)),
            (_, _, Some(hours), _) if !is_hour => Some(Unmet::Hours(hours.clone())),
            (.., Some(on_duty)) if !is_on_duty => Some(Unmet::OnDuty(on_duty.clone())),
            _ => None,
        }
    }
}

impl LabelCondition {
    fn holds(&self, labels: Option<&Map<String, Value>>) -> bool {
        let Some(labels) = labels else { return true };
        let Some(value) = labels.get(&self.label) else { return false };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match &self.wants {
            LabelWants::Equals(wanted) => value == *wanted,
            LabelWants::OneOf(wanted) => wanted.contains(&value),
            LabelWants::Matches(pattern) => pattern.matches(&value),
        }
    }
}

impl OnDuty {
    fn holds(&self, shifts: &[Shift], at: Timestamp) -> bool {
        let is_meant = |shift: &Shift| self.schedule.as_ref().is_none_or(|schedule| *schedule == shift.schedule);
        shifts.iter().any(|shift| is_meant(shift) && shift.starts_at <= at && at < shift.ends_at)
    }
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmet {
    Label(LabelCondition),
    Category(Vec<String>),
    Priority(Priority),
    Hours(Hours),
    OnDuty(OnDuty),
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(condition) => write!(f, "{condition}"),
            Self::Category(categories) => match categories.as_slice() {
                [category] => write!(f, "the category {category}"),
                categories => write!(f, "one of the categories {}", join(categories)),
            },
            Self::Priority(priority) => write!(f, "an alert of {priority} priority"),
            Self::Hours(hours) => write!(f, "the hours {hours}"),
            Self::OnDuty(OnDuty { schedule: Some(schedule) }) => write!(f, "the user to be on duty by the schedule {schedule}"),
            Self::OnDuty(OnDuty { schedule: None }) => f.write_str("the user to be on duty"),
        }
    }
}

impl fmt::Display for LabelCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wants {
            LabelWants::Equals(value) => write!(f, "the label {} = {value}", self.label),
            LabelWants::OneOf(values) => write!(f, "the label {} to be one of {}", self.label, join(values)),
            LabelWants::Matches(pattern) => write!(f, "the label {} to match {pattern}", self.label),
        }
    }
}

#[cfg(test)]
mod tests;
