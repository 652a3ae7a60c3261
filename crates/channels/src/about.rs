//! What a delivery is about, for receivers that are programs.

use watchbell_core::event::EventData;
use watchbell_providers::provider::About;
use watchbell_store::Scope;
use watchbell_store::queue::Job;

/// `kind` is the folder of its templates.
pub fn about(job: &Job, kind: &'static str) -> About {
    let about = About {
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
            About { alert_id: Some(alert.alert_id.clone()), priority: alert.priority, labels: alert.labels.clone(), ..about }
        }
        EventData::Update(update) => About { alert_id: Some(update.alert_id.clone()), status: Some(update.status), ..about },
        EventData::Duty(duty) => About { duty_id: Some(duty.duty_id.clone()), ..about },
        EventData::Subscription(_) | EventData::Verification(_) => about,
    }
}
