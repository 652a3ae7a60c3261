//! What a user was told and why, or what they would be told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::Channel;
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::rule::Trigger;

use crate::deliveries::Answer;
use crate::events::{DerivedId, KeptEvent};
use crate::{Name, Time};

/// What an event led to for a user, or would lead to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub user_id: i64,
    /// Whether it is of an event that never was
    pub hypothetical: bool,
    /// Why nothing was planned, where that is so
    pub decision: Option<String>,
    /// What of the events was repaired, left out, or could not be used
    pub problems: Vec<String>,
    /// Of what was: the event, or those of the alert that still matter
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<KeptEvent>>,
    pub steps: Vec<ExplainedStep>,
    /// What was answered to these messages, in order: that the user has it, that it is resolved, or that it is not theirs
    #[serde(default)]
    pub answers: Vec<Answer>,
}

/// A delivery that there is, or that there would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedStep {
    /// Of a delivery that there is
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DerivedId>")]
    pub delivery_id: Option<String>,
    /// When it was sent, or is due
    pub at: Time,
    pub channel: Name<Channel>,
    /// Masked
    pub address: String,
    pub state: Name<State>,
    pub reason: String,
    /// Of a user whom the event does not name by name: as what it does, such as `as schedule primary`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_as: Option<String>,
    pub purpose: Name<Purpose>,
    pub trigger: Name<Trigger>,
    pub rule_ids: Vec<i64>,
}
