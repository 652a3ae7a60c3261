//! What a tool reports of one alert, before anything of the configuration was applied to it.

use serde_json::{Map, Value};

/// One report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub what: What,
    /// What the tool tells its alerts apart by: the same for an alert's beginning and end.
    pub alert_id: String,
    /// What makes the report the same one when it comes again; None: each request is a report of its own.
    pub identity: Option<String>,
    /// When it happened, as the tool writes it.
    pub at: Option<Value>,
    /// What was reported; templates stand above these.
    pub summary: Option<String>,
    pub details: Option<String>,
    pub url: Option<String>,
    pub priority: Option<String>,
    pub labels: Map<String, Value>,
    pub annotations: Map<String, Value>,
    /// Whom the tool itself names.
    pub responders: Vec<String>,
    /// Who acknowledged or resolved it.
    pub actor: Option<String>,
    /// The part of the payload that is about this alert.
    pub alert: Value,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Fired,
    Acknowledged,
    /// Nobody has it any more.
    Released,
    Resolved,
    /// Others are to know of it as well: those whom it names.
    Called,
    /// It says something else from now on: what of it is given.
    Changed,
}

impl Report {
    pub fn new(what: What, alert_id: impl Into<String>) -> Self {
        Self {
            what,
            alert_id: alert_id.into(),
            identity: None,
            at: None,
            summary: None,
            details: None,
            url: None,
            priority: None,
            labels: Map::new(),
            annotations: Map::new(),
            responders: Vec::new(),
            actor: None,
            alert: Value::Null,
        }
    }
}

/// A member's text, if it is one and says something.
pub(crate) fn text(object: &Value, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A member's object; empty where there is none.
pub(crate) fn members(object: &Value, name: &str) -> Map<String, Value> {
    object.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The first of these members that says something.
pub(crate) fn first_text(object: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text_of(object.get(*name)?))
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
