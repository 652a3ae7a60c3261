//! Providers: what they are set to, how they do, and trying them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::Channel;
use watchbell_core::outcome::Class;

use crate::events::DerivedId;
use crate::operators::ProviderFinding;
use crate::{Name, Time};

/// A provider with each channel that it can serve.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Provider {
    /// The name of its table in the configuration
    pub name: String,
    pub kind: String,
    pub channels: Vec<ProviderChannel>,
}

/// How a provider does on one channel, for all processes together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderChannel {
    pub channel: Name<Channel>,
    /// The channel lists it among its providers
    pub used: bool,
    /// No worker finds otherwise
    pub up: bool,
    /// How the workers that are alive find it
    pub states: Vec<ProviderFinding>,
    /// In the last hour, to five minutes
    pub calls_last_hour: i64,
    /// Those of them that it did not take, whatever the reason
    pub failures_last_hour: i64,
    /// Within the last week
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<Time>,
    /// Within the last week
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<ProviderFailure>,
    pub limits: ProviderLimits,
    /// The part of the channel's messages that go through it first
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// What the numbers begin with that it takes; none: whatever the others do not
    pub prefixes: Vec<String>,
    /// Where it may make only so many calls a day
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend: Option<ProviderSpend>,
}

/// A call that a provider did not take.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProviderFailure {
    pub at: Time,
    pub class: Name<Class>,
    /// As the provider gave it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// How fast a provider may be called.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderLimits {
    pub per_second: f64,
    /// Calls that may come at once
    pub burst: u32,
    /// Calls that may be under way
    pub in_flight: usize,
}

/// What a provider may do in a calendar day, in UTC.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderSpend {
    pub max_per_day: u32,
    /// Calls of today that processes have taken: made, or at most a hundredth of the day's ahead of that
    pub today: i64,
    /// Messages that were refused today because there were no more
    pub refused_today: i64,
}

/// A provider to be tried.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderTest {
    /// May be left out where the provider serves only one
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Name<Channel>>,
    /// An address of the channel's kind; for push `fcm:TOKEN` or `apns:TOKEN`
    #[schemars(length(min = 1, max = 2048))]
    pub to: String,
    /// The message's language, as BCP 47; English unless given
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// What a provider answered to a test message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderTestResult {
    pub provider: String,
    pub channel: Name<Channel>,
    /// The provider took it
    pub accepted: bool,
    /// What its answer means
    pub class: Name<Class>,
    /// As the provider gave it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    pub latency_ms: i64,
}

/// A contact to be tried.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactTest {
    /// For a phone: `sms` (unless given), `voice` or `whatsapp`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Name<Channel>>,
}

/// A test message is on its way.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartedTest {
    /// Shows what becomes of it
    #[schemars(with = "DerivedId")]
    pub delivery_id: String,
    pub channel: Name<Channel>,
}
