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
use watchbell_wire::transfer::{self, Imported, VERSION};

use self::people::People;
use super::Error;
use super::client::{Client, Server};
use super::output::{line, tame};

/// Users in one request, and their bytes: well below the size of a body that servers take unless told.
const AT_ONCE: usize = 50;
const BYTES_AT_ONCE: usize = 256 << 10;

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

/// What has come of it so far.
#[derive(Debug, Default)]
struct Count {
    users: usize,
    changes: usize,
    problems: usize,
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

    /// Sends users, and says line by line what comes of it; `skipped` were left out before.
    async fn send(&self, categories: &[Value], users: Vec<Value>, is_joining: bool, skipped: usize) -> Result<(), Error> {
        let client = Server::new(self.server.clone(), self.key.clone().unwrap_or_default()).client()?;
        let mut count = Count { problems: skipped, ..Count::default() };
        let sent = self.send_all(&client, categories, users, is_joining, &mut count).await;
        if sent.is_ok() || count.users > 0 {
            line(&count.told(self.apply))?;
        }
        match sent {
            Ok(()) if !self.apply && count.changes > 0 => line("nothing has been changed yet: --apply does it")?,
            Err(_) if self.apply && count.users > 0 => line("cut short: run it again to go on from there")?,
            _ => {}
        }
        sent
    }

    async fn send_all(
        &self,
        client: &Client,
        categories: &[Value],
        users: Vec<Value>,
        is_joining: bool,
        count: &mut Count,
    ) -> Result<(), Error> {
        let query = [("dryRun", (!self.apply).to_string()), ("join", is_joining.to_string())];
        let mut categories = Some(categories.to_vec());
        for users in batches(users) {
            let body = transfer::Import { version: Some(VERSION), categories: Some(categories.take().unwrap_or_default()), users };
            let answer: Imported = client.post("/watchbell/v1/import", &query, Some(&json!(body))).await?;
            count.tell(&answer, self.apply)?;
        }
        Ok(())
    }
}

impl Count {
    fn tell(&mut self, answer: &Imported, is_done: bool) -> std::io::Result<()> {
        let would = if is_done { "done: " } else { "would " };
        for change in &answer.categories {
            self.changes += 1;
            line(&format!("{would}{}", tame(change)))?;
        }
        for person in &answer.users {
            self.users += 1;
            let name = match (person.username.as_str(), person.external_id.as_str()) {
                ("", "") => format!("user {}", self.users),
                ("", id) => tame(id),
                (username, _) => tame(username),
            };
            self.changes += person.changes.len();
            self.problems += person.problems.len();
            for change in &person.changes {
                line(&format!("{name}: {would}{}", tame(change)))?;
            }
            for problem in &person.problems {
                line(&format!("{name}: not taken over: {}", tame(problem)))?;
            }
        }
        Ok(())
    }

    fn told(&self, is_done: bool) -> String {
        let changes = match (self.changes, is_done) {
            (0, _) => "nothing to change".to_owned(),
            (changes, true) => format!("{changes} changes made"),
            (changes, false) => format!("{changes} changes to make"),
        };
        format!("{} users: {changes}, {} not taken over", self.users, self.problems)
    }
}

/// At least one, so that categories without users arrive too.
fn batches(users: Vec<Value>) -> Vec<Vec<Value>> {
    let mut batches = vec![Vec::new()];
    let mut bytes = 0;
    for user in users {
        let more = user.to_string().len();
        if let Some(last) = batches.last_mut()
            && (last.is_empty() || (last.len() < AT_ONCE && bytes + more <= BYTES_AT_ONCE))
        {
            last.push(user);
            bytes += more;
        } else {
            batches.push(vec![user]);
            bytes = more;
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_small_and_lose_nobody() {
        let sizes = |users: Vec<Value>| batches(users).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(Vec::new()), [0]);
        assert_eq!(sizes(vec![json!(1); 101]), [50, 50, 1]);
        let big = json!("x".repeat(200 << 10));
        assert_eq!(sizes(vec![big.clone(), json!(1), big.clone(), big]), [2, 1, 1]);
    }
}
