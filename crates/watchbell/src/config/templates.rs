//! `[templates]`: how messages are worded.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Templates {
    dir: String,
}

impl Templates {
    /// The folder whose templates replace built-in ones.
    pub fn dir(&self) -> Option<&std::path::Path> {
        Some(self.dir.as_ref()).filter(|_| !self.dir.is_empty())
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        if let Some(dir) = self.dir() {
            at.check(dir.is_dir(), "dir", "must be the name of a folder that is there, or empty for the built-in templates");
        }
    }
}
