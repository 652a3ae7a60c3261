//! The four kinds' data, as the design's table lists them. Unknown fields are ignored.

use serde_json::{Map, Value};

use super::fields::{Cut, Fields, Problems, bad, missing};
use super::{Reason, Undecodable};
use crate::event::{AlertData, DutyData, EventData, EventKind, SubscriptionData, UpdateData};

/// Longer summaries and titles are cut: no channel shows more.
const SUMMARY: Cut = Cut::Chars(4_000);
/// Longer details and messages are cut, so that one event cannot fill mailboxes.
const DETAILS: Cut = Cut::Bytes(64 * 1024);

pub(super) fn read(kind: EventKind, data: Map<String, Value>, problems: &mut Problems) -> Result<EventData, Undecodable> {
    let fields = Fields::new(data, problems);
    match kind {
        EventKind::Alert => alert(fields).map(EventData::Alert),
        EventKind::Update => update(fields).map(EventData::Update),
        EventKind::Duty => duty(fields).map(EventData::Duty),
        EventKind::Subscription => subscription(fields).map(EventData::Subscription),
        EventKind::Verification => Err(Undecodable::new(Reason::UnknownKind, "verifications cannot be published")),
    }
}

fn alert(mut fields: Fields<'_>) -> Result<AlertData, Undecodable> {
    Ok(AlertData {
        alert_id: fields.required_id("alertId")?,
        priority: Some(fields.required_name("priority", "must be HIGH or LOW")?),
        summary: fields.required_text("summary", SUMMARY)?,
        responders: {
            let responders = fields.users("responders").ok_or_else(|| missing("responders"))?;
            if responders.is_empty() {
                return Err(bad("responders", "must name at least one user"));
            }
            responders
        },
        details: fields.optional_text("details", DETAILS),
        url: fields.optional_url("url"),
        category: fields.optional_id("category"),
        labels: fields.optional_object("labels"),
    })
}

fn update(mut fields: Fields<'_>) -> Result<UpdateData, Undecodable> {
    Ok(UpdateData {
        alert_id: fields.required_id("alertId")?,
        status: fields.required_name("status", "must be ACCEPTED, RESOLVED or ESCALATED")?,
        actor: fields.optional_user("actor"),
        responders: fields.users("responders").unwrap_or_default(),
        notify: fields.users("notify").unwrap_or_default(),
        summary: None,
        actor_name: None,
        url: None,
    })
}

fn duty(mut fields: Fields<'_>) -> Result<DutyData, Undecodable> {
    let duty = DutyData {
        duty_id: fields.required_id("dutyId")?,
        user_id: fields.required_user("userId")?,
        starts_at: fields.required_time("startsAt")?,
        ends_at: fields.required_time("endsAt")?,
        schedule: fields.required_text("schedule", Cut::Chars(255))?,
        status: fields.required_name("status", "must be SCHEDULED or CANCELLED")?,
    };
    if duty.starts_at < duty.ends_at { Ok(duty) } else { Err(bad("endsAt", "must be after startsAt")) }
}

fn subscription(mut fields: Fields<'_>) -> Result<SubscriptionData, Undecodable> {
    let title = fields.required_text("title", SUMMARY)?;
    let message = fields.required_text("message", DETAILS)?;
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
    })
}
