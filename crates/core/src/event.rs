//! Events, as they are after decoding: valid, without NULs, with what could not be used named.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::channel::{Channel, named_enum};
use crate::group::FollowUp;
use crate::ids::{DeliveryId, EventId, UserId};
use crate::rule::Trigger;
use crate::time::Timestamp;
use crate::trace::TraceContext;

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

/// What words for an alert's urgency mean, beside HIGH and LOW themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Priorities(Arc<BTreeMap<String, Priority>>);

impl Priorities {
    /// Case does not matter.
    pub fn new(words: BTreeMap<String, Priority>) -> Self {
        Self(Arc::new(words.into_iter().map(|(word, priority)| (word.to_ascii_lowercase(), priority)).collect()))
    }

    pub fn read(&self, word: &str) -> Option<Priority> {
        word.to_ascii_uppercase().parse().ok().or_else(|| self.0.get(&word.to_ascii_lowercase()).copied())
    }
}

named_enum! {
    /// What became of an alert.
    pub enum UpdateStatus ("status") {
        Accepted = "ACCEPTED",
        Resolved = "RESOLVED",
        Escalated = "ESCALATED",
        /// Somebody who was told says that it is not theirs. Only an answer says so: nobody publishes it.
        Declined = "DECLINED",
    }
}

impl UpdateStatus {
    /// What publishers may say.
    pub const PUBLISHED: [Self; 3] = [Self::Accepted, Self::Resolved, Self::Escalated];

    /// The rules that ask to be told of it; none do where it changes nothing for others.
    pub fn trigger(self) -> Option<Trigger> {
        match self {
            Self::Accepted => Some(Trigger::Accepted),
            Self::Resolved => Some(Trigger::Resolved),
            Self::Escalated => Some(Trigger::Escalated),
            Self::Declined => None,
        }
    }
}

named_enum! {
    /// What a person does with an alert that they were told of.
    pub enum Action ("action") {
        /// "I have it."
        Accept = "accept",
        /// "It is mended."
        Resolve = "resolve",
        /// "Not me": somebody else has to.
        Decline = "decline",
    }
}

impl Action {
    /// What it says of the alert.
    pub fn status(self) -> UpdateStatus {
        match self {
            Self::Accept => UpdateStatus::Accepted,
            Self::Resolve => UpdateStatus::Resolved,
            Self::Decline => UpdateStatus::Declined,
        }
    }
}

named_enum! {
    /// Whether an alert still needs somebody.
    pub enum AlertState ("state of an alert") {
        Open = "open",
        Accepted = "accepted",
        Resolved = "resolved",
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
/// the order in which the broker took them does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    pub source: String,
    /// The CloudEvents `time`, unless it is too old to be believed.
    pub time: Option<Timestamp>,
    /// The broker's timestamp; over HTTP the first receipt.
    pub received_at: Timestamp,
    /// The place in the stream, which orders events of the same millisecond; over HTTP the place in the request.
    #[serde(default)]
    pub sequence: u64,
}

impl Occurrence {
    /// min(`time`, broker timestamp): the time from which delays count. A clock that is ahead is not believed.
    pub fn base_at(&self) -> Timestamp {
        self.time.map_or(self.received_at, |time| time.min(self.received_at))
    }

    /// The latest time that the base time may stand for: many publishers write whole seconds, which may be any moment of that
    /// second up to when the broker took the event.
    pub fn latest_at(&self) -> Timestamp {
        let base_at = self.base_at();
        let is_whole_second = self.time == Some(base_at) && base_at.as_millis() % 1000 == 0;
        if is_whole_second { base_at.plus_ms(999).min(self.received_at) } else { base_at }
    }

    /// Whether its own source says beyond doubt that this happened before `other`, whenever the broker took the two.
    pub fn is_surely_before(&self, other: &Self) -> bool {
        self.source == other.source && self.latest_at() < other.base_at()
    }

    /// The broker's order.
    pub fn place(&self) -> (Timestamp, u64) {
        (self.received_at, self.sequence)
    }

    /// Whether this happened after `other`: their source's base times decide, where there is one source and they differ, else
    /// the broker's order. Of two that nothing tells apart neither did.
    pub fn is_after(&self, other: &Self) -> bool {
        other.is_surely_before(self) || (!self.is_surely_before(other) && self.place() > other.place())
    }
}

/// An event that is ready to be accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// (publisher, `source`, `id`), or what stands for it; unique among all events.
    pub identity: String,
    pub occurrence: Occurrence,
    pub data: EventData,
    /// What of the event was repaired or left out, each a sentence; the rest is used.
    pub problems: Vec<String>,
    /// The dead letter that this event is replayed from: then a known identity is no duplicate.
    pub replay_of: Option<i64>,
    /// The span that published it.
    pub trace: Option<TraceContext>,
    /// The payload as it came, for the dead-letter table.
    pub original: Original,
}

impl Event {
    pub fn id(&self) -> EventId {
        EventId::derive(self.occurrence.base_at(), &self.identity)
    }

    /// A digest of what the event says, however that was encoded, spaced or ordered, and whenever it was sent: it tells an event
    /// that comes again from another one that claims the same identity.
    pub fn digest(&self) -> String {
        digest(self.data.kind(), &serde_json::to_string(&self.data).unwrap_or_default())
    }

    /// Whether somebody who was told of an alert says this.
    pub fn is_answer(&self) -> bool {
        matches!(&self.data, EventData::Update(UpdateData { answer: Some(_), .. }))
    }

    /// Whether Watchbell itself goes on with an alert by it.
    pub fn is_follow_up(&self) -> bool {
        matches!(&self.data, EventData::Update(UpdateData { follow_up: Some(_), .. }))
    }

    /// The event under an identity of its own, which it gets when its identity belongs to another one.
    #[must_use]
    pub fn told_apart(mut self) -> Self {
        self.identity = format!("conflict:{}:{}", self.digest(), self.identity);
        self
    }
}

/// [`Event::digest`] of data as [`serde_json::to_string`] writes them.
pub fn digest(kind: EventKind, data: &str) -> String {
    crate::ids::digest(&[kind.as_str(), data])
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

    /// The lists in which it names users, each with the name of its field.
    pub fn named(&self) -> [(&'static str, &[String]); 2] {
        match self {
            Self::Alert(data) => [("responders", &data.responders), ("", &[])],
            Self::Update(data) => [("responders", &data.responders), ("notify", &data.notify)],
            Self::Subscription(data) => [("users", &data.users), ("", &[])],
            Self::Duty(_) | Self::Verification(_) => [("", &[]), ("", &[])],
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
    /// Where somebody who was told of the alert answered. Never read from an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Where Watchbell itself goes on, as nobody has accepted. Never read from an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
}

/// What an answer is bound to: it counts in the round of the alert in which its message was sent, and in no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub action: Action,
    pub delivery: DeliveryId,
    /// Who answered: whom the message was for, or who pressed in a chat that others see.
    pub user: UserId,
    pub channel: Channel,
    pub round: i64,
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
    /// What else that request said, for who reads of it later. Never read from an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}

/// What an application said when it ran a notiflow, beside what is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its free-form data: JSON as a text, so that nothing in it (such as a NUL) is in the way of reading the event's own members.
    pub data: String,
    /// The external id of who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
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
    use proptest::prelude::*;

    use super::*;

    fn at(source: &str, time: Option<i64>, received_at: i64) -> Occurrence {
        let time = time.map(Timestamp::from_millis);
        Occurrence { source: source.to_owned(), time, received_at: Timestamp::from_millis(received_at), sequence: 0 }
    }

    #[test]
    fn a_source_s_own_times_order_its_events_and_the_broker_s_order_the_rest() {
        let hour = 3_600_000;
        let table = [
            (at("a", Some(10), 100), at("a", Some(20), 90), false),
            (at("a", Some(20), 90), at("a", Some(10), 100), true),
            // Another source: its clock says nothing about ours.
            (at("a", Some(20), 90), at("b", Some(10), 100), false),
            (at("a", None, 101), at("a", Some(900), 100), true),
            (at("a", Some(10), 100), at("a", Some(10), 200), false),
            (at("a", Some(10), 200), at("a", Some(10), 100), true),
            // A clock that was ahead says no more than the broker does; it can be right, or further ahead, afterwards.
            (at("a", Some(110), 110), at("a", Some(2 * hour), 100), true),
            (at("a", Some(2 * hour), 110), at("a", Some(3 * hour), 100), true),
            // Whole seconds are any moment of theirs, up to when the broker took the event.
            (at("a", Some(5_000), 5_900), at("a", None, 5_350), true),
            (at("a", Some(5_000), 5_900), at("a", Some(5_300), 5_350), true),
            (at("a", Some(5_000), 6_900), at("a", Some(6_001), 6_350), false),
            (at("a", Some(5_000), 6_900), at("a", Some(4_999), 6_950), true),
        ];
        for (one, other, after) in table {
            assert_eq!(one.is_after(&other), after, "{one:?} {other:?}");
        }
        let later = Occurrence { sequence: 8, ..at("a", Some(5_000), 5_100) };
        assert!(later.is_after(&Occurrence { sequence: 7, ..at("a", Some(5_000), 5_100) }));
    }

    #[test]
    fn base_time_is_the_earlier_of_the_two() {
        assert_eq!(at("a", Some(10), 100).base_at(), Timestamp::from_millis(10));
        assert_eq!(at("a", Some(500), 100).base_at(), Timestamp::from_millis(100));
    }

    fn any_occurrence() -> impl Strategy<Value = Occurrence> {
        (
            0..2_u8,
            proptest::option::of(prop_oneof![0..4_000_i64, (0..4_i64).prop_map(|s| s * 1000), Just(i64::MAX)]),
            0..4_000_i64,
            0..3_u64,
        )
            .prop_map(|(source, time, received_at, sequence)| Occurrence { sequence, ..at(&source.to_string(), time, received_at) })
    }

    proptest! {
        /// What a source says beyond doubt never goes round in a circle, and of two events one at most is the later.
        #[test]
        fn what_is_sure_is_an_order(a in any_occurrence(), b in any_occurrence(), c in any_occurrence()) {
            prop_assert!(!a.is_surely_before(&a));
            prop_assert!(!(a.is_after(&b) && b.is_after(&a)));
            if a.is_surely_before(&b) && b.is_surely_before(&c) {
                prop_assert!(a.is_surely_before(&c));
            }
            prop_assert!(a.base_at() <= a.latest_at() && a.latest_at() <= a.received_at);
        }
    }
}
