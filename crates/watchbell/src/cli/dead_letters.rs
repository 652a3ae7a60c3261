//! `watchbell dead-letters list|replay|purge`: events that could not be used, or not all of them.

use clap::{Args, Subcommand};
use serde_json::Value;
use watchbell_wire::Page;
use watchbell_wire::dead_letters::{DeadLetter, DeletedDeadLetters, ReplayedDeadLetters};
use watchbell_wire::events::AcceptedEvents;

use super::client::{Server, segment};
use super::output::{table, tame};
use super::{Error, output};

const PATH: &str = "/watchbell/v1/dead-letters";

#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Newest first, with the reason
    List(List),
    /// Take events in once more, planning only what is missing
    Replay(Choice),
    /// Throw events away
    Purge(Purge),
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
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
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
    #[arg(required_unless_present_any = ["all", "subject", "reason"], conflicts_with_all = ["all", "subject", "reason", "replayed"])]
    ids: Vec<i64>,
    /// All of them
    #[arg(long, conflicts_with_all = ["subject", "reason"])]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Args)]
pub struct Purge {
    #[command(flatten)]
    server: Server,
    /// All of them
    #[arg(long, required_unless_present_any = ["subject", "reason", "replayed"], conflicts_with_all = ["subject", "reason", "replayed"])]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Clone, Debug, Args)]
pub struct Filter {
    /// Those that came on this subject
    #[arg(long)]
    subject: Option<String>,
    /// Those with this reason, such as unknown_user
    #[arg(long)]
    reason: Option<String>,
    /// Those that were replayed (true), or were not yet (false)
    #[arg(long)]
    replayed: Option<bool>,
}

impl DeadLetters {
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::List(command) => command.run().await,
            Self::Replay(choice) => choice.replay().await,
            Self::Purge(command) => command.run().await,
        }
    }
}

impl Filter {
    fn query(&self) -> Vec<(&'static str, String)> {
        let replayed = self.replayed.map(|replayed| replayed.to_string());
        let given = [("subject", self.subject.clone()), ("reason", self.reason.clone()), ("replayed", replayed)];
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
        let page: Page<DeadLetter> = client.get(PATH, &query).await?;
        if page.items.is_empty() {
            return Ok(output::line("no dead letters")?);
        }
        let rows: Vec<_> = page.items.iter().map(row).collect();
        output::line(&table(["ID", "RECEIVED", "SUBJECT", "REPLAYED", "REASON"], &rows))?;
        if let Some(cursor) = page.next_cursor {
            output::line(&format!("more: --cursor {}", tame(&cursor)))?;
        }
        Ok(())
    }
}

fn row(letter: &DeadLetter) -> [String; 5] {
    let replayed = letter.replayed_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let reason = tame(&format!("{}: {}", letter.reason, letter.detail));
    [letter.id.to_string(), letter.received_at.to_string(), tame(&letter.subject), replayed, reason]
}

impl Choice {
    async fn replay(self) -> Result<(), Error> {
        let client = self.server.client()?;
        for id in &self.ids {
            let answer: AcceptedEvents = client.post(&format!("{PATH}/{}/replay", segment(&id.to_string())), &[], None).await?;
            output::line(&format!("replayed {id}"))?;
            for problem in answer.events.iter().flat_map(|event| &event.problems) {
                output::line(&format!("{id} still cannot be used whole: {}", tame(problem)))?;
            }
        }
        if !self.ids.is_empty() {
            return Ok(());
        }
        let (mut count, mut cursor, mut failed) = (0, None, false);
        loop {
            let mut query = self.filter.query();
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let answer: ReplayedDeadLetters = client.post(&format!("{PATH}/replay"), &query, None).await?;
            count += answer.replayed;
            for letter in &answer.failed {
                output::line(&format!("{} still cannot be used: {}", letter.id, tame(&letter.message)))?;
            }
            failed |= !answer.failed.is_empty();
            cursor = answer.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        output::line(&format!("replayed {count}"))?;
        if failed { Err(Error::Told) } else { Ok(()) }
    }
}

impl Purge {
    async fn run(self) -> Result<(), Error> {
        let DeletedDeadLetters { deleted } = self.server.client()?.delete(PATH, &self.filter.query()).await?;
        Ok(output::line(&format!("deleted {deleted}"))?)
    }
}
