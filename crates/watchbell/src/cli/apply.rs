//! `watchbell apply`: a team in a file, for whoever keeps it in a repository.
//!
//! The file says what an export says, in its words, as TOML: tables `users` and `categories`. What stands in the server's own
//! configuration, such as escalation lists and intakes, is not in it.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::Error;
use super::client::Server;
use super::transfer::Transfer;

#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    server: Server,
    /// The team, as TOML
    #[arg(long, short)]
    file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Also take away what the users in the file have and their lists in it do not: contacts, rules, devices, topics
    #[arg(long)]
    prune: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Team {
    #[serde(default)]
    categories: Vec<Value>,
    #[serde(default)]
    users: Vec<Value>,
}

impl Apply {
    pub async fn run(self) -> Result<(), Error> {
        let wrong = |why: String| Error::File { what: "apply", file: self.file.display().to_string(), why };
        let text = std::fs::read_to_string(&self.file).map_err(|error| wrong(error.to_string()))?;
        let bad = |error: toml::de::Error| {
            let line = 1 + error.span().map_or(0, |span| text[..span.start].matches('\n').count());
            wrong(format!("line {line}: {}", error.message()))
        };
        let team: Team = toml::from_str(&text).map_err(bad)?;
        let transfer = Transfer {
            server: self.server,
            is_done: !self.dry_run,
            is_joining: false,
            is_pruning: self.prune,
            in_earnest: "the same without --dry-run",
        };
        transfer.send(&team.categories, team.users, 0).await
    }
}
