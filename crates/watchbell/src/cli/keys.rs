//! `watchbell keys list|create|delete`: who may call the API.

use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;
use watchbell_core::access::Role;
use watchbell_core::{Clock, SystemClock};
use watchbell_wire::keys::{Key, MadeKey, NewKey};
use watchbell_wire::users::UserName;
use watchbell_wire::{Page, Time};

use super::client::Server;
use super::output::{table, tame};
use super::{Error, output};

const PATH: &str = "/watchbell/v1/keys";

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Every key, without what is secret of it
    List(List),
    /// Make a key and print it; it is shown this once
    Create(Create),
    /// Take a key away
    Delete(Delete),
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    server: Server,
    /// Go on after an earlier page
    #[arg(long)]
    cursor: Option<String>,
    /// Keys at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// The server's JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    server: Server,
    /// What it is for
    name: String,
    /// admin, user, publisher or reader
    #[arg(long)]
    role: Role,
    /// Whose it is: number, U… id or external id; needed for the role user
    #[arg(long, required_if_eq("role", "user"))]
    user: Option<String>,
    /// Make a key pair, as Notiflows clients take it
    #[arg(long)]
    pair: bool,
    /// Of a publisher: the one [intake.NAME] that it is for
    #[arg(long)]
    intake: Option<String>,
    /// After so many days it opens nothing any more
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_in: Option<u32>,
}

#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    server: Server,
    /// Its number
    id: i64,
}

impl Keys {
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::List(command) => command.run().await,
            Self::Create(command) => command.run().await,
            Self::Delete(Delete { server, id }) => {
                server.client()?.call(Method::DELETE, &format!("{PATH}/{id}"), &[], None).await?;
                Ok(output::line(&format!("deleted {id}"))?)
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Error> {
        let client = self.server.client()?;
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.cursor.map(|cursor| ("cursor", cursor)));
        if self.json {
            let page: Value = client.get(PATH, &query).await?;
            return Ok(output::line(&format!("{page:#}"))?);
        }
        let page: Page<Key> = client.get(PATH, &query).await?;
        let row = |key: &Key| {
            let user = key.user_id.map_or_else(|| "-".to_owned(), |user| user.to_string());
            let role = key.intake.as_ref().map_or_else(|| key.role.to_string(), |intake| format!("{} of {}", key.role, tame(intake)));
            let or_never = |at: Option<Time>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
            [key.id.to_string(), role, user, key.created_at.to_string(), or_never(key.expires_at), or_never(key.used_at), tame(&key.name)]
        };
        let rows: Vec<_> = page.items.iter().map(row).collect();
        output::line(&table(["ID", "ROLE", "USER", "CREATED", "EXPIRES", "USED", "NAME"], &rows))?;
        if let Some(cursor) = page.next_cursor {
            output::line(&format!("more: --cursor {}", tame(&cursor)))?;
        }
        Ok(())
    }
}

impl Create {
    async fn run(self) -> Result<(), Error> {
        let key = NewKey {
            name: self.name,
            role: self.role,
            user: self.user.map(UserName::Text),
            pair: self.pair.then_some(true),
            intake: self.intake,
            expires_at: self.expires_in.map(|days| Time(SystemClock.now() + Duration::from_hours(24 * u64::from(days)))),
        };
        let body = serde_json::to_value(&key).unwrap_or_default();
        let made: MadeKey = self.server.client()?.post(PATH, &[], Some(&body)).await?;
        // Alone on standard output, so that a script can keep it.
        if let (Some(public), Some(secret)) = (&made.kept.public_key, &made.secret_key) {
            output::line(&tame(public))?;
            return Ok(output::line(&tame(secret))?);
        }
        Ok(output::line(&tame(&made.key.unwrap_or_default()))?)
    }
}
