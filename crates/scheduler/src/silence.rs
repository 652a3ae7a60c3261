//! Whether the tool that an alert came from is to be silent about it: while somebody has the alert.

use watchbell_core::event::{Event, EventData};
use watchbell_store::facts::history::What;
use watchbell_store::facts::{Alert, AlertState, Facts};
use watchbell_store::silences::Silence;

use crate::settings::SchedulerSettings;

/// Who accepted an alert, where that is nobody who is known.
const SOMEBODY: &str = "somebody";

/// What an event that makes `after` of an alert says to the tool; None where that is what it said before.
pub fn of(event: &Event, facts: &Facts, after: &Alert, settings: &SchedulerSettings) -> Option<Silence> {
    let before = facts.alert.as_ref().map(|alert| alert.state);
    match (before == Some(AlertState::Accepted), after.state == AlertState::Accepted) {
        (false, true) => {
            let told = |happened: &&watchbell_store::facts::history::Happened| matches!(happened.what, What::Alert { .. });
            let intake = after.history.iter().rev().filter(told).find_map(|happened| settings.silences.get(&happened.at.source))?;
            Some(Silence::Wanted { alert_id: after.id.clone(), intake: intake.clone(), author: author(event, facts) })
        }
        (true, false) => Some(Silence::Over { alert_id: after.id.clone() }),
        _ => None,
    }
}

fn author(event: &Event, facts: &Facts) -> String {
    let EventData::Update(data) = &event.data else { return SOMEBODY.to_owned() };
    let policy = data.actor.as_deref().and_then(|name| facts.policy(name));
    policy.map(|policy| policy.user.display_name()).or_else(|| data.actor.clone()).unwrap_or_else(|| SOMEBODY.to_owned())
}
