//! The four kinds' data, as the design's table lists them. Unknown fields are ignored.

use serde_json::{Map, Value};

use super::fields::{Cut, Fields, Problems, bad, missing};
use super::{EventSettings, RejectReason, Undecodable};
use crate::event::{
    AlertData, DutyData, DutyStatus, EventData, EventKind, Priorities, Priority, SubscriptionData, UpdateData, UpdateStatus,
};
use crate::ids::digest;

/// Longer summaries and titles are cut: no channel shows more.
const SUMMARY: Cut = Cut::Chars(4_000);
/// Longer details and messages are cut, so that one event cannot fill mailboxes.
const DETAILS: Cut = Cut::Bytes(64 * 1024);

/// Reads the data; `identity` is the event's.
pub(super) fn read(
    kind: EventKind,
    data: Map<String, Value>,
    identity: &str,
    settings: &EventSettings,
    problems: &mut Problems,
) -> Result<EventData, Undecodable> {
    let fields = Fields::new(data, problems);
    match kind {
        EventKind::Alert => alert(fields, identity, &settings.priorities).map(EventData::Alert),
        EventKind::Update => update(fields).map(EventData::Update),
        EventKind::Duty => duty(fields).map(EventData::Duty),
        EventKind::Subscription => subscription(fields).map(EventData::Subscription),
        EventKind::Verification => Err(Undecodable::new(RejectReason::UnknownKind, "verifications cannot be published")),
    }
}

/// An alert that says whom to tell is told, whatever else of it is missing.
fn alert(mut fields: Fields<'_>, identity: &str, priorities: &Priorities) -> Result<AlertData, Undecodable> {
    let responders = fields.responders("responders").ok_or_else(|| missing("responders"))?;
    if responders.is_empty() {
        return Err(bad("responders", "must name at least one user or group"));
    }
    let alert_id = fields.optional_id("alertId").unwrap_or_else(|| {
        fields.note("alertId is missing; the alert is called after its event, and no update can name it");
        format!("event-{}", digest(&[identity]))
    });
    let priority = fields.optional_name("priority", "must be HIGH or LOW", |name| priorities.read(name)).unwrap_or_else(|| {
        fields.note("priority is missing or unknown; taken for HIGH");
        Priority::High
    });
    let summary = fields.optional_text("summary", SUMMARY).unwrap_or_else(|| {
        fields.note("summary is missing; the alert's id stands in");
        alert_id.clone()
    });
    Ok(AlertData {
        alert_id,
        priority: Some(priority),
        summary,
        responders,
        details: fields.optional_text("details", DETAILS),
        url: fields.optional_url("url"),
        category: fields.optional_id("category"),
        labels: fields.optional_object("labels"),
    })
}

fn update(mut fields: Fields<'_>) -> Result<UpdateData, Undecodable> {
    Ok(UpdateData {
        alert_id: fields.required_id("alertId")?,
        status: fields.required_name("status", "must be ACCEPTED, RESOLVED or ESCALATED", |name| {
            name.parse().ok().filter(|status| UpdateStatus::PUBLISHED.contains(status))
        })?,
        actor: fields.optional_user("actor"),
        responders: fields.responders("responders").unwrap_or_default(),
        notify: fields.users("notify").unwrap_or_default(),
        summary: None,
        actor_name: None,
        answer: None,
        follow_up: None,
        url: None,
    })
}

fn duty(mut fields: Fields<'_>) -> Result<DutyData, Undecodable> {
    let (user_id, starts_at, ends_at) =
        (fields.required_user("userId")?, fields.required_time("startsAt")?, fields.required_time("endsAt")?);
    if starts_at >= ends_at {
        return Err(bad("endsAt", "must be after startsAt"));
    }
    let schedule = fields.optional_text("schedule", Cut::Chars(255));
    let duty_id = fields.optional_id("dutyId").unwrap_or_else(|| {
        fields.note("dutyId is missing; the shift is known by its schedule, user and start");
        format!("shift-{}", digest(&[schedule.as_deref().unwrap_or_default(), &user_id, &starts_at.to_string()]))
    });
    let status = fields.given_name("status", "must be SCHEDULED or CANCELLED", |name| match name {
        // Both spellings are English.
        "CANCELED" => Some(DutyStatus::Cancelled),
        name => name.parse().ok(),
    })?;
    let status = status.unwrap_or_else(|| {
        fields.note("status is missing; taken for SCHEDULED");
        DutyStatus::Scheduled
    });
    let schedule = schedule.unwrap_or_else(|| {
        fields.note("schedule is missing; the shift's id stands in");
        duty_id.clone()
    });
    Ok(DutyData { duty_id, user_id, starts_at, ends_at, schedule, status })
}

fn subscription(mut fields: Fields<'_>) -> Result<SubscriptionData, Undecodable> {
    let (title, message) = match (fields.optional_text("title", SUMMARY), fields.optional_text("message", DETAILS)) {
        (Some(title), Some(message)) => (title, message),
        (Some(title), None) => {
            fields.note("message is missing; the title stands in");
            (title.clone(), title)
        }
        (None, Some(message)) => {
            fields.note("title is missing; the message's first line stands in");
            let line = message.trim().lines().next().unwrap_or_default();
            (line.chars().take(200).collect(), message)
        }
        (None, None) => return Err(missing("title")),
    };
    let users = fields.users("users");
    let topic = fields.optional_id("topic");
    if topic.is_none() && users.as_ref().is_none_or(Vec::is_empty) {
        return Err(if users.is_none() {
            missing("users or topic")
        } else {
            bad("users", "must name at least one user, or topic be given")
        });
    }
    Ok(SubscriptionData {
        title,
        message,
        users: users.unwrap_or_default(),
        topic,
        url: fields.optional_url("url"),
        category: fields.optional_id("category"),
        fingerprint: None,
        run: None,
    })
}
