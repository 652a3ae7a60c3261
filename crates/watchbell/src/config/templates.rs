//! `[templates]`: how messages are worded.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Templates {
    dir: String,
    sms_parts: u8,
}

impl Templates {
    /// The folder whose templates replace built-in ones.
    pub fn dir(&self) -> Option<&std::path::Path> {
        Some(self.dir.as_ref()).filter(|_| !self.dir.is_empty())
    }

    /// How many parts an SMS may have.
    pub fn sms_parts(&self) -> usize {
        self.sms_parts.into()
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        at.check((1..=10).contains(&self.sms_parts), "sms_parts", "must be 1 to 10: longer messages come in pieces, or not at all");
        if let Some(dir) = self.dir() {
            at.check(dir.is_dir(), "dir", "must be the name of a folder that is there, or empty for the built-in templates");
        }
    }
}
