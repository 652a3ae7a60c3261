//! `[canary]`: how often an event of Watchbell's own goes the whole way.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// 0: never by itself.
    pub every_s: u32,
}

impl Canary {
    pub fn validate(&self, at: &mut Section<'_>) {
        let is_fine = self.every_s == 0 || (10..=86_400).contains(&self.every_s);
        at.check(is_fine, "every_s", "must be 10 to 86400, or 0 for never");
    }
}
