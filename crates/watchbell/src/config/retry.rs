//! `[retry]`: when a failed attempt is made again.

use serde::Deserialize;
use watchbell_core::retry::RetryPolicy;

use super::problem::Section;

/// `[retry.high]` and `[retry.normal]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    pub high: RetryPolicy,
    pub normal: RetryPolicy,
}

impl Retry {
    pub fn validate(&self, at: &mut Section<'_>) {
        for (name, policy) in [("high", &self.high), ("normal", &self.normal)] {
            let mut at = at.inner(name);
            let waits = !policy.waits_s.is_empty() && policy.waits_s.iter().all(|wait_s| *wait_s > 0);
            at.check(waits, "waits_s", "must be a list of one or more waits, each 1 or more");
            at.check((1..=7 * 86_400).contains(&policy.window_s), "window_s", "must be 1 to 604800");
            at.check(policy.jitter_percent <= 50, "jitter_percent", "must be 0 to 50");
        }
    }
}
