//! What an event says without a template.

use watchbell_core::event::{EventData, Priority, UpdateStatus};
use watchbell_core::text::visible;

/// Whether it is a HIGH alert.
pub(super) fn is_high(event: &EventData) -> bool {
    matches!(event, EventData::Alert(alert) if alert.priority == Some(Priority::High))
}

/// The event's page. Other schemes than the web's do not become links, and characters that nobody sees are written so that they are.
pub(super) fn web_url(event: &EventData) -> Option<String> {
    let url = match event {
        EventData::Alert(alert) => alert.url.as_deref(),
        EventData::Update(update) => update.url.as_deref(),
        EventData::Subscription(subscription) => subscription.url.as_deref(),
        EventData::Duty(_) | EventData::Verification(_) => None,
    }?;
    let is_plain = !url.chars().any(|c| c.is_whitespace() || c.is_control());
    let is_web = is_plain && (url.starts_with("https://") || url.starts_with("http://"));
    if is_web && visible(url) != url { url::Url::parse(url).ok().map(String::from) } else { is_web.then(|| url.to_owned()) }
}

/// What an event says when no template can say it.
pub(super) fn plain_sentence(event: &EventData) -> String {
    match event {
        EventData::Alert(alert) if is_high(event) => format!("HIGH: {}", alert.summary),
        EventData::Alert(alert) => alert.summary.clone(),
        EventData::Update(update) => {
            let status = match update.status {
                UpdateStatus::Accepted => "Accepted",
                UpdateStatus::Resolved => "Resolved",
                UpdateStatus::Escalated => "Escalated",
                UpdateStatus::Declined => "Declined",
            };
            format!("{status}: {}", update.summary.as_deref().unwrap_or(&update.alert_id))
        }
        EventData::Duty(duty) => format!("On call: {}, {} to {}", duty.schedule, duty.starts_at, duty.ends_at),
        EventData::Subscription(subscription) => format!("{}: {}", subscription.title, subscription.message),
        EventData::Verification(verification) => format!("Verification code: {}", verification.code.expose()),
    }
}
