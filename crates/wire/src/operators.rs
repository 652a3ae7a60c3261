//! What an operator looks at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchbell_core::Channel;

use crate::events::DerivedId;
use crate::name::names;
use crate::{Name, Time};

/// One line of the audit log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    pub id: i64,
    pub at: Time,
    /// What was done, such as `contact.replace`
    pub action: String,
    /// To what, such as `users/4/contacts/9`
    pub object: String,
    /// The key that was used; none is Watchbell itself, or somebody without a known key
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<i64>,
    /// Where the request came from; of IPv6 the network of 64 bits
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Of a change, each field with what it was `before` and is `after`; masked where it says who somebody is
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Map<String, Value>>,
}

/// A canary that has arrived.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryResult {
    #[schemars(with = "DerivedId")]
    pub delivery_id: String,
    /// From when it was sent until it was known to have arrived, in milliseconds
    pub took_ms: i64,
}

/// Users whom nothing reached.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UnreachableUsers {
    /// The last ones
    pub items: Vec<UnreachableUser>,
    /// Of all that are kept, once a user and event
    pub total: i64,
}

/// A user whom nothing of an event reached.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreachableUser {
    pub user_id: i64,
    #[schemars(with = "DerivedId")]
    pub event_id: String,
    pub at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty_id: Option<String>,
}

/// A channel and who serves it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelStatus {
    pub channel: Name<Channel>,
    /// Whether anything can be sent by it
    pub available: bool,
    /// In the order in which they are tried
    pub providers: Vec<ProviderStatus>,
}

/// A provider, as the workers that are alive find it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProviderStatus {
    /// The name of its table in the configuration
    pub name: String,
    pub kind: String,
    /// No worker finds otherwise
    pub up: bool,
    pub states: Vec<ProviderFinding>,
}

/// How some of a channel's workers find a provider.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProviderFinding {
    /// `open`: not called; `half_open`: the next call finds out whether it works again
    pub state: Name<BreakerState>,
    /// How many processes that send by the channel find it so
    pub workers: u64,
    /// Of `open`: the latest end
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

names! {
    /// How a worker finds a provider.
    pub enum BreakerState {
        HalfOpen = "half_open",
        Open = "open",
        Up = "up",
    }
}
