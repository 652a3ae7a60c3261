//! `[events]`: how events are read.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    max_age_s: u32,
}

impl Events {
    pub fn max_age_s(self) -> i64 {
        i64::from(self.max_age_s)
    }

    pub fn validate(self, at: &mut Section<'_>) {
        at.check((60..=3_650 * 86_400).contains(&self.max_age_s), "max_age_s", "must be 60 to 315360000, ten years");
    }
}
