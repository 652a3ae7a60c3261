//! `watchbell import oncall`: users and their personal notification rules, read from Grafana OnCall's HTTP API.
//!
//! A user keeps the id that OnCall gave them as external id, and rules keep theirs, so that scripts and Terraform states hold
//! here as well.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use watchbell_core::contact::ContactKind;
use watchbell_core::user::parse_timezone;
use watchbell_core::{Clock, Secret, SystemClock};
use watchbell_wire::Nullable;
use watchbell_wire::transfer::{TransferContact, TransferStep, TransferUser};

use super::{Target, line};
use crate::cli::Error;
use crate::cli::client::{self, Client, Server, secret};
use crate::cli::output::{complain, tame};

/// How long, and how often for one page, the source may ask to be left alone. Its limit is counted by the minute.
const LONGEST_WAIT_S: u64 = 120;
const MOST_WAITS: usize = 5;

#[derive(Debug, Args)]
pub struct Oncall {
    #[command(flatten)]
    target: Target,
    /// The address of the `OnCall` API; /api/v1 at its end may be left out
    #[arg(long)]
    url: String,
    /// Its API token
    #[arg(long, env = "ONCALL_TOKEN", hide_env_values = true, value_parser = secret)]
    token: Secret,
}

#[derive(Debug, Deserialize)]
struct Page<T> {
    results: Vec<T>,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    timezone: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    id: String,
    user_id: String,
    position: i64,
    #[serde(default)]
    important: bool,
    /// Null for what has lost its meaning.
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    duration: Option<Value>,
}

impl Oncall {
    pub async fn run(self) -> Result<(), Error> {
        let wrong = |why| Error::Source { url: self.url.clone(), why };
        let url = self.url.trim_end_matches('/');
        let url = url.strip_suffix("/api/v1").unwrap_or(url);
        let source = Server::new(url.to_owned(), self.token.clone()).raw_client().map_err(wrong)?;
        let users = all(&source, "/api/v1/users/").await.map_err(wrong)?;
        let rules = all(&source, "/api/v1/personal_notification_rules/").await.map_err(wrong)?;
        line(&format!("{}: {} users, {} rules", self.url, users.len(), rules.len()))?;
        let (people, problems) = people(users, rules);
        for problem in &problems {
            line(&tame(problem))?;
        }
        self.target.send(&[], people.iter().map(|person| json!(person)).collect(), true, problems.len()).await
    }
}

/// Every page of a list. Pages are asked for by number: behind a proxy, links may lead nowhere.
async fn all<T: DeserializeOwned>(source: &Client, path: &str) -> Result<Vec<T>, client::Error> {
    let mut found = Vec::new();
    for page in 1_u32.. {
        let query = [("page", page.to_string()), ("perpage", "100".to_owned())];
        let Page { results, next } = patiently(&SystemClock, async || source.get(path, &query).await).await?;
        found.extend(results);
        if next.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Asks again when the source has had enough for now: `OnCall` takes 300 requests a minute.
async fn patiently<T>(clock: &dyn Clock, ask: impl AsyncFn() -> Result<T, client::Error>) -> Result<T, client::Error> {
    for _ in 0..MOST_WAITS {
        match ask().await {
            Err(client::Error::TooOften { retry_s }) if retry_s <= LONGEST_WAIT_S => {
                complain(&format!("the source takes no more requests for {retry_s} s: waiting"));
                clock.sleep(Duration::from_secs(retry_s)).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

/// Users as an import takes them, and what cannot be taken over, a line each.
fn people(users: Vec<User>, rules: Vec<Rule>) -> (Vec<TransferUser>, Vec<String>) {
    let (mut people, mut problems) = (Vec::new(), Vec::new());
    let mut of_user: HashMap<String, Vec<Rule>> = HashMap::new();
    for rule in rules {
        of_user.entry(rule.user_id.clone()).or_default().push(rule);
    }
    for user in users {
        let rules = of_user.remove(&user.id).unwrap_or_default();
        let name = user.username.filter(|name| !name.is_empty());
        let Some(email) = user.email.filter(|email| !email.is_empty()) else {
            let name = name.as_deref().unwrap_or(&user.id);
            problems.push(format!("{name}: not taken over: the user has no email, and {} rules", rules.len()));
            continue;
        };
        let name = name.unwrap_or_else(|| email.clone());
        let steps = rules.iter().filter_map(|rule| step(&name, rule, &mut problems)).collect();
        let kind = ContactKind::Email.into();
        let contact = TransferContact { kind, target: email, region_code: None, primary: None, status: None };
        let timezone = user.timezone.filter(|zone| !zone.is_empty());
        let (timezone, unknown) = match timezone {
            Some(zone) if parse_timezone(&zone).is_err() => (None, Some(zone)),
            timezone => (timezone, None),
        };
        if let Some(zone) = unknown {
            problems.push(format!("{name}: not taken over: the time zone {zone}, which is none; it is UTC"));
        }
        people.push(TransferUser {
            external_id: user.id,
            username: Some(name),
            timezone,
            contacts: Some(vec![contact]),
            chains: Some(steps),
            ..TransferUser::default()
        });
    }
    let mut strangers: Vec<_> = of_user.into_iter().collect();
    strangers.sort_by(|a, b| a.0.cmp(&b.0));
    problems.extend(strangers.iter().map(|(id, rules)| format!("{id}: not taken over: {} rules of a user who is not listed", rules.len())));
    (people, problems)
}

fn step(name: &str, rule: &Rule, problems: &mut Vec<String>) -> Option<TransferStep> {
    let Some(kind) = &rule.kind else {
        problems.push(format!("{name}: not taken over: the rule {}, which has no type", rule.id));
        return None;
    };
    let duration = match &rule.duration {
        None | Some(Value::Null) => None,
        Some(duration) => {
            let seconds = duration.as_i64();
            if seconds.is_none() {
                problems.push(format!("{name}: not taken over: the rule {}, whose duration is no number of seconds", rule.id));
                return None;
            }
            seconds
        }
    };
    Some(TransferStep {
        id: Some(Nullable::Value(rule.id.clone())),
        user_id: None,
        important: Some(rule.important),
        position: rule.position,
        kind: kind.clone(),
        duration,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[tokio::test]
    async fn a_source_that_has_had_enough_is_asked_again_later_and_not_for_ever() {
        let clock = watchbell_core::ManualClock::new(watchbell_core::Timestamp::from_millis(0));
        let asked = std::cell::Cell::new(0);
        let ask = async |refusals: usize, retry_s: u64| {
            asked.set(0);
            let ask = async || {
                asked.set(asked.get() + 1);
                if asked.get() > refusals { Ok(asked.get()) } else { Err(client::Error::TooOften { retry_s }) }
            };
            let passing = async {
                loop {
                    clock.advance(Duration::from_secs(1));
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { answer = patiently(&clock, ask) => answer.ok(), () = passing => None }
        };
        assert_eq!(ask(2, 59).await, Some(3));
        assert_eq!(ask(MOST_WAITS + 1, 59).await, None);
        assert_eq!((ask(1, LONGEST_WAIT_S + 1).await, asked.get()), (None, 1));
    }

    #[test]
    fn users_take_their_rules_along_and_what_is_left_is_named() {
        let users = json!([
            { "id": "U1", "username": "anna", "email": "anna@example.org", "timezone": "Europe/Berlin", "slack": null },
            { "id": "U2", "username": "ben", "email": "", "timezone": null },
            { "id": "U3", "email": "cleo@example.org", "timezone": "Atlantis" },
        ]);
        let rules = json!([
            { "id": "N1", "user_id": "U1", "position": 0, "important": true, "type": "notify_by_sms" },
            { "id": "N2", "user_id": "U1", "position": 3, "important": false, "type": "wait", "duration": 300 },
            { "id": "N3", "user_id": "U2", "position": 0, "important": false, "type": "notify_by_email" },
            { "id": "N4", "user_id": "U9", "position": 0, "important": false, "type": "notify_by_email" },
            { "id": "N5", "user_id": "U3", "position": 0, "important": false, "type": null },
        ]);
        let (people, problems) = people(serde_json::from_value(users).unwrap(), serde_json::from_value(rules).unwrap());
        let anna = json!({
            "externalId": "U1",
            "username": "anna",
            "timezone": "Europe/Berlin",
            "contacts": [{ "kind": "email", "target": "anna@example.org" }],
            "chains": [
                { "id": "N1", "important": true, "position": 0, "type": "notify_by_sms" },
                { "id": "N2", "important": false, "position": 3, "type": "wait", "duration": 300 },
            ],
        });
        assert_eq!(json!(people[0]), anna);
        assert_eq!((people.len(), people[1].username.as_deref()), (2, Some("cleo@example.org")));
        let expected = [
            "ben: not taken over: the user has no email, and 1 rules",
            "cleo@example.org: not taken over: the rule N5, which has no type",
            "cleo@example.org: not taken over: the time zone Atlantis, which is none; it is UTC",
            "U9: not taken over: 1 rules of a user who is not listed",
        ];
        assert_eq!(problems, expected);
    }
}
