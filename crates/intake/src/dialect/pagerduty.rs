//! PagerDuty's Events API v2 (its `api-schema`, read 08/2026), and the generic call of v1.
//!
//! A request has no time, and the same one may come again after the alert was resolved: then it is a new alert. So each request
//! is an event of its own, and what is open already is no second page.

use serde_json::{Map, Value, json};

use super::{Answer, Reading, Request, Taken, Unreadable, json_of};
use crate::report::{Report, What, members, text};

/// The whole payload of an event.
const MOST_BYTES: usize = 512_000;

/// The key that the body carries: `routing_key`, in v1 `service_key`.
pub(super) fn key(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    text(&body, "routing_key").or_else(|| text(&body, "service_key"))
}

pub(super) fn read(request: &Request<'_>) -> Result<Reading, Unreadable> {
    if request.body.len() > MOST_BYTES {
        return Err(Unreadable::new("the event has more than 512000 bytes"));
    }
    let payload = json_of(request).map_err(|_| Unreadable::new("JSON parse error"))?;
    if request.path.ends_with("change/enqueue") {
        return Ok(Reading::Nothing);
    }
    let action = text(&payload, "event_action").or_else(|| text(&payload, "event_type"));
    let what = match action.as_deref() {
        Some("trigger") => What::Fired,
        Some("acknowledge") => What::Acknowledged,
        Some("resolve") => What::Resolved,
        Some(_) => return Err(Unreadable::new("'event_action' must be one of trigger, acknowledge, resolve")),
        None => return Err(Unreadable::new("'event_action' is missing or blank")),
    };
    let Some(alert_id) = dedup_key(&payload).or_else(|| (what == What::Fired).then(|| made_key(request))) else {
        return Err(Unreadable::new("'dedup_key' is missing or blank"));
    };
    let report = match what {
        What::Fired => trigger(&payload, alert_id),
        what => Report { alert: payload.clone(), ..Report::new(what, alert_id) },
    };
    Ok(Reading::Reports { reports: vec![report], payload, unreadable: Vec::new() })
}

fn trigger(payload: &Value, alert_id: String) -> Report {
    // In v1 what v2 has in `payload` stands beside the key.
    let event = payload.get("payload").filter(|event| event.is_object()).unwrap_or(payload);
    let link = payload.get("links").and_then(Value::as_array).and_then(|links| links.iter().find_map(|link| text(link, "href")));
    let mut labels: Map<String, Value> = members(event, "custom_details");
    if labels.is_empty() {
        labels = members(event, "details");
    }
    labels.retain(|_, value| !value.is_object() && !value.is_array());
    for name in ["source", "component", "group", "class", "severity"] {
        if let Some(value) = text(event, name) {
            labels.insert(name.to_owned(), value.into());
        }
    }
    let details = event.get("custom_details").or_else(|| event.get("details")).map(written);
    Report {
        at: event.get("timestamp").filter(|at| !at.is_null()).cloned(),
        summary: text(event, "summary").or_else(|| text(event, "description")),
        details: details.filter(|details| !details.is_empty()),
        url: link.or_else(|| text(payload, "client_url")),
        priority: text(event, "severity"),
        labels,
        alert: event.clone(),
        ..Report::new(What::Fired, alert_id)
    }
}

/// Details as lines of text.
fn written(details: &Value) -> String {
    match details {
        Value::String(text) => text.trim().to_owned(),
        Value::Object(members) => {
            let line = |(name, value): (&String, &Value)| match value {
                Value::String(text) => format!("{name}: {}", text.trim()),
                other => format!("{name}: {other}"),
            };
            members.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn dedup_key(payload: &Value) -> Option<String> {
    text(payload, "dedup_key").or_else(|| text(payload, "incident_key"))
}

/// The key of an event that has none.
fn made_key(request: &Request<'_>) -> String {
    request.id.to_owned()
}

pub(super) fn accept(request: &Request<'_>, taken: &[Taken]) -> Answer {
    let key = taken.first().map(|taken| taken.alert_id.clone());
    let is_v1 = request.path.ends_with("create_event.json");
    let (status, name) = if is_v1 { (200, "incident_key") } else { (202, "dedup_key") };
    let mut body = json!({ "status": "success", "message": "Event processed" });
    if let Some(key) = key {
        body[name] = key.into();
    }
    Answer::new(status, body)
}

pub(super) fn refuse(status: u16, why: &str) -> Answer {
    let body = match (status, why) {
        (400, "JSON parse error") => {
            json!({ "status": "Unrecognized object", "message": "Event object format is unrecognized", "errors": [why] })
        }
        (400, _) => json!({ "status": "invalid event", "message": "Event object is invalid", "errors": [why] }),
        _ => json!({ "status": "error", "message": why, "errors": [why] }),
    };
    Answer::new(status, body)
}
