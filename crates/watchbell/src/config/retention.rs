//! `[retention]`: how long history is kept.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub deliveries_days: u32,
    pub events_days: u32,
    pub dead_letters_days: u32,
    pub audit_days: u32,
    pub open_alerts_days: u32,
}

impl Retention {
    pub fn validate(&self, at: &mut Section<'_>) {
        /// A hundred years.
        const LONGEST_DAYS: u32 = 36_500;
        let days = [
            ("deliveries_days", self.deliveries_days),
            ("events_days", self.events_days),
            ("dead_letters_days", self.dead_letters_days),
            ("audit_days", self.audit_days),
            ("open_alerts_days", self.open_alerts_days),
        ];
        for (name, days) in days {
            at.check((1..=LONGEST_DAYS).contains(&days), name, "must be 1 to 36500");
        }
    }
}
