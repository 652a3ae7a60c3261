//! The choices that an operator has in planning.

use serde::Deserialize;

/// Who without an alert rule gets one email.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FallbackEmail {
    #[default]
    All,
    /// For HIGH alerts only.
    High,
    Off,
}

/// The `[scheduler]` section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchedulerSettings {
    pub fallback_email: FallbackEmail,
    /// Seconds after a shift began in which a late reminder of it still goes out.
    pub duty_grace_s: i64,
    /// Seconds after its due time in which a step of an alert, or a message about one, still matters.
    pub alert_expiry_s: i64,
    /// When a daily digest goes out, on each user's own clock.
    pub daily_digest_at: jiff::civil::Time,
}

impl Default for SchedulerSettings {
    /// The design's figures; a grace of five minutes; daily digests at nine.
    fn default() -> Self {
        Self {
            fallback_email: FallbackEmail::All,
            duty_grace_s: 5 * 60,
            alert_expiry_s: 24 * 3_600,
            daily_digest_at: jiff::civil::time(9, 0, 0, 0),
        }
    }
}
