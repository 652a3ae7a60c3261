//! Users.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Nullable, Time};

/// A user, with what they have said about when and how they read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WatchbellUser")]
pub struct User {
    pub id: i64,
    /// `U…`, as the OnCall surface shows it
    pub public_id: String,
    /// What publishers name the user by
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    pub timezone: String,
    pub locale: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<QuietHours>")]
    pub quiet_hours: Option<watchbell_core::user::Hours>,
    pub custom_fields: Map<String, Value>,
    #[schemars(with = "UserProfile")]
    pub profile: watchbell_core::user::Profile,
    pub created_at: Time,
    pub updated_at: Time,
}

/// What is to be changed of a user; what is left out stays.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "WatchbellUserChange")]
pub struct UserChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub last_name: Option<String>,
    /// An IANA time zone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// A BCP 47 tag
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Nullable<QuietHours>>")]
    pub quiet_hours: Option<Nullable<watchbell_core::user::Hours>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Nullable<ShortName>>")]
    pub external_id: Option<Nullable<String>>,
}

/// The schema of a name of 1 to 255 characters in a request.
#[derive(Debug)]
pub enum ShortName {}

impl JsonSchema for ShortName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ShortName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 255 })
    }
}

/// In the user's time zone. Everything but HIGH alerts is held, and released as one message an address when they end.
///
/// The schema of [`watchbell_core::user::Hours`], as requests may write it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(
    description = "In the user's time zone. Everything but HIGH alerts is held, and released as one message an address when they end"
)]
pub struct QuietHours {
    #[schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"))]
    pub start: String,
    #[schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"))]
    pub end: String,
    /// ISO weekdays, 1 is Monday; left out or empty: every day
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(range(min = 1, max = 7)))]
    pub days: Vec<i64>,
}

/// The schema of [`watchbell_core::user::Profile`].
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(description = "What an organisation says about a user's place in it")]
pub struct UserProfile {
    /// USER, ADMIN, STAKEHOLDER, …; gives no rights
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub shift_color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// A user as a body names one: by number, or by `U…` id or external id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UserName {
    Number(i64),
    Text(String),
}

impl JsonSchema for UserName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "UserName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A user's number, U… id or external id",
            "anyOf": [{ "type": "integer", "format": "int64" }, { "type": "string", "minLength": 1, "maxLength": 255 }],
        })
    }
}
