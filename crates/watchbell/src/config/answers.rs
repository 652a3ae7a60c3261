//! `[answers]`: how people answer what they were told.

use serde::Deserialize;
use watchbell_core::Secret;
use watchbell_core::answer_key::LEAST_KEY;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Empty: made once, and kept in the database.
    key: Secret,
    /// Whether messages that were sent say so, once somebody has answered.
    pub edit_messages: bool,
}

impl Answers {
    /// What tokens are made with, where the operator says it.
    pub fn key(&self) -> Option<&Secret> {
        Some(&self.key).filter(|key| !key.is_empty())
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        let is_long = self.key().is_none_or(|key| key.expose().len() >= LEAST_KEY);
        at.check(is_long, "key", "must be at least 24 characters, such as `openssl rand -hex 24` prints, or empty");
    }
}
