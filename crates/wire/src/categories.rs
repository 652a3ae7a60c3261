//! What events are of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::Channel;

use crate::{Name, Time};

/// What events are of; a notiflow is one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Category {
    pub id: String,
    /// As events name it
    pub handle: String,
    pub name: String,
    /// Where its subscription events go without any rule, at each user's first usable address
    pub default_channels: Vec<Name<Channel>>,
    pub created_at: Time,
}

/// What a category becomes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CategoryPut {
    /// Its handle unless told
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// Where its subscription events go without any rule, at each user's first usable address
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_channels: Option<Vec<Name<Channel>>>,
}
