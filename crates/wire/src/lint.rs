//! What today's rules would leave untold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::Channel;
use watchbell_core::rule::Trigger;

use crate::events::DerivedId;
use crate::{Name, Time};

/// An alert of the past that no rule of today's would tell anybody of.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnheardAlert {
    #[schemars(with = "DerivedId")]
    pub event_id: String,
    pub alert_id: String,
    pub at: Time,
    /// Whether somebody would get the email for who has no rule; otherwise nobody would hear of it at all
    pub has_fallback: bool,
    /// Whom it would be for, the first of them
    pub users: Vec<UnheardUser>,
    /// Names of nobody, and groups that nobody is in
    pub problems: Vec<String>,
}

/// Why a user would not be told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnheardUser {
    pub user_id: i64,
    pub reasons: Vec<String>,
}

/// A rule that can never tell anybody, as things are.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadRule {
    pub user_id: i64,
    pub rule_id: i64,
    pub trigger: Name<Trigger>,
    pub channel: Option<Name<Channel>>,
    pub reason: String,
}
