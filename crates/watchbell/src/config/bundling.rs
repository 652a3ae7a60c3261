//! `[bundling]`: when messages to one address are put together.

pub use watchbell_store::throttle::Bundling;

use super::problem::Section;

pub fn validate(bundling: &Bundling, at: &mut Section<'_>) {
    let most = "must be 0 to 1000; 0 turns bundling off";
    at.check(bundling.first <= 1_000, "first", most);
    at.check((1..=1_000).contains(&bundling.first_calls), "first_calls", "must be 1 to 1000");
    at.check((1..=86_400).contains(&bundling.window_s), "window_s", "must be 1 to 86400");
    at.check(bundling.high_wait_s <= bundling.window_s, "high_wait_s", "must be at most bundling.window_s");
}
