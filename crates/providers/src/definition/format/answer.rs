//! What its answers mean.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Conditions;

/// What codes mean, each list of one class: numbers, texts, and ranges of numbers such as `"200-299"`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Codes {
    /// A passing fault.
    pub retry: Vec<Value>,
    /// The recipient cannot be reached this way, ever.
    pub bad_address: Vec<Value>,
    /// This message will never be accepted.
    pub bad_message: Vec<Value>,
    /// Nor will it here, but another provider may manage.
    pub bad_route: Vec<Value>,
    /// Credentials, billing, suspension: nothing goes through this provider now.
    pub provider_down: Vec<Value>,
}

/// What an answer means. It has one of `outcome` and `codes`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub conditions: Conditions,
    #[serde(default)]
    pub outcome: Option<AnswerOutcome>,
    /// The name of the table that says what the code means. Where the table does not know the code, the rule does not apply. A
    /// status that passes (429, 5xx) is never made permanent by a code.
    #[serde(default)]
    pub codes: Option<String>,
    /// The place of the service's own code, which is kept with the attempt. Unless given, it is the HTTP status.
    #[serde(default)]
    pub code: Option<String>,
    /// A code of the definition's own instead.
    #[serde(default)]
    pub code_as: Option<String>,
    /// Of `accepted`: the place of the message's id, or `none` where the service names none. An answer that should name it and
    /// does not is `unknown`.
    #[serde(default)]
    pub message_id: Option<String>,
    /// Of `retry`: not before then. A `Retry-After` or `X-RateLimit-Reset` header counts without it.
    #[serde(default)]
    pub after: Option<After>,
    /// Of `retry`: what is held up. Unless given, `provider` with status 429, else `message`.
    #[serde(default)]
    pub scope: Option<Scope>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerOutcome {
    Accepted,
    Retry,
    BadAddress,
    BadMessage,
    BadRoute,
    ProviderDown,
    /// It may have been taken or not.
    Unknown,
}

/// How long to wait.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// So many seconds.
    Seconds(u32),
    /// The place of a number of seconds.
    SecondsAt(String),
    /// The place of a number of milliseconds.
    MillisecondsAt(String),
    /// The place of a time in seconds since 1970.
    EpochAt(String),
    /// The place of an HTTP date.
    DateAt(String),
    /// The day's end in UTC.
    MidnightUtc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Message,
    Recipient,
    Provider,
}
