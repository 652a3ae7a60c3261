//! `[retention]`: how long history is kept.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub deliveries_days: u32,
    pub events_days: u32,
}

impl Retention {
    pub fn validate(&self, at: &mut Section<'_>) {
        /// A hundred years.
        const LONGEST_DAYS: u32 = 36_500;
        at.check((1..=LONGEST_DAYS).contains(&self.deliveries_days), "deliveries_days", "must be 1 to 36500");
        at.check((1..=LONGEST_DAYS).contains(&self.events_days), "events_days", "must be 1 to 36500");
    }
}
