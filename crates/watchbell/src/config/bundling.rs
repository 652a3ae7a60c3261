//! `[bundling]`: when messages to one address are put together.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundling {
    pub first: u32,
    pub window_s: u32,
    pub high_wait_s: u32,
}

impl Bundling {
    pub fn validate(&self, at: &mut Section<'_>) {
        at.check(self.first >= 1, "first", "must be 1 or more; a number beyond all messages turns bundling off");
        at.check((1..=86_400).contains(&self.window_s), "window_s", "must be 1 to 86400");
        at.check(self.high_wait_s <= self.window_s, "high_wait_s", "must be at most bundling.window_s");
    }
}
