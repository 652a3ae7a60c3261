//! `watchbell import`: what users said elsewhere. The server compares it with what is there and adds what is missing, so an
//! import that was cut off is run again, and a second run changes nothing. Without `--apply` nothing is changed at all.

mod calendars;
mod file;
mod goalert;
mod oncall;
mod opsgenie;
mod pagerduty;
mod people;
mod rails_zones;
mod source;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::people::People;
use super::Error;
use super::client::Server;
use super::output::{line, tame};
use super::transfer::Transfer;

#[derive(Debug, Subcommand)]
pub enum Import {
    /// Users and personal notification rules of a Grafana `OnCall`, or of what speaks like one
    Oncall(oncall::Oncall),
    /// Users, contact methods and notification rules of `PagerDuty`
    Pagerduty(pagerduty::Pagerduty),
    /// Users, contacts and notification rules of Opsgenie
    Opsgenie(opsgenie::Opsgenie),
    /// Users, contact methods and notification rules of `GoAlert`
    Goalert(goalert::Goalert),
    /// A file that `watchbell export` wrote
    File(file::FromFile),
}

/// Where to, and whether in earnest.
#[derive(Debug, Args)]
struct Target {
    /// The Watchbell server's address
    #[arg(long, value_name = "URL", env = "WATCHBELL_URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// An admin key of it
    #[arg(long, value_name = "KEY", env = "WATCHBELL_KEY", hide_env_values = true, value_parser = super::client::secret)]
    key: Option<watchbell_core::Secret>,
    /// Do it; without, only say what would be done
    #[arg(long)]
    apply: bool,
}

impl Import {
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::Oncall(command) => command.run().await,
            Self::Pagerduty(command) => command.run().await,
            Self::Opsgenie(command) => command.run().await,
            Self::Goalert(command) => command.run().await,
            Self::File(command) => command.run().await,
        }
    }
}

impl Target {
    /// Sends those of another system, after what cannot be taken over of them.
    async fn send_people(&self, source: &str, people: People) -> Result<(), Error> {
        let People { users, problems } = people;
        let rules: usize =
            users.iter().map(|user| user.rules.as_ref().map_or(0, Vec::len) + user.chains.as_ref().map_or(0, Vec::len)).sum();
        line(&format!("{source}: {} users, {rules} rules", users.len()))?;
        for problem in &problems {
            line(&tame(problem))?;
        }
        self.send(&[], users.iter().map(|user| json!(user)).collect(), true, problems.len()).await
    }

    /// Sends users; `skipped` were left out before.
    async fn send(&self, categories: &[Value], users: Vec<Value>, is_joining: bool, skipped: usize) -> Result<(), Error> {
        let server = Server::new(self.server.clone(), self.key.clone().unwrap_or_default());
        let transfer = Transfer { server, is_done: self.apply, is_joining, is_pruning: false, in_earnest: "--apply" };
        transfer.send(categories, users, skipped).await
    }
}
