//! Prometheus Alertmanager's webhook, version 4 (its `docs/configuration.md`, `notify/webhook`; read for 0.34).
//!
//! A notification tells of a group. Each of its alerts says for itself whether it fires: the group's status is "firing" while
//! any does. An alert that began again has another `startsAt`, and is another alert here.

use serde_json::{Map, Value};
use watchbell_core::ids::digest;

use super::{Reading, Unreadable};
use crate::report::{Report, What, first_text, members, text};

pub(super) fn read(payload: &Value) -> Result<Reading, Unreadable> {
    read_as(payload, |alert, fingerprint| match text(alert, "startsAt") {
        Some(starts_at) => format!("{fingerprint}-{starts_at}"),
        None => fingerprint.to_owned(),
    })
}

/// Reads a payload of this shape; `alert_id` says what tells its alerts apart, given their fingerprint.
pub(super) fn read_as(payload: &Value, alert_id: impl Fn(&Value, &str) -> String) -> Result<Reading, Unreadable> {
    let alerts = payload.get("alerts").and_then(Value::as_array).ok_or_else(|| Unreadable::new("alerts is missing; it must be a list"))?;
    if alerts.is_empty() {
        return Err(Unreadable::new("alerts is empty"));
    }
    let (mut reports, mut unreadable) = (Vec::with_capacity(alerts.len()), Vec::new());
    for (at, alert) in alerts.iter().enumerate() {
        if alert.is_object() {
            reports.push(report(payload, alert, &alert_id));
        } else {
            unreadable.push(format!("alerts[{at}] is no object"));
        }
    }
    // What was cut off is not known, so it counts as firing: whoever is told of the group is told that there is more of it.
    let cut = payload.get("truncatedAlerts").and_then(Value::as_u64).unwrap_or_default();
    if let Some(report) = reports.iter_mut().find(|report| report.what == What::Fired).filter(|_| cut > 0) {
        let summary = report.summary.take().unwrap_or_else(|| report.alert_id.clone());
        report.summary = Some(format!("{summary} (and {cut} more of its group that were not sent)"));
    }
    if reports.is_empty() {
        return Err(Unreadable::new("alerts holds no object"));
    }
    Ok(Reading::Reports { reports, payload: payload.clone(), unreadable })
}

fn report(payload: &Value, alert: &Value, alert_id: &impl Fn(&Value, &str) -> String) -> Report {
    let labels = with_defaults(members(alert, "labels"), payload, "commonLabels");
    let annotations = with_defaults(members(alert, "annotations"), payload, "commonAnnotations");
    let status = text(alert, "status").or_else(|| text(payload, "status")).unwrap_or_default();
    // Nothing that is uncertain counts as over.
    let what = if status.eq_ignore_ascii_case("resolved") { What::Resolved } else { What::Fired };
    let fingerprint = text(alert, "fingerprint").unwrap_or_else(|| digest(&[&Value::Object(labels.clone()).to_string()]));
    let at = match what {
        What::Resolved => time(alert, "endsAt"),
        _ => time(alert, "startsAt"),
    };
    let name = first_text(&labels, &["alertname", "rulename"]);
    let summary = first_text(&annotations, &["summary", "title", "message"]).or_else(|| {
        let place = first_text(&labels, &["instance", "service", "job"]);
        name.clone().map(|name| place.map_or_else(|| name.clone(), |place| format!("{name} on {place}")))
    });
    let url = ["panelURL", "dashboardURL", "generatorURL"].iter().find_map(|name| text(alert, name));
    let identity = format!("{fingerprint} {} {}", text(alert, "startsAt").unwrap_or_default(), at.as_deref().unwrap_or_default());
    Report {
        identity: Some(identity),
        at: at.map(Value::String),
        summary,
        details: first_text(&annotations, &["description", "details", "runbook_url"]),
        url: url.or_else(|| text(payload, "externalURL")),
        priority: first_text(&labels, &["severity", "priority", "og_priority"]),
        labels,
        annotations,
        alert: alert.clone(),
        ..Report::new(what, alert_id(alert, &fingerprint))
    }
}

/// What all alerts of a group have in common may be said only once.
fn with_defaults(mut own: Map<String, Value>, payload: &Value, common: &str) -> Map<String, Value> {
    for (name, value) in members(payload, common) {
        own.entry(name).or_insert(value);
    }
    own
}

/// A time; the year 1 stands for none.
fn time(alert: &Value, name: &str) -> Option<String> {
    text(alert, name).filter(|time| !time.starts_with("0001-"))
}
