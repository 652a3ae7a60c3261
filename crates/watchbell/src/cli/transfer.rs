//! What users said, sent to a server batch by batch, and line by line what comes of it.

use serde_json::{Value, json};
use watchbell_wire::transfer::{self, Imported, VERSION};

use super::Error;
use super::client::{Client, Server};
use super::output::{line, tame};

/// Users in one request, and their bytes: well below the size of a body that servers take unless told.
const AT_ONCE: usize = 50;
const BYTES_AT_ONCE: usize = 256 << 10;

/// How it is sent.
#[derive(Debug)]
pub struct Transfer {
    pub server: Server,
    /// In earnest; else it is only said what would be done.
    pub is_done: bool,
    /// People come from another system, and may be here already.
    pub is_joining: bool,
    /// What a user has and the lists that are sent do not is taken away.
    pub is_pruning: bool,
    /// What there is to type to do it in earnest.
    pub in_earnest: &'static str,
}

/// What has come of it so far.
#[derive(Debug, Default)]
struct Count {
    users: usize,
    changes: usize,
    problems: usize,
}

impl Transfer {
    /// `skipped` were left out before.
    pub async fn send(&self, categories: &[Value], users: Vec<Value>, skipped: usize) -> Result<(), Error> {
        let client = self.server.client()?;
        let mut count = Count { problems: skipped, ..Count::default() };
        let sent = self.send_all(&client, categories, users, &mut count).await;
        if sent.is_ok() || count.users > 0 {
            line(&count.told(self.is_done))?;
        }
        match sent {
            Ok(()) if !self.is_done && count.changes > 0 => line(&format!("nothing has been changed yet: {} does it", self.in_earnest))?,
            Err(_) if self.is_done && count.users > 0 => line("cut short: run it again to go on from there")?,
            _ => {}
        }
        sent
    }

    async fn send_all(&self, client: &Client, categories: &[Value], users: Vec<Value>, count: &mut Count) -> Result<(), Error> {
        let query =
            [("dryRun", !self.is_done), ("join", self.is_joining), ("prune", self.is_pruning)].map(|(name, is)| (name, is.to_string()));
        let mut categories = Some(categories.to_vec());
        for users in batches(users) {
            let body = transfer::Import { version: Some(VERSION), categories: Some(categories.take().unwrap_or_default()), users };
            let answer: Imported = client.post("/watchbell/v1/import", &query, Some(&json!(body))).await?;
            count.tell(&answer, self.is_done)?;
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
