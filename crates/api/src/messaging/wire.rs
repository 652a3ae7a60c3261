//! Resources as this surface writes them: every key is always there.

use serde_json::{Value, json};
use watchbell_core::preference::Preference;
use watchbell_store::preferences::Notification;

use crate::problem::rfc3339;

pub(super) fn preference(preference: &Preference) -> Value {
    json!({
        "id": preference.id,
        "object": "notification_preference",
        "category": preference.category,
        "in_app_enabled": preference.wants.in_app,
        "email_enabled": preference.wants.email,
        "push_enabled": preference.wants.push,
        "digest": preference.wants.digest.as_str(),
        "created_at": rfc3339(preference.created_at),
        "updated_at": rfc3339(preference.updated_at),
    })
}

pub(super) fn notification(notification: &Notification) -> Value {
    json!({
        "id": notification.id.as_str(),
        "object": "notification",
        "category": notification.category,
        "title": notification.title,
        "body": notification.body,
        "url": notification.url,
        "status": status(notification),
        "created_at": rfc3339(notification.created_at),
        "seen_at": notification.seen_at.map(rfc3339),
        "read_at": notification.read_at.map(rfc3339),
        "dismissed_at": notification.dismissed_at.map(rfc3339),
    })
}

/// The furthest that it has come.
fn status(notification: &Notification) -> &'static str {
    match (notification.dismissed_at, notification.read_at, notification.seen_at) {
        (Some(_), ..) => "dismissed",
        (None, Some(_), _) => "read",
        (None, None, Some(_)) => "seen",
        (None, None, None) => "unseen",
    }
}
