//! Where push messages go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::device::DeviceKind;

use crate::{Name, Time};

/// A device that takes push messages.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    pub id: i64,
    pub kind: Name<DeviceKind>,
    /// Masked
    pub token: String,
    pub created_at: Time,
}

/// A device to be registered; also what an export has of one.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DevicePost")]
pub struct NewDevice {
    pub kind: Name<DeviceKind>,
    /// An FCM token, an APNs token in hex, or a push subscription's endpoint
    #[schemars(length(min = 1, max = 2_048))]
    pub token: String,
    /// A push subscription's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PushKeys>,
}

impl std::fmt::Debug for NewDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewDevice").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A push subscription's keys, in base64url.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushKeys {
    pub p256dh: String,
    pub auth: String,
}

impl std::fmt::Debug for PushKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushKeys")
    }
}

/// What browsers subscribe to push messages with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PushKey {
    /// The application server's public key, in base64url (RFC 8292); absent where no provider sends to browsers
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}
