//! `[scheduler]`: what planning leaves to the operator.

use serde::Deserialize;
pub use watchbell_scheduler::FallbackEmail;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduler {
    pub fallback_email: FallbackEmail,
    pub duty_grace_s: u32,
    pub alert_expiry_s: u32,
    daily_digest_at: String,
}

impl Scheduler {
    /// Local time of a daily digest.
    pub fn daily_digest_at(&self) -> jiff::civil::Time {
        parse_time(&self.daily_digest_at).unwrap_or_default()
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        at.check(self.duty_grace_s <= 86_400, "duty_grace_s", "must be 0 to 86400");
        at.check((60..=30 * 86_400).contains(&self.alert_expiry_s), "alert_expiry_s", "must be 60 to 2592000");
        at.check(parse_time(&self.daily_digest_at).is_some(), "daily_digest_at", "must be a time of day such as 09:00");
    }
}

fn parse_time(text: &str) -> Option<jiff::civil::Time> {
    let (hour, minute) = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
    jiff::civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}
