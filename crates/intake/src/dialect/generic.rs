//! Any payload, by templates: for tools that let their users write what is sent, and for those that nobody else speaks to.

use std::fmt;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::{Map, Value};

use super::{Reading, Unreadable};
use crate::report::{Report, What};
use crate::settings::{Invalid, Settings};

/// Names of alerts' ends and acknowledgements in the languages of many tools. Everything else means that it fires: nothing that
/// is uncertain counts as over.
const RESOLVED: [&str; 13] =
    ["resolved", "resolve", "ok", "up", "recovered", "recovery", "closed", "close", "success", "succeeded", "normal", "healthy", "green"];
const ACKNOWLEDGED: [&str; 5] = ["acknowledged", "acknowledge", "acknowledgement", "ack", "accepted"];

/// What a generic intake reads by.
pub(crate) struct Generic {
    /// The names of members, from the outermost; empty: the payload is one alert.
    alerts: Vec<String>,
    when: Option<String>,
    templates: Environment<'static>,
}

impl Generic {
    pub fn new(settings: &Settings) -> Result<Self, Invalid> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Chainable);
        let no_template = |key| move |error: minijinja::Error| Invalid { key, wrong: format!("is no template: {}", error.kind()) };
        templates.add_template_owned("status", settings.status.clone()).map_err(no_template("status"))?;
        templates.add_template_owned("alert_id", settings.alert_id.clone()).map_err(no_template("alert_id"))?;
        let when = Some(settings.when.trim().to_owned()).filter(|when| !when.is_empty());
        if let Some(when) = &when {
            let checked = templates.compile_expression(when).map(|_| ());
            checked.map_err(|error| Invalid { key: "when", wrong: format!("is no expression: {}", error.kind()) })?;
        }
        let alerts = settings.alerts.split('.').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(Self { alerts, when, templates })
    }

    pub fn read(&self, payload: &Value) -> Result<Reading, Unreadable> {
        let mut at = payload;
        for name in &self.alerts {
            at = at.get(name).ok_or_else(|| Unreadable::new(format!("{} is missing", self.alerts.join("."))))?;
        }
        let alerts = match at {
            Value::Array(alerts) => alerts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let (mut reports, mut unreadable) = (Vec::with_capacity(alerts.len()), Vec::new());
        for (place, alert) in alerts.iter().enumerate() {
            match self.report(alert, payload) {
                Ok(report) => reports.extend(report),
                Err(why) => unreadable.push(format!("alert {place} {why}")),
            }
        }
        if reports.is_empty() && !unreadable.is_empty() {
            return Err(Unreadable::new(unreadable.join("; ")));
        }
        if reports.is_empty() {
            return Ok(Reading::Nothing);
        }
        Ok(Reading::Reports { reports, payload: payload.clone(), unreadable })
    }

    /// None: the condition says that it does not count.
    fn report(&self, alert: &Value, payload: &Value) -> Result<Option<Report>, String> {
        let labels = labels(alert);
        let scope = context! { alert => Serde(alert), payload => Serde(payload), labels => Serde(&labels) };
        if !self.counts(&scope) {
            return Ok(None);
        }
        let alert_id = self.render("alert_id", &scope)?;
        if alert_id.is_empty() || alert_id == "none" {
            return Err("has no id: the template alert_id gives nothing for it".to_owned());
        }
        let what = self.what(&scope).unwrap_or(What::Fired);
        Ok(Some(Report { labels, alert: alert.clone(), ..Report::new(what, alert_id) }))
    }

    /// Whether the condition lets it count. One that fails holds nothing back.
    pub(super) fn counts(&self, scope: &minijinja::Value) -> bool {
        let Some(when) = &self.when else { return true };
        self.templates.compile_expression(when).and_then(|when| when.eval(scope)).map_or(true, |holds| holds.is_true())
    }

    /// What the template for it says became of an alert; None where it says nothing.
    pub(super) fn what(&self, scope: &minijinja::Value) -> Option<What> {
        let status = self.render("status", scope).ok().filter(|status| !status.is_empty())?.to_ascii_lowercase();
        Some(if RESOLVED.contains(&status.as_str()) {
            What::Resolved
        } else if ACKNOWLEDGED.contains(&status.as_str()) {
            What::Acknowledged
        } else {
            What::Fired
        })
    }

    fn render(&self, name: &str, scope: &minijinja::Value) -> Result<String, String> {
        let rendered = self.templates.get_template(name).and_then(|template| template.render(scope));
        rendered.map(|text| text.trim().to_owned()).map_err(|error| format!("cannot be read: {name}: {}", error.kind()))
    }
}

/// An alert's own `labels`, else its plain members.
fn labels(alert: &Value) -> Map<String, Value> {
    let Some(members) = alert.as_object() else { return Map::new() };
    match members.get("labels") {
        Some(Value::Object(labels)) => labels.clone(),
        _ => members.iter().filter(|(_, value)| !value.is_object() && !value.is_array()).map(|(k, v)| (k.clone(), v.clone())).collect(),
    }
}

impl fmt::Debug for Generic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generic").field("alerts", &self.alerts).finish_non_exhaustive()
    }
}
