//! `[worker]`: what a worker serves and how it stops.

use std::collections::BTreeSet;

use serde::Deserialize;
use watchbell_core::Channel;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Empty is all.
    pub channels: BTreeSet<Channel>,
    pub drain_s: u32,
}

impl Worker {
    pub fn validate(&self, at: &mut Section<'_>) {
        at.check(self.drain_s <= 3_600, "drain_s", "must be 0 to 3600");
    }
}
