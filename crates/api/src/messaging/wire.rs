//! What the store knows, as this surface writes it.

use watchbell_core::preference::{NotificationStatus, Preference};
use watchbell_store::preferences::Notification;
use watchbell_wire::messaging::{self as wire, NotificationObject, PreferenceObject};

pub(super) fn preference(preference: &Preference) -> wire::Preference {
    wire::Preference {
        id: preference.id.clone(),
        object: PreferenceObject::Preference.into(),
        category: preference.category.clone(),
        in_app_enabled: preference.wants.in_app,
        email_enabled: preference.wants.email,
        push_enabled: preference.wants.push,
        digest: preference.wants.digest.into(),
        created_at: preference.created_at.into(),
        updated_at: preference.updated_at.into(),
    }
}

pub(super) fn notification(notification: &Notification) -> wire::Notification {
    wire::Notification {
        id: notification.id.to_string(),
        object: NotificationObject::Notification.into(),
        category: notification.category.clone(),
        title: notification.title.clone(),
        body: notification.body.clone(),
        url: notification.url.clone(),
        status: status(notification).into(),
        created_at: notification.created_at.into(),
        seen_at: notification.seen_at.map(Into::into),
        read_at: notification.read_at.map(Into::into),
        dismissed_at: notification.dismissed_at.map(Into::into),
    }
}

/// The furthest that it has come.
fn status(notification: &Notification) -> NotificationStatus {
    match (notification.dismissed_at, notification.read_at, notification.seen_at) {
        (Some(_), ..) => NotificationStatus::Dismissed,
        (None, Some(_), _) => NotificationStatus::Read,
        (None, None, Some(_)) => NotificationStatus::Seen,
        (None, None, None) => NotificationStatus::Unseen,
    }
}
