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
    }
}

/// A registered device. A token belongs to one user: registering it again moves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub id: DeviceId,
    pub user_id: UserId,
    pub kind: DeviceKind,
    /// FCM registration token, APNs device token, or a Web Push endpoint.
    pub token: String,
    /// Web Push only: `p256dh` and `auth` as the browser gave them, as JSON.
    pub keys: Option<String>,
    pub created_at: Timestamp,
}
