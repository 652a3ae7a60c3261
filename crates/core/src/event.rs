//! Events, as they are after decoding: valid, without NULs, with what could not be used named.

use serde::{Deserialize, Serialize};

use crate::channel::named_enum;
use crate::ids::EventId;
use crate::rule::Trigger;
use crate::time::Timestamp;

named_enum! {
    /// What an event tells of; also the last part of its subject, and of its CloudEvents type.
    pub enum EventKind ("event kind") {
        Alert = "alert",
        Update = "update",
        Duty = "duty",
        Subscription = "subscription",
        /// Made by Watchbell itself to carry a contact's verification code.
        Verification = "verification",
    }
}

named_enum! {
    pub enum Priority ("priority") {
        High = "HIGH",
        Low = "LOW",
    }
}

impl Priority {
    pub fn trigger(self) -> Trigger {
        match self {
            Self::High => Trigger::AlertHigh,
            Self::Low => Trigger::AlertLow,
        }
    }
}

named_enum! {
    /// What became of an alert.
    pub enum UpdateStatus ("status") {
        Accepted = "ACCEPTED",
        Resolved = "RESOLVED",
        Escalated = "ESCALATED",
    }
}

impl UpdateStatus {
    pub fn trigger(self) -> Trigger {
        match self {
            Self::Accepted => Trigger::Accepted,
            Self::Resolved => Trigger::Resolved,
            Self::Escalated => Trigger::Escalated,
        }
    }
}

named_enum! {
    pub enum DutyStatus ("status") {
        Scheduled = "SCHEDULED",
        Cancelled = "CANCELLED",
    }
}

/// When an event happened, for deciding which of two came first.
///
/// Publishers' clocks differ, so the time that a publisher wrote orders only the events of its own `source`; otherwise
/// the time at which the broker took them does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    pub source: String,
    /// The CloudEvents `time`.
    pub time: Option<Timestamp>,
    /// The broker's timestamp; over HTTP the first receipt.
    pub received_at: Timestamp,
}

impl Occurrence {
    /// min(`time`, broker timestamp): the time from which delays count.
    pub fn base_at(&self) -> Timestamp {
        self.time.map_or(self.received_at, |time| time.min(self.received_at))
    }

    /// Whether this happened after `other`. Of two at the same time neither did.
    pub fn is_after(&self, other: &Self) -> bool {
        match (self.time, other.time) {
            (Some(mine), Some(theirs)) if self.source == other.source => mine > theirs,
            _ => self.received_at > other.received_at,
        }
    }
}

/// An event that is ready to be accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// (`source`, `id`), or what stands for it; unique among all events.
    pub identity: String,
    pub occurrence: Occurrence,
    pub data: EventData,
    /// What of the event cannot be used, each a sentence; the rest is used.
    pub problems: Vec<String>,
    /// The dead letter that this event is replayed from: then a known identity is no duplicate.
    pub replay_of: Option<i64>,
    /// The payload as it came, for the dead-letter table.
    pub original: Original,
}

impl Event {
    pub fn id(&self) -> EventId {
        EventId::derive(self.occurrence.base_at(), &self.identity)
    }
}

/// An event as it came over the wire, kept when some of it cannot be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Original {
    pub subject: String,
    pub headers: Vec<(String, String)>,
    pub payload: Vec<u8>,
    pub received_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventData {
    Alert(AlertData),
    Update(UpdateData),
    Duty(DutyData),
    Subscription(SubscriptionData),
    Verification(VerificationData),
}

impl EventData {
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Alert(_) => EventKind::Alert,
            Self::Update(_) => EventKind::Update,
            Self::Duty(_) => EventKind::Duty,
            Self::Subscription(_) => EventKind::Subscription,
            Self::Verification(_) => EventKind::Verification,
        }
    }

    /// The category of what it tells, where it can have one.
    pub fn category(&self) -> Option<&str> {
        match self {
            Self::Alert(data) => data.category.as_deref(),
            Self::Subscription(data) => data.category.as_deref(),
            Self::Update(_) | Self::Duty(_) | Self::Verification(_) => None,
        }
    }

    /// Reads what [`serde_json::to_string`] wrote of data of that kind.
    pub fn from_json(kind: EventKind, json: &str) -> serde_json::Result<Self> {
        Ok(match kind {
            EventKind::Alert => Self::Alert(serde_json::from_str(json)?),
            EventKind::Update => Self::Update(serde_json::from_str(json)?),
            EventKind::Duty => Self::Duty(serde_json::from_str(json)?),
            EventKind::Subscription => Self::Subscription(serde_json::from_str(json)?),
            EventKind::Verification => Self::Verification(serde_json::from_str(json)?),
        })
    }
}

/// User names are kept as the event wrote them; the store resolves them when it accepts the event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertData {
    pub alert_id: String,
    #[serde(default)]
    pub priority: Option<Priority>,
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub responders: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub labels: serde_json::Map<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateData {
    pub alert_id: String,
    pub status: UpdateStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responders: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// Filled in when the event is accepted, so that messages can say what the alert was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// As `summary`: the actor's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// As `summary`: the alert's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DutyData {
    pub duty_id: String,
    pub user_id: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub schedule: String,
    pub status: DutyStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionData {
    pub title: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// A digest of the request that made it, where a surface has to tell a request that is repeated from another one that
    /// claims the same identity. Never read from an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// A code on its way to a contact that is to be verified. Kept only until it has expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationData {
    pub code: crate::Secret,
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: &str, time: Option<i64>, received_at: i64) -> Occurrence {
        Occurrence { source: source.to_owned(), time: time.map(Timestamp::from_millis), received_at: Timestamp::from_millis(received_at) }
    }

    #[test]
    fn a_source_s_own_times_order_its_events_and_the_broker_s_order_the_rest() {
        let table = [
            (at("a", Some(10), 100), at("a", Some(20), 90), false),
            (at("a", Some(20), 90), at("a", Some(10), 100), true),
            // Another source: its clock says nothing about ours.
            (at("a", Some(20), 90), at("b", Some(10), 100), false),
            (at("a", None, 101), at("a", Some(900), 100), true),
            (at("a", Some(10), 100), at("a", Some(10), 200), false),
        ];
        for (one, other, after) in table {
            assert_eq!(one.is_after(&other), after, "{one:?} {other:?}");
        }
    }

    #[test]
    fn base_time_is_the_earlier_of_the_two() {
        assert_eq!(at("a", Some(10), 100).base_at(), Timestamp::from_millis(10));
        assert_eq!(at("a", Some(500), 100).base_at(), Timestamp::from_millis(100));
    }
}
