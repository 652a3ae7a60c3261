//! How things stand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::Channel;

use crate::name::names;
use crate::{Name, Time};

/// How things stand at one moment. Counts end at 100,000.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    pub at: Time,
    /// By channel and rank, where anything waits
    pub waiting: Vec<Waiting>,
    /// By channel, what processes are sending, as they last said
    pub sending: Vec<Sending>,
    /// Dead letters that were not replayed
    pub dead_letters: i64,
    /// Users whom an event of the last 24 hours did not reach
    pub unreachable: i64,
    /// Those that live, whatever their roles
    pub processes: Vec<Process>,
}

/// Deliveries that wait for their time, or for a slot.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    pub channel: Name<Channel>,
    /// `high`: of HIGH alerts; `held`: by quiet hours, or until a digest's time
    pub rank: Name<WaitingRank>,
    pub deliveries: i64,
    /// Those whose time has come
    pub due: i64,
    /// When the first of those became due
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_since: Option<Time>,
}

names! {
    /// In which order what waits goes out.
    pub enum WaitingRank {
        High = "high",
        Normal = "normal",
        Held = "held",
    }
}

/// Calls that are under way.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Sending {
    pub channel: Name<Channel>,
    pub deliveries: u64,
}

/// A process that lives.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    pub name: String,
    /// With commas between them
    pub roles: String,
    pub version: String,
    /// What it sends by
    pub channels: Vec<Name<Channel>>,
    pub started_at: Time,
    /// Milliseconds that its machine's clock is ahead of the database's; absent where there is one machine only
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
}
