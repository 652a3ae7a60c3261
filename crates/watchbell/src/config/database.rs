//! `[database]`: where everything is kept.

use std::fmt;

use serde::Deserialize;

use super::problem::Section;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite://PATH` or `postgres://…`; may hold a password.
    pub url: String,
    /// To PostgreSQL together; readers of SQLite.
    pub max_connections: u32,
    /// Of those to PostgreSQL.
    pub api_connections: u32,
}

impl Database {
    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        let sqlite = self.url.strip_prefix("sqlite://").is_some_and(|path| !path.is_empty());
        let parsed = || url::Url::parse(&self.url).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
        at.check(sqlite || parsed().is_some(), "url", "must be sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME");
        at.check((1..=1_000).contains(&self.max_connections), "max_connections", "must be 1 to 1000");
        at.check((1..=1_000).contains(&self.api_connections), "api_connections", "must be 1 to 1000");
    }
}

/// The URL may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("max_connections", &self.max_connections).finish_non_exhaustive()
    }
}
