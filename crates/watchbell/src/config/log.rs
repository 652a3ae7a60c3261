//! `[log]`: what Watchbell says of itself.

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// As tracing's `EnvFilter` reads it.
    pub level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Log {
    pub fn validate(&self, at: &mut Section<'_>) {
        let understood = tracing_subscriber::EnvFilter::try_new(&self.level).is_ok();
        // A lone word that is no level would be taken for a module's name and silence everything else.
        let words = ["off", "error", "warn", "info", "debug", "trace"];
        let lone = self.level.split(',').filter(|part| !part.contains(['=', '['])).all(|part| words.contains(&part.trim()));
        at.check(
            understood && lone,
            "level",
            "must be error, warn, info, debug or trace, or by module such as info,watchbell_channels=debug",
        );
    }
}
