//! The events' data: their schemas, and an example of each.

use serde_json::{Value, json};
use watchbell_core::event::EventKind;
use watchbell_wire::event_data::{AlertEventData, DutyEventData, SubscriptionEventData, UpdateEventData};
use watchbell_wire::schema;

/// The schema of a kind's data: what is right, and what else is taken for it. What is optional and of no use is left out of the
/// event, not refused.
pub(crate) fn data(kind: EventKind) -> Value {
    let (reference, mut schemas) = match kind {
        EventKind::Alert => schema::of::<AlertEventData>(),
        EventKind::Update => schema::of::<UpdateEventData>(),
        EventKind::Duty => schema::of::<DutyEventData>(),
        EventKind::Subscription => schema::of::<SubscriptionEventData>(),
        // Never published.
        EventKind::Verification => return json!(false),
    };
    // All that the type is made of stands in it, so its own schema is the only one.
    let name = reference["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    schemas.remove(name).unwrap_or(reference)
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
