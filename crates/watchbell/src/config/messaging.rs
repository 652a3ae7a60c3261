//! `[messaging]`: the categories that users can speak of.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messaging {
    /// Handles of the categories that are there from the start.
    pub categories: Vec<String>,
}

impl Messaging {
    pub fn validate(&self, at: &mut Section<'_>) {
        /// As long as an event's category may be.
        const LONGEST: usize = 255;
        // It stands in paths and in sentences.
        let is_handle = |handle: &String| {
            (1..=LONGEST).contains(&handle.len()) && handle.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        let all = self.categories.iter().all(is_handle);
        at.check(all, "categories", "must be a list of names such as \"order.updated\": letters, digits, \".\", \"_\" and \"-\"");
        let distinct: BTreeSet<&String> = self.categories.iter().collect();
        at.check(distinct.len() == self.categories.len(), "categories", "must name each category once");
    }
}
