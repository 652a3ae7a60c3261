//! `/v1/messaging`: a user's own preferences and in-app notifications. Every member of an answer is always there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::preference::{Digest, NotificationStatus};

use crate::name::names;
use crate::{Name, Nullable, Time};

/// A list, or a page of one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct List<T> {
    pub object: Name<ListObject>,
    pub page_info: PageInfo,
    pub data: Vec<T>,
}

/// Where a page stands among the others.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PageInfo {
    pub next_page_url: Option<String>,
    pub previous_page_url: Option<String>,
    pub has_next_page: bool,
    pub has_prev_page: bool,
}

/// What a user wants of a category; without a category, of all that have none of their own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NotificationPreference")]
pub struct Preference {
    pub id: String,
    pub object: Name<PreferenceObject>,
    pub category: Option<String>,
    pub in_app_enabled: bool,
    pub email_enabled: bool,
    pub push_enabled: bool,
    pub digest: Name<Digest>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// What a preference becomes, outright.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NotificationPreferencePut")]
pub struct PreferencePut {
    /// Null or left out: the default for all without one of their own
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub category: Option<Nullable<String>>,
    pub in_app_enabled: bool,
    pub email_enabled: bool,
    pub push_enabled: bool,
    /// How email is batched; instant unless told
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name<Digest>>")]
    pub digest: Option<Digest>,
}

/// What a user was told in the app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Notification {
    pub id: String,
    pub object: Name<NotificationObject>,
    pub category: Option<String>,
    pub title: String,
    pub body: String,
    pub url: Option<String>,
    /// The furthest that it has come
    pub status: Name<NotificationStatus>,
    pub created_at: Time,
    pub seen_at: Option<Time>,
    pub read_at: Option<Time>,
    pub dismissed_at: Option<Time>,
}

/// How many notifications are unread.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UnreadCount {
    pub object: Name<UnreadCountObject>,
    pub unread_count: i64,
}

/// How many notifications were marked as seen.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MarkedAllSeen {
    pub object: Name<MarkedAllSeenObject>,
    pub updated_count: u64,
}

/// The body of every error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MessagingError")]
pub struct Error {
    pub error: ErrorDetail,
}

/// What is wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MessagingErrorDetail")]
pub struct ErrorDetail {
    pub code: String,
    #[serde(rename = "type")]
    pub kind: Name<ErrorKind>,
    pub message: String,
    /// The field or parameter at fault
    pub param: Option<String>,
    /// What explains the code
    pub doc_url: String,
    /// Whether the same request may work later
    pub is_transient: bool,
    pub quota: (),
    pub request_log_url: (),
}

names! {
    pub enum ListObject {
        List = "list",
    }

    pub enum PreferenceObject {
        Preference = "notification_preference",
    }

    pub enum NotificationObject {
        Notification = "notification",
    }

    pub enum UnreadCountObject {
        UnreadCount = "unread_count",
    }

    pub enum MarkedAllSeenObject {
        MarkedAllSeen = "mark_all_seen",
    }

    /// The kinds of error.
    pub enum ErrorKind {
        Api = "api_error",
        Idempotency = "idempotency_error",
        InvalidRequest = "invalid_request_error",
    }
}
