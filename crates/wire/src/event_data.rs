//! What events say, by kind: what publishers write, and what the documents tell of it.
//!
//! Watchbell's own decoder does not read these types: it takes other forms as well (a number for an id, one user for a list), and
//! repairs what it can. The schemas say so.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchbell_core::event::{DutyStatus, Priority, UpdateStatus};

use crate::users::UserName;
use crate::{Name, Time};

/// An id of the publisher's own. A number is its digits; a longer text is cut and gets a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublishedId(pub String);

impl JsonSchema for PublishedId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PublishedId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string", "minLength": 1, "maxLength": 255 }, { "type": "integer", "format": "int64" }] })
    }
}

/// Somebody is to be paged.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertEventData {
    /// The alert's own id; updates name it. A number is its digits; a longer text is cut and gets a digest. Without one the alert is
    /// called after its event
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<PublishedId>,
    /// In any case, or a word of the setting [priorities]; HIGH if it is missing or another
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Name<Priority>>,
    /// Cut after 4,000 characters; the alert's id if it is missing
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Cut after 64 KiB
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// http or https; messages link to it. What no address has is percent-encoded
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri", "maxLength" = 2048))]
    pub url: Option<String>,
    /// Whose rules are planned; at least one. Users, or `topic:NAME` for its members (1,000 at most), `duty:SCHEDULE` for whoever is on
    /// duty now, and `escalation:NAME` for a list of the configuration; 20 of these at most. One alone is taken for a list
    pub responders: Vec<UserName>,
    /// The category that switches and preferences are for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<PublishedId>,
    /// Shown as name=value
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub labels: Map<String, Value>,
}

/// Something became of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateEventData {
    /// Of the alert. A number is its digits; a longer text is cut and gets a digest
    pub alert_id: PublishedId,
    /// In any case
    pub status: Name<UpdateStatus>,
    /// Who did it; they are not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<UserName>,
    /// New ones, on ESCALATED; as those of an alert. One alone is taken for a list
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responders: Vec<UserName>,
    /// Who is told beside everyone who was a responder. One user alone is taken for a list
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<UserName>,
}

/// A shift is planned, moved or cancelled.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DutyEventData {
    /// The shift's own id: the same one again moves or cancels it. Without one it is known by schedule, user and start
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty_id: Option<PublishedId>,
    pub user_id: UserName,
    /// Also without an offset, in UTC, or as seconds or milliseconds since 1970
    pub starts_at: Time,
    /// After startsAt
    pub ends_at: Time,
    /// The name of the schedule; the shift's id if it is missing
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// In any case; SCHEDULED if it is missing
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Name<DutyStatus>>,
}

/// News for whoever wants to hear of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionEventData {
    /// Cut after 4,000 characters; the message's first line if it is missing
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Cut after 64 KiB; the title if it is missing. One of the two is needed
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// http or https; messages link to it. What no address has is percent-encoded
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri", "maxLength" = 2048))]
    pub url: Option<String>,
    /// For whom it is; without a topic, at least one. One user alone is taken for a list
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserName>,
    /// For whose members it is, beside users or in their place
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<PublishedId>,
    /// The category that switches and preferences are for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<PublishedId>,
}

/// An event as it is published over HTTP in plain JSON: its data, and what a subject says on NATS.
#[derive(Clone, Debug, Serialize)]
pub struct PlainEvent<T> {
    /// The event's own: the same one twice is planned once
    pub id: String,
    /// Such as `watchbell.events.alert`
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(flatten)]
    pub data: T,
}
