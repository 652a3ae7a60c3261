//! `watchbell deliveries list|get|tail`.

pub mod follow;
pub mod item;

use clap::{Args, Subcommand};
use watchbell_core::delivery::State;
use watchbell_core::time::BadTime;
use watchbell_core::{Channel, Timestamp};
use watchbell_wire::Page;
use watchbell_wire::deliveries::{Delivery, DeliveryWithAttempts};

use self::follow::Follower;
use super::client::{Server, segment};
use super::{Error, output};

pub const PATH: &str = "/watchbell/v1/deliveries";

#[derive(Debug, Subcommand)]
pub enum Deliveries {
    /// Newest first
    List(List),
    /// One delivery with every attempt
    Get(Get),
    /// What changes, as it happens, until Ctrl-C
    Tail(Tail),
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
    /// Deliveries at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// The server's JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    server: Server,
    id: String,
    /// The server's JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Tail {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    filter: Filter,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Which deliveries; all that is given must hold.
#[derive(Clone, Debug, Default, Args)]
pub struct Filter {
    /// A user's number, `U…` id or external id
    #[arg(long)]
    user: Option<String>,
    #[arg(long)]
    alert: Option<String>,
    /// An event's id
    #[arg(long)]
    event: Option<String>,
    #[arg(long)]
    channel: Option<Channel>,
    #[arg(long)]
    state: Option<State>,
    /// Due at or after this time, such as 2026-11-20T08:00:00Z
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// Due before this time
    #[arg(long, value_parser = time)]
    to: Option<Timestamp>,
}

fn time(text: &str) -> Result<Timestamp, BadTime> {
    Timestamp::parse_rfc3339(text)
}

impl Filter {
    /// The query that asks a server for it.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("user", self.user.clone()),
            ("alert", self.alert.clone()),
            ("event", self.event.clone()),
            ("channel", self.channel.map(|channel| channel.to_string())),
            ("state", self.state.map(|state| state.to_string())),
            ("from", self.from.map(|at| at.to_string())),
            ("to", self.to.map(|at| at.to_string())),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Deliveries {
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::List(command) => command.run().await,
            Self::Get(command) => command.run().await,
            Self::Tail(command) => command.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Error> {
        let client = self.server.client()?;
        let mut query = self.filter.query();
        query.push(("limit", self.limit.to_string()));
        query.extend(self.cursor.map(|cursor| ("cursor", cursor)));
        if self.json {
            let page: serde_json::Value = client.get(PATH, &query).await?;
            return Ok(output::line(&format!("{page:#}"))?);
        }
        let page: Page<Delivery> = client.get(PATH, &query).await?;
        if page.items.is_empty() {
            return Ok(output::line("no deliveries")?);
        }
        let rows: Vec<_> = page.items.iter().map(item::row).collect();
        output::line(&output::table(item::HEADING, &rows))?;
        if let Some(cursor) = page.next_cursor {
            output::line(&format!("more: --cursor {}", output::tame(&cursor)))?;
        }
        Ok(())
    }
}

impl Get {
    async fn run(self) -> Result<(), Error> {
        let path = format!("{PATH}/{}", segment(&self.id));
        let client = self.server.client()?;
        if self.json {
            let shown: serde_json::Value = client.get(&path, &[]).await?;
            return Ok(output::line(&format!("{shown:#}"))?);
        }
        let shown: DeliveryWithAttempts = client.get(&path, &[]).await?;
        Ok(output::line(&item::in_full(&shown))?)
    }
}

impl Tail {
    /// Wide enough for what the columns usually hold; a tail cannot know what is still to come.
    const WIDTHS: [usize; 8] = [26, 24, 11, 10, 20, 16, 16, 0];

    async fn run(self) -> Result<(), Error> {
        let mut follower = Follower::latest(self.server.client()?, &self.filter).await?;
        if !self.json {
            output::line(&output::aligned(&item::HEADING.map(str::to_owned), &Self::WIDTHS))?;
        }
        loop {
            for (delivery, json) in follower.changed().await? {
                let line = if self.json { json.to_string() } else { output::aligned(&item::row(&delivery), &Self::WIDTHS) };
                output::line(&line)?;
            }
            tokio::select! {
                () = follow::pause() => {}
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
        }
    }
}
