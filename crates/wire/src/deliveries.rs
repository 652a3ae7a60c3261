//! What was planned, and what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::Channel;
use watchbell_core::delivery::{Purpose, ReceiptOutcome, State};
use watchbell_core::event::{Action, Priority};
use watchbell_core::outcome::Class;
use watchbell_core::rule::Trigger;

use crate::events::DerivedId;
use crate::{Name, Time};

/// One message to one address of one user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    #[schemars(with = "DerivedId")]
    pub id: String,
    #[schemars(with = "DerivedId")]
    pub event_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty_id: Option<String>,
    pub user_id: i64,
    /// Absent for a user who was deleted
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    pub purpose: Name<Purpose>,
    pub trigger: Name<Trigger>,
    pub channel: Name<Channel>,
    /// Masked
    pub address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<i64>,
    pub rule_ids: Vec<i64>,
    pub priority: Name<Priority>,
    pub state: Name<State>,
    /// Why it is in this state, where there is something to say
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was planned for
    pub due_at: Time,
    /// When it is tried next
    pub ready_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    pub attempts: i64,
    /// The provider that sent it last
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A delivery with every attempt to send it, and what was heard of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryWithAttempts {
    #[serde(flatten)]
    pub delivery: Delivery,
    pub attempt_log: Vec<Attempt>,
    /// What providers said later, in the order in which it came
    #[serde(default)]
    pub receipts: Vec<Receipt>,
    /// What people answered to it, in order
    #[serde(default)]
    pub answers: Vec<Answer>,
}

/// What a provider said later of a message that it took. What `try_again` and `no_route` are about goes by another provider, if there is
/// one; a call of which it says `try_again` or `not_answered` is made again, for a while.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// When it came
    pub at: Time,
    pub provider: String,
    pub outcome: Name<ReceiptOutcome>,
    /// As the provider gave it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// What somebody answered to a message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub action: Name<Action>,
    /// Who answered: whom the message was for, or who pressed in a chat that others see
    pub user_id: i64,
    pub at: Time,
    /// The event that it is
    #[schemars(with = "DerivedId")]
    pub event_id: String,
    /// The message that it was given to
    #[schemars(with = "DerivedId")]
    pub delivery_id: String,
}

/// One call of a provider.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counts from 1
    pub number: i64,
    pub at: Time,
    pub provider: String,
    pub class: Name<Class>,
    /// As the provider gave it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<i64>,
}
