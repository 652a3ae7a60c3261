//! Whom an event for a topic is for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::users::UserName;

/// A member of a topic.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TopicMember")]
pub struct Member {
    /// The user's number
    pub id: i64,
}

/// Users who become members, all of them or none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TopicMembersPut")]
pub struct NewMembers {
    #[schemars(length(max = 1_000))]
    pub users: Vec<UserName>,
}

/// A topic, as events and members name it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    pub name: String,
    /// When it had its first member
    pub created_at: Time,
}
