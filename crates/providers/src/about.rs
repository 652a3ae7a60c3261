//! What a message is about, for receivers that are programs: what the texts say, as data.

use serde::Serialize;
use watchbell_core::event::{Priority, UpdateStatus};
use watchbell_core::{EventId, UserId};

/// What is told; null is what a message of its kind has not.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The folder of its templates: alert, update, duty, …
    pub kind: &'static str,
    /// Of a bundle or digest: of the first that it tells.
    pub event_id: EventId,
    pub alert_id: Option<String>,
    /// Of an alert: it grows each time that it is opened again.
    pub round: Option<i64>,
    pub duty_id: Option<String>,
    /// What became of an alert, in an update.
    pub status: Option<UpdateStatus>,
    pub priority: Option<Priority>,
    pub category: Option<String>,
    pub labels: serde_json::Map<String, serde_json::Value>,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    pub id: UserId,
    pub name: String,
}
