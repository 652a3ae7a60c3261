//! `watchbell dead-letters list|replay|purge`: events that could not be used, or not all of them.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::{Server, segment};
use super::output::{table, tame};
use super::{Error, output};
use crate::cli::deliveries::Page;

const PATH: &str = "/watchbell/v1/dead-letters";

#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Newest first, with the reason
    List(List),
    /// Take events in once more, planning only what is missing
    Replay(Choice),
    /// Throw events away
    Purge(Choice),
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    filter: Filter,
    /// Go on after an earlier page
    #[arg(long)]
    cursor: Option<String>,
    /// Dead letters at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// The server's JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Choice {
    #[command(flatten)]
    server: Server,
    /// Their numbers
    #[arg(required_unless_present_any = ["all", "subject", "reason"], conflicts_with_all = ["all", "subject", "reason"])]
    ids: Vec<i64>,
    /// All of them
    #[arg(long, conflicts_with_all = ["subject", "reason"])]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Clone, Debug, Args)]
pub struct Filter {
    /// Those that came on this subject
    #[arg(long)]
    subject: Option<String>,
    /// Those whose reason holds this text
    #[arg(long)]
    reason: Option<String>,
}

/// A dead letter as the API lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Letter {
    id: i64,
    #[serde(default)]
    subject: String,
    reason: String,
    #[serde(default)]
    received_at: String,
    #[serde(default)]
    replayed_at: Option<String>,
}

impl DeadLetters {
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::List(command) => command.run().await,
            Self::Replay(choice) => choice.replay().await,
            Self::Purge(choice) => choice.purge().await,
        }
    }
}

impl Filter {
    fn query(&self) -> Vec<(&'static str, String)> {
        let given = [("subject", self.subject.clone()), ("reason", self.reason.clone())];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl List {
    async fn run(self) -> Result<(), Error> {
        let client = self.server.client()?;
        let mut query = self.filter.query();
        query.push(("limit", self.limit.to_string()));
        query.extend(self.cursor.map(|cursor| ("cursor", cursor)));
        if self.json {
            let page: Value = client.get(PATH, &query).await?;
            return Ok(output::line(&format!("{page:#}"))?);
        }
        let page: Page<Letter> = client.get(PATH, &query).await?;
        if page.items.is_empty() {
            return Ok(output::line("no dead letters")?);
        }
        let rows: Vec<_> = page.items.iter().map(Letter::row).collect();
        output::line(&table(["ID", "RECEIVED", "SUBJECT", "REPLAYED", "REASON"], &rows))?;
        if let Some(cursor) = page.next_cursor {
            output::line(&format!("more: --cursor {}", tame(&cursor)))?;
        }
        Ok(())
    }
}

impl Letter {
    fn row(&self) -> [String; 5] {
        let replayed = self.replayed_at.as_deref().unwrap_or("-");
        [self.id.to_string(), tame(&self.received_at), tame(&self.subject), tame(replayed), tame(&self.reason)]
    }
}

impl Choice {
    async fn replay(self) -> Result<(), Error> {
        let client = self.server.client()?;
        for id in &self.ids {
            client.call(Method::POST, &format!("{PATH}/{}/replay", segment(&id.to_string())), &[], None).await?;
            output::line(&format!("replayed {id}"))?;
        }
        if self.ids.is_empty() {
            let answer: Value = client.post(&format!("{PATH}/replay"), &self.filter.query(), None).await?;
            output::line(&format!("replayed {}", count(&answer, "replayed")))?;
        }
        Ok(())
    }

    async fn purge(self) -> Result<(), Error> {
        let client = self.server.client()?;
        for id in &self.ids {
            client.call(Method::DELETE, &format!("{PATH}/{}", segment(&id.to_string())), &[], None).await?;
            output::line(&format!("purged {id}"))?;
        }
        if self.ids.is_empty() {
            client.call(Method::DELETE, PATH, &self.filter.query(), None).await?;
            output::line("purged")?;
        }
        Ok(())
    }
}

fn count(answer: &Value, key: &str) -> String {
    answer.get(key).and_then(Value::as_i64).map_or_else(|| "what matched".to_owned(), |count| count.to_string())
}
