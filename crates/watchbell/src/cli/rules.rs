//! `watchbell rules list|add|change|delete`: when and how a user is told.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;
use watchbell_wire::Items;
use watchbell_wire::rules::Rule;

use super::client::{Server, segment};
use super::output::{table, tame};
use super::{Error, output};

#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Every rule of a user, of all surfaces
    List(List),
    /// Make a rule
    Add(Add),
    /// Put another rule in the place of one
    Change(Change),
    /// Take a rule away
    Delete(Delete),
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    server: Server,
    /// Whose they are: number, U… id or external id
    user: String,
    /// The server's JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    server: Server,
    /// Whose it is: number, U… id or external id
    user: String,
    /// Such as {"trigger":"alert_high","channel":"push","when":{"onDuty":{}},"repeatEveryMin":5,"repeatTimes":3}
    #[arg(value_parser = json)]
    rule: Value,
}

#[derive(Debug, Args)]
pub struct Change {
    #[command(flatten)]
    server: Server,
    /// Whose it is: number, U… id or external id
    user: String,
    /// The rule's number
    id: i64,
    /// The whole rule, as for add
    #[arg(value_parser = json)]
    rule: Value,
}

#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    server: Server,
    /// Whose it is: number, U… id or external id
    user: String,
    /// The rule's number
    id: i64,
}

fn json(text: &str) -> Result<Value, String> {
    let read = serde_json::from_str(text).ok().filter(Value::is_object);
    read.ok_or_else(|| r#"it must be a JSON object such as {"trigger":"alert_high","channel":"sms"}"#.to_owned())
}

fn path(user: &str) -> String {
    format!("/watchbell/v1/users/{}/rules", segment(user))
}

impl Rules {
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::List(command) => command.run().await,
            Self::Add(Add { server, user, rule }) => {
                let made: Rule = server.client()?.post(&path(&user), &[], Some(&rule)).await?;
                Ok(output::line(&made.id.to_string())?)
            }
            Self::Change(Change { server, user, id, rule }) => {
                server.client()?.call(Method::PUT, &format!("{}/{id}", path(&user)), &[], Some(&rule)).await?;
                Ok(output::line(&format!("changed {id}"))?)
            }
            Self::Delete(Delete { server, user, id }) => {
                server.client()?.call(Method::DELETE, &format!("{}/{id}", path(&user)), &[], None).await?;
                Ok(output::line(&format!("deleted {id}"))?)
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Error> {
        let client = self.server.client()?;
        if self.json {
            let all: Value = client.get(&path(&self.user), &[]).await?;
            return Ok(output::line(&format!("{all:#}"))?);
        }
        let all: Items<Rule> = client.get(&path(&self.user), &[]).await?;
        let rows: Vec<_> = all.items.iter().map(row).collect();
        Ok(output::line(&table(["ID", "SURFACE", "TRIGGER", "CHANNEL", "MINUTES", "REPEAT", "WHEN"], &rows))?)
    }
}

fn row(rule: &Rule) -> [String; 7] {
    let (says, terms) = (&rule.says, &rule.says.terms);
    let minutes = terms.delay_min.or(terms.before_min.map(|before| -before)).map_or_else(|| "-".to_owned(), |minutes| minutes.to_string());
    let repeat = terms.repeat_every_min.zip(terms.repeat_times).map(|(every, times)| format!("{times} × {every} min"));
    let when = terms.when.as_ref().and_then(|when| serde_json::to_string(when).ok());
    let or_none = |text: Option<String>| text.map_or_else(|| "-".to_owned(), |text| tame(&text));
    [
        rule.id.to_string(),
        tame(rule.surface.as_str()),
        tame(says.trigger.as_str()),
        tame(says.channel.as_str()),
        minutes,
        or_none(repeat),
        or_none(when),
    ]
}
