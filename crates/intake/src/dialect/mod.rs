//! The languages of monitoring tools: what each sends, and what it takes for an answer.

mod alertmanager;
mod email;
mod generic;
mod grafana;
mod opsgenie;
mod pagerduty;

use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::generic::Generic;
use crate::form;
use crate::report::Report;

/// What a tool speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Prometheus Alertmanager's webhook, version 4; also vmalert's, Mimir's and Loki's rulers.
    Alertmanager,
    /// Grafana's webhook of its unified alerting.
    Grafana,
    /// PagerDuty's Events API v2, and v1's generic call.
    PagerDuty,
    /// Opsgenie's Alert API v2.
    Opsgenie,
    /// Any JSON, form or query, by templates.
    Generic,
    /// A mail, as it stands on the wire.
    Email,
}

/// A request to an intake.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Below the intake and the key, decoded, without slashes at its ends.
    pub path: &'a str,
    pub query: &'a [(String, String)],
    /// In lower case; empty where there is none.
    pub media_type: &'a str,
    pub body: &'a [u8],
    /// Tells this request from all others.
    pub id: &'a str,
}

/// What a request was read as.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    Reports {
        reports: Vec<Report>,
        /// The whole, for templates.
        payload: Value,
        /// What of a batch cannot be read, each a sentence; the rest is taken.
        unreadable: Vec<String>,
    },
    /// The client wants to know something.
    Asks(Question),
    /// Something that the original takes and that means nothing here.
    Nothing,
}

/// What clients ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What became of a request, by the id that its answer had.
    Request(String),
    Alert(String),
}

/// A payload that is none of the tool's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Unreadable {
    /// A sentence for whoever sent it; quotes nothing of the payload.
    pub detail: String,
}

impl Unreadable {
    pub(crate) fn new(detail: impl Into<String>) -> Self {
        Self { detail: detail.into() }
    }
}

/// What became of a report's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub alert_id: String,
    /// The event's id: 128 bits in base 32.
    pub event_id: String,
    pub duplicate: bool,
    pub planned: usize,
}

/// What the client is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, body, headers: Vec::new() }
    }
}

impl Dialect {
    /// Whether the key may stand in the body, as the tool has no other place for it.
    pub fn has_key_in_body(self) -> bool {
        self == Self::PagerDuty
    }

    /// The key that a body carries.
    pub fn key_in_body(self, body: &[u8]) -> Option<String> {
        self.has_key_in_body().then(|| pagerduty::key(body)).flatten()
    }

    /// Whether a path below the intake begins with a key, and not with what the tool itself adds to its URL.
    pub fn is_key(self, segment: &str) -> bool {
        !matches!(segment, "" | "v1" | "v2" | "generic")
    }

    pub(crate) fn read(self, request: &Request<'_>, generic: &Generic) -> Result<Reading, Unreadable> {
        match self {
            Self::Alertmanager => alertmanager::read(&json_of(request)?),
            Self::Grafana => grafana::read(&json_of(request)?),
            Self::PagerDuty => pagerduty::read(request),
            Self::Opsgenie => opsgenie::read(request),
            Self::Generic => generic.read(&payload_of(request)?),
            Self::Email => email::read(request.body, generic),
        }
    }

    /// The answer once all is stored.
    pub fn accept(self, request: &Request<'_>, taken: &[Taken], unreadable: &[String]) -> Answer {
        match self {
            Self::PagerDuty => pagerduty::accept(request, taken),
            Self::Opsgenie => opsgenie::accept(request, taken),
            Self::Alertmanager | Self::Grafana | Self::Generic | Self::Email => {
                let event = |taken: &Taken| json!({ "id": taken.event_id, "alertId": taken.alert_id, "duplicate": taken.duplicate, "planned": taken.planned });
                let events: Vec<Value> = taken.iter().map(event).collect();
                Answer::new(202, json!({ "events": events, "unreadable": unreadable }))
            }
        }
    }

    /// The answer to what is not taken, in the original's form; None: its senders look at the status alone.
    pub fn refuse(self, status: u16, why: &str, request_id: &str) -> Option<Answer> {
        match self {
            Self::PagerDuty => Some(pagerduty::refuse(status, why)),
            Self::Opsgenie => Some(opsgenie::refuse(status, why, request_id)),
            Self::Alertmanager | Self::Grafana | Self::Generic | Self::Email => None,
        }
    }

    /// The event that a question about a request is about.
    pub fn event_of(request_id: &str) -> Option<String> {
        opsgenie::event_of(request_id)
    }

    /// The answer to a question, which only Opsgenie's clients ask; None: there is nothing of that name.
    pub fn tell(question: &Question, found: Option<&Found>, request_id: &str) -> Answer {
        opsgenie::tell(question, found, request_id)
    }
}

/// What is known of what a client asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub alert_id: String,
    /// Of a request: whether it was about an alert that was there.
    pub is_update: bool,
    pub state: State,
    /// Of an alert.
    pub summary: Option<String>,
    /// RFC 3339.
    pub at: String,
}

/// How an alert stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Open,
    Acknowledged,
    Closed,
}

/// A JSON body; a form's field that holds one does as well.
fn json_of(request: &Request<'_>) -> Result<Value, Unreadable> {
    match payload_of(request)? {
        value @ (Value::Object(_) | Value::Array(_)) => Ok(value),
        _ => Err(Unreadable::new("the body must be a JSON object")),
    }
}

/// Whatever a request carries as data: JSON, a form, or, without a body, its query.
fn payload_of(request: &Request<'_>) -> Result<Value, Unreadable> {
    let is_form = request.media_type == "application/x-www-form-urlencoded";
    if request.body.is_empty() {
        let fields = request.query.iter().filter(|(name, _)| name != "key").cloned();
        return Ok(form::object(fields));
    }
    let text = String::from_utf8_lossy(request.body);
    let text = text.trim_start_matches('\u{feff}').trim_matches(['\0', ' ', '\r', '\n', '\t']);
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(_) if is_form => Ok(form::object(form::fields(request.body))),
        Err(error) => Err(Unreadable::new(format!("the body is no JSON (line {}, column {})", error.line(), error.column()))),
    }
}
