//! The events' data, as the decoder reads them.

use serde_json::{Value, json};
use watchbell_core::event::{DutyStatus, EventKind, Priority, UpdateStatus};

use crate::openapi::schema::{array, described, free, int64, names, object, string, text, time};

/// The schema of a kind's data: what is right, and what else is taken for it. What is optional and of no use is left out of the
/// event, not refused.
pub(crate) fn data(kind: EventKind) -> Value {
    match kind {
        EventKind::Alert => alert(),
        EventKind::Update => update(),
        EventKind::Duty => duty(),
        EventKind::Subscription => subscription(),
        // Never published.
        EventKind::Verification => json!(false),
    }
}

/// Data that are accepted, for a user with the number 1.
pub(crate) fn example(kind: EventKind) -> Value {
    match kind {
        EventKind::Alert => json!({
            "alertId": "1042",
            "priority": "HIGH",
            "summary": "db-1: disk 97 % full",
            "url": "https://grafana.example.org/d/1042",
            "responders": [1],
            "labels": { "host": "db-1" },
        }),
        EventKind::Update => json!({ "alertId": "1042", "status": "ACCEPTED", "actor": 1 }),
        EventKind::Duty => json!({
            "dutyId": "2026-W48-primary",
            "userId": 1,
            "startsAt": "2026-11-23T08:00:00Z",
            "endsAt": "2026-11-30T08:00:00Z",
            "schedule": "Primary",
            "status": "SCHEDULED",
        }),
        EventKind::Subscription => json!({
            "title": "Maintenance on Sunday",
            "message": "The database is down from 2 to 3 in the morning.",
            "topic": "releases",
        }),
        EventKind::Verification => Value::Null,
    }
}

fn user() -> Value {
    json!({ "description": "A user's number, U… id or external id (which is no whole number)", "anyOf": [int64(), text(1, 255)] })
}

fn users(description: &str) -> Value {
    described(array(&user()), &format!("{description}. One user alone is taken for a list."))
}

fn id(description: &str) -> Value {
    let description = format!("{description}. A number is its digits; a longer text is cut and gets a digest.");
    json!({ "description": description, "anyOf": [text(1, 255), int64()] })
}

fn category() -> Value {
    id("The category that switches and preferences are for")
}

fn url() -> Value {
    json!({ "type": "string", "format": "uri", "maxLength": 2048, "description": "http or https; messages link to it. What no address has is percent-encoded." })
}

fn alert() -> Value {
    object([
        ("alertId", id("The alert's own id; updates name it. Without one the alert is called after its event")),
        (
            "priority",
            described(names(Priority::ALL.iter().map(|priority| priority.as_str())), "In any case; HIGH if it is missing or another"),
        ),
        ("summary", described(string(), "Cut after 4,000 characters; the alert's id if it is missing")),
        ("details", described(string(), "Cut after 64 KiB")),
        ("url", url()),
        ("responders!", users("Whose rules are planned; at least one")),
        ("category", category()),
        ("labels", described(free(), "Shown as name=value")),
    ])
}

fn update() -> Value {
    object([
        ("alertId!", id("Of the alert")),
        ("status!", described(names(UpdateStatus::PUBLISHED.iter().map(|status| status.as_str())), "In any case")),
        ("actor", described(user(), "Who did it; they are not told")),
        ("responders", users("New ones, on ESCALATED")),
        ("notify", users("Who is told beside everyone who was a responder")),
    ])
}

fn duty() -> Value {
    object([
        ("dutyId", id("The shift's own id: the same one again moves or cancels it. Without one it is known by schedule, user and start")),
        ("userId!", user()),
        ("startsAt!", described(time(), "Also without an offset, in UTC, or as seconds or milliseconds since 1970")),
        ("endsAt!", described(time(), "After startsAt")),
        ("schedule", described(string(), "The name of the schedule; the shift's id if it is missing")),
        ("status", described(names(DutyStatus::ALL.iter().map(|status| status.as_str())), "In any case; SCHEDULED if it is missing")),
    ])
}

fn subscription() -> Value {
    object([
        ("title", described(string(), "Cut after 4,000 characters; the message's first line if it is missing")),
        ("message", described(string(), "Cut after 64 KiB; the title if it is missing. One of the two is needed")),
        ("url", url()),
        ("users", users("For whom it is; without a topic, at least one")),
        ("topic", id("For whose members it is, beside users or in their place")),
        ("category", category()),
    ])
}
