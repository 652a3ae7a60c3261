//! From reports to events: the operator's templates, and what stands in where they say nothing.

use std::collections::BTreeSet;
use std::fmt;

use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value, json};
use watchbell_core::event::AlertData;
use watchbell_core::ids::digest;

use crate::dialect::Generic;
use crate::report::{Report, What};
use crate::settings::{Invalid, Settings};

/// A label by which an alert itself says whom it is for, separated by commas; it stands above the templates.
const RESPONDERS_LABEL: &str = "watchbell_responders";

/// The templates of one `[intake.NAME]`.
pub struct Mapping {
    name: String,
    templates: Environment<'static>,
    /// How many templates say whom an alert is for.
    responders: usize,
    default_responders: Vec<String>,
    generic: Generic,
}

/// What became of a request's reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// CloudEvents, ready to be decoded.
    pub events: Vec<Value>,
    /// Templates that could not be rendered for some of them, by their keys: what stands in for each was taken.
    pub failed: BTreeSet<String>,
}

/// The `source` of an intake's events.
pub fn source_of(intake: &str) -> String {
    format!("/watchbell/v1/intake/{intake}")
}

const FIELDS: [&str; 6] = ["priority", "category", "summary", "details", "url", "alert_id"];

impl Mapping {
    /// # Errors
    /// A setting that cannot be used, such as a template that is none.
    pub(crate) fn new(name: &str, settings: &Settings) -> Result<Self, Invalid> {
        settings.check()?;
        let mut templates = Environment::new();
        // A label that an alert does not have is an empty text, and what lies below it as well.
        templates.set_undefined_behavior(UndefinedBehavior::Chainable);
        let texts = [&settings.priority, &settings.category, &settings.summary, &settings.details, &settings.url, &settings.alert_id];
        for (key, text) in FIELDS.into_iter().zip(texts) {
            add(&mut templates, key, key, text)?;
        }
        for (at, text) in settings.responders.iter().enumerate() {
            add(&mut templates, "responders", &format!("responders.{at}"), text)?;
        }
        let trimmed = settings.default_responders.iter().map(|name| name.trim().to_owned());
        Ok(Self {
            name: name.to_owned(),
            templates,
            responders: settings.responders.len(),
            default_responders: trimmed.filter(|name| !name.is_empty()).collect(),
            generic: Generic::new(settings)?,
        })
    }

    pub(crate) fn generic(&self) -> &Generic {
        &self.generic
    }

    /// Who is told when nothing else says whom.
    pub fn default_responders(&self) -> &[String] {
        &self.default_responders
    }

    /// The event of each report, in their order. `request_id` tells this request from all others.
    pub fn events(&self, reports: &[Report], payload: &Value, request_id: &str) -> Events {
        let mut failed = BTreeSet::new();
        let event = |(at, report): (usize, &Report)| self.event(report, payload, &format!("{request_id}-{at}"), &mut failed);
        let events = reports.iter().enumerate().map(event).collect();
        Events { events, failed }
    }

    fn event(&self, report: &Report, payload: &Value, unique: &str, failed: &mut BTreeSet<String>) -> Value {
        let scope = scope(report, payload);
        let mut render = |template: &str| self.render(template, &scope, failed);
        let alert_id = render("alert_id").unwrap_or_else(|| report.alert_id.clone());
        let (kind, mut data) = match report.what {
            What::Fired => {
                let data = json!({
                    "alertId": alert_id,
                    "priority": render("priority").or_else(|| report.priority.clone()),
                    "category": render("category"),
                    "summary": render("summary").or_else(|| report.summary.clone()),
                    "details": render("details").or_else(|| report.details.clone()),
                    "url": render("url").or_else(|| report.url.clone()),
                    "responders": self.responders(report, &mut render),
                    "labels": report.labels,
                });
                ("alert", data)
            }
            What::Acknowledged => ("update", json!({ "alertId": alert_id, "status": "ACCEPTED", "actor": report.actor })),
            What::Released => {
                let responders = self.responders(report, &mut render);
                ("update", json!({ "alertId": alert_id, "status": "ESCALATED", "responders": responders }))
            }
            What::Called => ("update", json!({ "alertId": alert_id, "status": "ESCALATED", "responders": report.responders })),
            // What it does not say stays as it is: see [`Mapping::completed`].
            What::Changed => {
                let data = json!({
                    "alertId": alert_id,
                    "priority": report.priority,
                    "summary": report.summary,
                    "details": report.details,
                });
                ("alert", data)
            }
            What::Resolved => ("update", json!({ "alertId": alert_id, "status": "RESOLVED", "actor": report.actor })),
        };
        if let Value::Object(members) = &mut data {
            members.retain(|_, value| !value.is_null());
        }
        let mut event = Map::new();
        // What says the same is the same, whoever of a pair of senders repeats it.
        let id = report.identity.as_ref().map_or_else(|| unique.to_owned(), |identity| digest(&[identity, kind, &data.to_string()]));
        event.insert("specversion".to_owned(), "1.0".into());
        event.insert("id".to_owned(), id.into());
        event.insert("source".to_owned(), source_of(&self.name).into());
        event.insert("type".to_owned(), format!("watchbell.events.{kind}").into());
        if let Some(at) = &report.at {
            event.insert("time".to_owned(), at.clone());
        }
        event.insert("data".to_owned(), data);
        Value::Object(event)
    }

    /// Whom a report is for: what its label says, else what the templates make of it, else whom the tool names, else the default.
    fn responders(&self, report: &Report, render: &mut impl FnMut(&str) -> Option<String>) -> Vec<String> {
        let label = report.labels.get(RESPONDERS_LABEL).and_then(Value::as_str).map(str::to_owned);
        let mut named = split(label.as_deref().unwrap_or_default());
        if named.is_empty() {
            for at in 0..self.responders {
                named.extend(split(&render(&format!("responders.{at}")).unwrap_or_default()));
            }
        }
        if named.is_empty() {
            named.clone_from(&report.responders);
        }
        if named.is_empty() { self.default_responders.clone() } else { named }
    }

    /// What a template gives; None where it gives nothing, or fails: then what stands in for it counts.
    fn render(&self, template: &str, scope: &minijinja::Value, failed: &mut BTreeSet<String>) -> Option<String> {
        let Ok(text) = self.templates.get_template(template).and_then(|template| template.render(scope)) else {
            failed.insert(template.to_owned());
            return None;
        };
        // A null of the payload is written as "none".
        Some(text.trim().to_owned()).filter(|text| !text.is_empty() && text != "none")
    }

    /// An event that changes an alert, with all that it does not say as the alert's last event said it.
    pub fn completed(event: &Value, before: &AlertData) -> Value {
        let mut completed = event.clone();
        let mut data = serde_json::to_value(before).unwrap_or_default();
        for (name, value) in event["data"].as_object().into_iter().flatten() {
            data[name] = value.clone();
        }
        completed["data"] = data;
        completed
    }

    /// The same alert for the default responders, for an alert whose own do not exist; None for what is no alert, or theirs already.
    pub fn to_default_responders(&self, event: &Value) -> Option<Value> {
        let named = event["data"]["responders"].as_array()?;
        if named.iter().map(Value::as_str).eq(self.default_responders.iter().map(|name| Some(name.as_str()))) {
            return None;
        }
        let mut event = event.clone();
        event["id"] = format!("{}-default", event["id"].as_str()?).into();
        event["data"]["responders"] = json!(self.default_responders);
        Some(event)
    }
}

/// What templates see.
fn scope(report: &Report, payload: &Value) -> minijinja::Value {
    let mut scope = json!({
        "alert_id": report.alert_id,
        "summary": report.summary,
        "details": report.details,
        "url": report.url,
        "priority": report.priority,
        "labels": report.labels,
        "annotations": report.annotations,
        "alert": report.alert,
        "payload": payload,
    });
    if let Value::Object(members) = &mut scope {
        members.retain(|_, value| !value.is_null());
    }
    minijinja::Value::from(minijinja::value::Serde(&scope))
}

/// Adds a template. What names a filter, test or function that does not exist shows only when it is rendered, so it is tried on
/// an alert that says nothing; what else fails then may well succeed on one that says something.
fn add(templates: &mut Environment<'static>, key: &'static str, name: &str, text: &str) -> Result<(), Invalid> {
    let no_template = |error: &minijinja::Error| Invalid { key, wrong: format!("is no template: {}", error.kind()) };
    templates.add_template_owned(name.to_owned(), text.to_owned()).map_err(|error| no_template(&error))?;
    let tried = templates.get_template(name).and_then(|template| template.render(()));
    let is_unknown =
        |kind| matches!(kind, ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod);
    tried.err().filter(|error| is_unknown(error.kind())).map_or(Ok(()), |error| Err(no_template(&error)))
}

fn split(names: &str) -> Vec<String> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("name", &self.name).finish_non_exhaustive()
    }
}
