//! The surface's part of the OpenAPI document.

use serde_json::json;
use watchbell_core::preference::{Digest, NotificationAction, NotificationStatus};
use watchbell_wire::Nullable;
use watchbell_wire::messaging::{Error, List, MarkedAllSeen, Notification, Preference, PreferencePut, UnreadCount};

use super::MOUNT;
use crate::openapi::schema::{names, string};
use crate::openapi::{Failures, Operation, Part};

const PREFERENCES: &str = "Messaging preferences";
const NOTIFICATIONS: &str = "In-app notifications";

pub(crate) fn part() -> Part {
    let failures = Failures::of::<Error>(&[401, 403, 429, 500, 503]);
    let mut part = Part::new("Messaging", MOUNT, json!([{ "bearer": [] }, { "basic": [] }]), failures);
    part.tag(PREFERENCES, "Messaging: the caller's own, by category. The key is bound to a user.");
    part.tag(NOTIFICATIONS, "Messaging: what the caller was told in the app");
    preferences(&mut part);
    notifications(&mut part);
    part
}

fn preferences(part: &mut Part) {
    part.add(
        Operation::get("/preferences", "List the caller's preferences")
            .of(PREFERENCES)
            .returns::<List<Preference>>(200, "Those that were set"),
    );
    let example = PreferencePut {
        category: Some(Nullable::Value("chat.mention".to_owned())),
        in_app_enabled: true,
        email_enabled: true,
        push_enabled: false,
        digest: Some(Digest::Daily),
    };
    part.add(
        Operation::put("/preferences", "Set a preference")
            .of(PREFERENCES)
            .says("Replaces it outright.")
            .accepts(&example)
            .returns::<Preference>(200, "The preference"),
    );
}

fn notifications(part: &mut Part) {
    let statuses = || names(NotificationStatus::ALL.iter().map(|status| status.as_str()));
    part.add(
        Operation::get("/notifications", "List the caller's notifications")
            .of(NOTIFICATIONS)
            .says("Newest first, without what was dismissed unless it is asked for.")
            .query("cursor", "As next_page_url and previous_page_url have it", string())
            .query("limit", "How many to list", json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }))
            .query("category", "Only those of a category", string())
            .query("status", "Only those of a status", statuses())
            .returns::<List<Notification>>(200, "A page"),
    );
    part.add(
        Operation::get("/notifications/unread-count", "Count the caller's unread notifications")
            .of(NOTIFICATIONS)
            .returns::<UnreadCount>(200, "How many"),
    );
    part.add(
        Operation::get("/notifications/stream", "Hear of new notifications as they come")
            .of(NOTIFICATIONS)
            .says("Server-sent events, each a Notification with its id; a client that was away goes on after Last-Event-ID.")
            .header("Last-Event-ID", "The id of the last event that was seen", string())
            .answers_as(200, "The stream, until either side ends it", "text/event-stream", string())
            .fails(&[400]),
    );
    part.add(
        Operation::post("/notifications/actions/mark-all-seen", "Mark all of the caller's notifications as seen")
            .of(NOTIFICATIONS)
            .returns::<MarkedAllSeen>(200, "How many were not"),
    );
    let mut action = names(NotificationAction::ALL.iter().map(|action| action.as_str()));
    action["example"] = "read".into();
    part.add(
        Operation::post("/notifications/{id}/actions/{action}", "Say what the caller did with a notification")
            .of(NOTIFICATIONS)
            .path("id", "The notification's id", json!({ "type": "string", "example": "01KAFX8M00ABCDEFGHJKMNPQRS" }))
            .path("action", "seen, read or dismiss", action)
            .returns::<Notification>(200, "The notification"),
    );
}
