//! Who calls, and signing in with a browser.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::access::Role;

use crate::{Name, Time};

/// What a key, or the session of a browser, may do and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    pub key_id: i64,
    pub role: Name<Role>,
    /// The user that the key is bound to
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Of a browser's session: when it ends by itself
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_expires_at: Option<Time>,
}

/// What a browser signs in with.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct SignIn {
    /// An API key; no pair
    pub key: String,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn")
    }
}
