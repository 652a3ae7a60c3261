//! `[lease]`: how soon a crashed process is noticed.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    pub heartbeat_s: u32,
    pub lease_s: u32,
}

impl Lease {
    pub fn validate(&self, at: &mut Section<'_>) {
        at.check((1..=60).contains(&self.heartbeat_s), "heartbeat_s", "must be 1 to 60");
        let long = self.lease_s >= self.heartbeat_s.saturating_mul(2) && self.lease_s <= 600;
        at.check(long, "lease_s", "must be at least twice lease.heartbeat_s and at most 600");
    }
}
