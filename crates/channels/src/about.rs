//! What a message is about, for receivers that are programs: what the texts say, as data.

use serde::Serialize;
use watchbell_core::event::{EventData, Priority, UpdateStatus};
use watchbell_core::{EventId, UserId};
use watchbell_store::Scope;
use watchbell_store::queue::Job;

/// What is told; null is what a message of its kind has not.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The folder of its templates: alert, update, duty, …
    pub kind: &'static str,
    /// Of a bundle or digest: of the first that it tells.
    pub event_id: EventId,
    pub alert_id: Option<String>,
    /// Of an alert: it grows each time that it is opened again.
    pub round: Option<i64>,
    pub duty_id: Option<String>,
    /// What became of an alert, in an update.
    pub status: Option<UpdateStatus>,
    pub priority: Option<Priority>,
    pub category: Option<String>,
    pub labels: serde_json::Map<String, serde_json::Value>,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    pub id: UserId,
    pub name: String,
}

impl About {
    pub fn of(job: &Job, kind: &'static str) -> Self {
        let about = Self {
            kind,
            event_id: job.event_id.clone(),
            alert_id: None,
            round: match &job.scope {
                Scope::Alert { round, .. } => Some(*round),
                _ => None,
            },
            duty_id: None,
            status: None,
            priority: None,
            category: job.event.category().map(str::to_owned),
            labels: serde_json::Map::new(),
        };
        match job.event.as_ref() {
            EventData::Alert(alert) => {
                Self { alert_id: Some(alert.alert_id.clone()), priority: alert.priority, labels: alert.labels.clone(), ..about }
            }
            EventData::Update(update) => Self { alert_id: Some(update.alert_id.clone()), status: Some(update.status), ..about },
            EventData::Duty(duty) => Self { duty_id: Some(duty.duty_id.clone()), ..about },
            EventData::Subscription(_) | EventData::Verification(_) => about,
        }
    }
}
