//! The surface's part of the OpenAPI document.

use serde_json::{Value, json};
use watchbell_core::preference::{Digest, NotificationAction, NotificationStatus};

use super::MOUNT;
use crate::openapi::schema::{array, boolean, closed, described, int64, names, nullable, object, of, string, text, time};
use crate::openapi::{Failures, Operation, Part};

const PREFERENCES: &str = "Messaging preferences";
const NOTIFICATIONS: &str = "In-app notifications";

pub(crate) fn part() -> Part {
    let failures = Failures { always: &[401, 403, 429, 500, 503], schema: error() };
    let mut part = Part::new("Messaging", MOUNT, json!([{ "bearer": [] }, { "basic": [] }]), failures);
    part.tag(PREFERENCES, "Messaging: the caller's own, by category. The key is bound to a user.");
    part.tag(NOTIFICATIONS, "Messaging: what the caller was told in the app");
    preferences(&mut part);
    notifications(&mut part);
    part
}

fn error() -> Value {
    let error = object([
        ("code!", string()),
        ("type!", names(["api_error", "idempotency_error", "invalid_request_error"])),
        ("message!", string()),
        ("param!", nullable(string())),
        ("doc_url!", string()),
        ("is_transient!", boolean()),
        ("quota!", json!({ "type": "null" })),
        ("request_log_url!", json!({ "type": "null" })),
    ]);
    object([("error!", error)])
}

fn list(items: &Value) -> Value {
    let info = object([
        ("next_page_url!", nullable(string())),
        ("previous_page_url!", nullable(string())),
        ("has_next_page!", boolean()),
        ("has_prev_page!", boolean()),
    ]);
    object([("object!", names(["list"])), ("page_info!", info), ("data!", array(items))])
}

fn digest() -> Value {
    names(Digest::ALL.iter().map(|digest| digest.as_str()))
}

fn preferences(part: &mut Part) {
    part.schema(
        "NotificationPreference",
        object([
            ("id!", string()),
            ("object!", names(["notification_preference"])),
            ("category!", nullable(string())),
            ("in_app_enabled!", boolean()),
            ("email_enabled!", boolean()),
            ("push_enabled!", boolean()),
            ("digest!", digest()),
            ("created_at!", time()),
            ("updated_at!", time()),
        ]),
    );
    part.schema(
        "NotificationPreferencePut",
        closed([
            ("category", described(nullable(text(1, 255)), "Null or left out: the default for all without one of their own")),
            ("in_app_enabled!", boolean()),
            ("email_enabled!", boolean()),
            ("push_enabled!", boolean()),
            ("digest", described(digest(), "How email is batched; instant unless told")),
        ]),
    );
    part.add(Operation::get("/preferences", "List the caller's preferences").of(PREFERENCES).answers(
        200,
        "Those that were set",
        list(&of("NotificationPreference")),
    ));
    let example =
        json!({ "category": "chat.mention", "in_app_enabled": true, "email_enabled": true, "push_enabled": false, "digest": "daily" });
    part.add(
        Operation::put("/preferences", "Set a preference")
            .of(PREFERENCES)
            .says("Replaces it outright.")
            .takes(of("NotificationPreferencePut"), example)
            .answers(200, "The preference", of("NotificationPreference")),
    );
}

fn notifications(part: &mut Part) {
    let statuses = || names(NotificationStatus::ALL.iter().map(|status| status.as_str()));
    part.schema(
        "Notification",
        object([
            ("id!", string()),
            ("object!", names(["notification"])),
            ("category!", nullable(string())),
            ("title!", string()),
            ("body!", string()),
            ("url!", nullable(string())),
            ("status!", statuses()),
            ("created_at!", time()),
            ("seen_at!", nullable(time())),
            ("read_at!", nullable(time())),
            ("dismissed_at!", nullable(time())),
        ]),
    );
    part.add(
        Operation::get("/notifications", "List the caller's notifications")
            .of(NOTIFICATIONS)
            .says("Newest first, without what was dismissed unless it is asked for.")
            .query("cursor", "As next_page_url and previous_page_url have it", string())
            .query("limit", "How many to list", json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }))
            .query("category", "Only those of a category", string())
            .query("status", "Only those of a status", statuses())
            .answers(200, "A page", list(&of("Notification"))),
    );
    let count = object([("object!", names(["unread_count"])), ("unread_count!", int64())]);
    part.add(
        Operation::get("/notifications/unread-count", "Count the caller's unread notifications")
            .of(NOTIFICATIONS)
            .answers(200, "How many", count),
    );
    part.add(
        Operation::get("/notifications/stream", "Hear of new notifications as they come")
            .of(NOTIFICATIONS)
            .says("Server-sent events, each a notification with its id; a client that was away goes on after Last-Event-ID.")
            .header("Last-Event-ID", "The id of the last event that was seen", string())
            .answers_as(200, "The stream, until either side ends it", "text/event-stream", string())
            .fails(&[400]),
    );
    let marked = object([("object!", names(["mark_all_seen"])), ("updated_count!", int64())]);
    part.add(
        Operation::post("/notifications/actions/mark-all-seen", "Mark all of the caller's notifications as seen")
            .of(NOTIFICATIONS)
            .answers(200, "How many were not", marked),
    );
    let mut action = names(NotificationAction::ALL.iter().map(|action| action.as_str()));
    action["example"] = "read".into();
    part.add(
        Operation::post("/notifications/{id}/actions/{action}", "Say what the caller did with a notification")
            .of(NOTIFICATIONS)
            .path("id", "The notification's id", json!({ "type": "string", "example": "01KAFX8M00ABCDEFGHJKMNPQRS" }))
            .path("action", "seen, read or dismiss", action)
            .answers(200, "The notification", of("Notification")),
    );
}
