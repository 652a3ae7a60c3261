//! Alerts as they are now, and answers to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchbell_core::event::{Action, Priority};

use crate::events::DerivedId;
use crate::name::names;
use crate::{Name, Time};

/// An alert as it is now.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub id: String,
    pub state: Name<AlertState>,
    pub priority: Name<Priority>,
    pub summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    pub labels: Map<String, Value>,
    /// The last round in which somebody was told; 0 before the first
    pub round: i64,
    /// What happened, as far as it still matters, in order; the last 200
    pub history: Vec<AlertHistoryEntry>,
    /// What the caller can answer now
    pub actions: Vec<Name<Action>>,
}

/// One event of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertHistoryEntry {
    #[schemars(with = "DerivedId")]
    pub event_id: String,
    pub what: Name<Happening>,
    pub at: Time,
    /// Who did it, where that is known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What is answered to an alert.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AlertAnswer")]
pub struct NewAnswer {
    pub action: Name<Action>,
}

names! {
    /// Whether anybody has an alert.
    pub enum AlertState {
        Open = "open",
        Accepted = "accepted",
        Resolved = "resolved",
    }

    /// What an event of an alert says.
    pub enum Happening {
        Raised = "raised",
        Accepted = "accepted",
        Escalated = "escalated",
        Resolved = "resolved",
    }
}
