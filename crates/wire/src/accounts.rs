//! Who is who in chats that several people see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::contact::ContactKind;

use crate::{Name, Time};

/// An account of a user's at a service: whoever presses a button with it acts as that user.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WatchbellAccount")]
pub struct Account {
    pub service: Name<ContactKind>,
    /// Its id, as the service gives it, such as U024BE7LH
    pub account: String,
    pub created_at: Time,
}

/// An account to be linked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "WatchbellAccountPut")]
pub struct AccountPut {
    #[schemars(length(min = 1, max = 255))]
    pub account: String,
}
