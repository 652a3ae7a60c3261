//! How our own surface says what is wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::events::AcceptedEvent;
use crate::name::names;

/// The body of every error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WatchbellError")]
pub struct Error {
    pub error: ErrorDetail,
}

/// What is wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WatchbellErrorDetail")]
pub struct ErrorDetail {
    pub code: Name<ErrorCode>,
    pub message: String,
    /// The field or parameter at fault, where there is one
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why an event cannot be used: bad_json, missing_field, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The contact that has this target already
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<i64>,
    /// The rules that use the contact
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_ids: Option<Vec<i64>>,
    /// What came of each event of a batch in which some contradict events that are known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<AcceptedEvent>>,
}

names! {
    /// The kinds of error.
    pub enum ErrorCode {
        BadRequest = "bad_request",
        Unauthenticated = "unauthenticated",
        Forbidden = "forbidden",
        NotFound = "not_found",
        MethodNotAllowed = "method_not_allowed",
        Timeout = "timeout",
        Conflict = "conflict",
        TooLarge = "too_large",
        UnsupportedMediaType = "unsupported_media_type",
        TooManyRequests = "too_many_requests",
        Internal = "internal",
        Unavailable = "unavailable",
    }
}
