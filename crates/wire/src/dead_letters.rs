//! Events, or parts of them, that could not be used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::decode::RejectReason;

use crate::{Name, Time};

/// An event that could not be used, or not all of it, and why.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    pub id: i64,
    pub subject: String,
    pub reason: Name<RejectReason>,
    pub detail: String,
    pub received_at: Time,
    pub created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed_at: Option<Time>,
}

/// A dead letter with what came over the wire.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterWithOriginal {
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// Names with their values
    pub headers: Vec<[String; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// In its place where it is not UTF-8
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
}

/// What came of playing dead letters again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayedDeadLetters {
    pub replayed: u64,
    pub failed: Vec<UnusableDeadLetter>,
    /// Pass it as cursor to go on; left out when there are no more
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A dead letter that still cannot be used.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UnusableDeadLetter {
    pub id: i64,
    pub message: String,
}

/// How many dead letters were deleted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeletedDeadLetters {
    pub deleted: u64,
}
