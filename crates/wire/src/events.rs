//! What became of events.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use watchbell_core::event::EventKind;

use crate::deliveries::Answer;
use crate::{Name, Time};

/// The schema of ids that Watchbell derives: an event's, a delivery's.
#[derive(Debug)]
pub enum DerivedId {}

impl JsonSchema for DerivedId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DerivedId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Z0-9]{26}$" })
    }
}

/// What came of a request's events, in their order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedEvents {
    pub events: Vec<AcceptedEvent>,
}

/// An event that is kept and planned.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedEvent {
    #[schemars(with = "DerivedId")]
    pub id: String,
    /// Its identity was known: nothing was done
    pub duplicate: bool,
    /// Deliveries that were planned
    pub planned: usize,
    /// What of it was repaired, left out, or could not be used
    pub problems: Vec<String>,
    /// Why nothing was planned, where that is so
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

/// An event as it is kept, without what it says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptEvent {
    #[schemars(with = "DerivedId")]
    pub id: String,
    pub kind: Name<EventKind>,
    /// The alert that it is about
    pub alert_id: Option<String>,
    /// From here delays count
    pub at: Time,
    pub received_at: Time,
    /// Why nothing was planned, where that is so
    pub decision: Option<String>,
    /// What of it was repaired, left out, or could not be used
    pub problems: Vec<String>,
    /// Of an event asked for by its id which is somebody's answer: what they answered, and to which message
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}
