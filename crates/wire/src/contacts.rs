//! Where users can be reached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::contact::{ContactKind, ContactStatus};

use crate::{Name, Time};

/// Where a user can be reached.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WatchbellContact")]
pub struct Contact {
    pub id: i64,
    pub kind: Name<ContactKind>,
    pub target: String,
    pub primary: bool,
    pub status: Name<ContactStatus>,
    /// Of a phone number
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
}

/// A contact to be made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "WatchbellContactPost")]
pub struct NewContact {
    pub kind: Name<ContactKind>,
    /// An address, a number, a chat, or a URL: what the kind is written to
    #[schemars(length(min = 1, max = 2_048))]
    pub target: String,
    /// Of a phone number: ISO 3166 alpha-2, such as DE
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
}

/// What a contact becomes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "WatchbellContactPut")]
pub struct ReplacedContact {
    /// May be given, but not changed
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Name<ContactKind>>,
    /// An address, a number, a chat, or a URL: what the kind is written to
    #[schemars(length(min = 1, max = 2_048))]
    pub target: String,
    /// Of a phone number: ISO 3166 alpha-2, such as DE
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
}

/// A code is on its way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartedVerification {
    pub expires_at: Time,
}

/// The code that arrived.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationCode {
    #[schemars(length(min = 1, max = 32))]
    pub code: String,
}

/// What a webhook's messages are signed with.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct SigningSecret {
    pub secret: String,
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// An admin's word on a contact.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactStatusPut {
    pub status: Name<ContactStatus>,
}

/// A link that opens the Telegram bot, with a token that says who opens it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TelegramLink {
    pub url: String,
    /// The same to be read by a phone: a QR code as SVG
    pub qr_svg: String,
    pub expires_at: Time,
}

impl std::fmt::Debug for TelegramLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TelegramLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
