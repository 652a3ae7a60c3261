//! Who may call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::access::Role;

use crate::users::UserName;
use crate::{Name, Time};

/// An API key, without what is secret of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    pub id: i64,
    pub name: String,
    pub role: Name<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// Of a pair
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// The one intake that it is for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intake: Option<String>,
    pub created_at: Time,
    /// From then on it opens nothing; left out where it goes on until it is deleted
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was last used, to a minute
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Time>,
    /// From which address
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_from: Option<String>,
}

/// A key to be made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "KeyPost")]
pub struct NewKey {
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    #[schemars(with = "Name<Role>")]
    pub role: Role,
    /// Whose it is, by number, U… id or external id; needed for the role user
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
    /// Make a key pair, as the Notiflows surface takes it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pair: Option<bool>,
    /// Of a publisher: make a key for this `[intake.NAME]` alone, which opens nothing else
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intake: Option<String>,
    /// From then on it opens nothing; else it goes on until it is deleted
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// A key that was just made, with what opens by it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeyWithSecret")]
pub struct MadeKey {
    #[serde(flatten)]
    pub kept: Key,
    /// Shown here, and never again
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Likewise, of a pair
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
}

impl std::fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeKey").field("kept", &self.kept).finish_non_exhaustive()
    }
}
