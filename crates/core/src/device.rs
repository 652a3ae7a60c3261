//! Devices that take push messages.

use crate::channel::named_enum;
use crate::ids::{DeviceId, UserId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

named_enum! {
    /// Which push service a device's token belongs to.
    pub enum DeviceKind ("device kind") {
        Fcm = "fcm",
        Apns = "apns",
        Webpush = "webpush",
        /// A topic of an ntfy server.
        Ntfy = "ntfy",
        /// An application of a user on a Gotify server.
        Gotify = "gotify",
        /// A user or a group of Pushover.
        Pushover = "pushover",
    }
}

/// A registered device. A token belongs to one user: registering it again moves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub id: DeviceId,
    pub user_id: UserId,
    pub kind: DeviceKind,
    /// FCM registration token, APNs device token, Web Push endpoint, ntfy topic, Gotify application token, or Pushover user or group key.
    pub token: String,
    /// Web Push only: `p256dh` and `auth` as the browser gave them, as JSON.
    pub keys: Option<String>,
    pub created_at: Timestamp,
}
