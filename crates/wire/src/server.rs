//! What tells about the server itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::name::names;

/// The process runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Liveness {
    pub status: Name<Alive>,
}

/// Whether everything is there that a request, or an event, needs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    pub status: Name<Ready>,
    pub database: Name<Up>,
    pub nats: Name<NatsUp>,
    /// How far this machine's clock is ahead of the database's, which all processes go by; negative where it is behind. Absent on
    /// SQLite
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
}

names! {
    pub enum Alive {
        Ok = "ok",
    }

    pub enum Ready {
        Ready = "ready",
        NotReady = "not ready",
    }

    pub enum Up {
        Up = "up",
        Down = "down",
    }

    /// Off where NATS is not configured.
    pub enum NatsUp {
        Up = "up",
        Down = "down",
        Off = "off",
    }
}
