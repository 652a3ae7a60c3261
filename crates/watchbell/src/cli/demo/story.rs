//! The story: an alert, a shift and a piece of news; then somebody accepts the alert.

use std::time::Duration;

use serde_json::json;
use watchbell_core::{Clock, SystemClock};

use super::nats::Publisher;
use super::team::Team;
use super::watch::Watch;
use super::{Error, output};

/// How long the team is let wait before Anna accepts: time enough to read what the alert did.
const BEFORE_ACCEPT: Duration = Duration::from_secs(6);
/// How long what an event does is shown before the next is told of.
const AFTER_EVENT: Duration = Duration::from_millis(1_500);

pub async fn tell(events: &Publisher, team: &Team, watch: &mut Watch) -> Result<(), Error> {
    let now = SystemClock.now();
    // A name of its own for each run, so that no run repeats another's events.
    let run = now.as_millis() / 1_000;
    let alert = format!("DEMO-{run}");
    let Team { anna, ben, cleo, .. } = team;

    scene("A HIGH alert for all three: checkout answers 500")?;
    let data = json!({
        "alertId": alert,
        "priority": "HIGH",
        "summary": "checkout: 38 % of requests fail with 500",
        "details": "Started with release 2026.11.3; the payment provider answers in time.",
        "url": "https://status.example.org/incidents/4711",
        "responders": [anna.to_string(), ben.to_string(), cleo.to_string()],
        "labels": { "service": "checkout" },
    });
    events.publish("alert", &format!("{alert}-raised"), &data).await?;
    watch.show_for(AFTER_EVENT).await?;

    scene("Cleo's shift begins in 15 minutes")?;
    let data = json!({
        "dutyId": format!("SHIFT-{run}"),
        "userId": cleo.to_string(),
        "startsAt": now.plus_s(15 * 60).to_string(),
        "endsAt": now.plus_s((15 + 8 * 60) * 60).to_string(),
        "schedule": "Checkout, first line",
        "status": "SCHEDULED",
    });
    events.publish("duty", &format!("SHIFT-{run}"), &data).await?;
    watch.show_for(AFTER_EVENT).await?;

    scene("News for who subscribed to it")?;
    let data = json!({
        "title": "Maintenance tonight",
        "message": "The database of checkout moves at 22:00 UTC; expect ten slow minutes.",
        "url": "https://status.example.org/maintenance/12",
        "users": [ben.to_string(), cleo.to_string()],
    });
    events.publish("subscription", &format!("NEWS-{run}"), &data).await?;
    watch.show_for(BEFORE_ACCEPT).await?;

    scene("Anna accepts the alert: nothing more of it goes out; the others are told, she is not")?;
    let data = json!({ "alertId": alert, "status": "ACCEPTED", "actor": anna.to_string() });
    events.publish("update", &format!("{alert}-accepted"), &data).await?;
    watch.show_for(AFTER_EVENT * 2).await?;
    Ok(())
}

fn scene(text: &str) -> Result<(), Error> {
    Ok(output::line(&format!("\n── {text}"))?)
}
