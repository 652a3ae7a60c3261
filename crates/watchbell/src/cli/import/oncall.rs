//! `watchbell import oncall`: users and their personal notification rules, read from Grafana OnCall's HTTP API.
//!
//! A user keeps the id that OnCall gave them as external id, and rules keep theirs, so that scripts and Terraform states hold
//! here as well.

use std::collections::HashMap;

use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use watchbell_core::Secret;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_wire::Nullable;
use watchbell_wire::transfer::TransferStep;

use super::Target;
use super::calendars::{Calendars, Feed};
use super::people::{Address, People};
use super::source::Source;
use crate::cli::Error;
use crate::cli::client::{self, secret};

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
    #[command(flatten)]
    calendars: Calendars,
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

#[derive(Debug, Deserialize)]
struct Schedule {
    name: String,
    #[serde(default)]
    ical_url_primary: Option<String>,
}

impl Oncall {
    pub async fn run(self) -> Result<(), Error> {
        let wrong = |why| Error::Source { url: self.url.clone(), why };
        let url = self.url.trim_end_matches('/');
        let url = url.strip_suffix("/api/v1").unwrap_or(url);
        let source = Source::new(url, &self.token, "").map_err(wrong)?;
        let users = all(&source, "/api/v1/users/").await.map_err(wrong)?;
        let rules = all(&source, "/api/v1/personal_notification_rules/").await.map_err(wrong)?;
        let mut people = people(users, rules);
        if self.calendars.are_wanted() {
            let schedules = all(&source, "/api/v1/schedules/").await.map_err(wrong)?;
            self.calendars.write(&feeds(schedules, &mut people))?;
        }
        self.target.send_people(&self.url, people).await
    }
}

/// Only schedules that are calendars themselves have an address that says who is on duty; the shifts of the others are made by
/// what is left behind.
fn feeds(schedules: Vec<Schedule>, people: &mut People) -> Vec<Feed> {
    let mut feeds = Vec::new();
    for Schedule { name, ical_url_primary } in schedules {
        match ical_url_primary.filter(|url| !url.is_empty()) {
            Some(url) => feeds.push(Feed { schedule: name, url }),
            None => people.not_taken(format_args!("the schedule {name}, which is no calendar: export its shifts as one")),
        }
    }
    feeds
}

/// Every page of a list. Pages are asked for by number: behind a proxy, links may lead nowhere.
async fn all<T: DeserializeOwned>(source: &Source, path: &str) -> Result<Vec<T>, client::Error> {
    source
        .pages(
            path,
            &[],
            |number| [("page", (number + 1).to_string()), ("perpage", "100".to_owned())],
            |Page { results, next }: Page<T>| (results, next.is_some()),
        )
        .await
}

fn people(users: Vec<User>, rules: Vec<Rule>) -> People {
    let mut people = People::default();
    let mut of_user: HashMap<String, Vec<Rule>> = HashMap::new();
    for rule in rules {
        of_user.entry(rule.user_id.clone()).or_default().push(rule);
    }
    for user in users {
        let rules = of_user.remove(&user.id).unwrap_or_default();
        let name = user.username.filter(|name| !name.is_empty());
        let Some(email) = user.email.filter(|email| !email.is_empty()) else {
            let name = name.as_deref().unwrap_or(&user.id);
            people.person(&user.id, name).not_taken(format_args!("the user has no email, and {} rules", rules.len()));
            continue;
        };
        let mut person = people.person(&user.id, name.as_ref().unwrap_or(&email));
        person.timezone(user.timezone.as_deref());
        person.contact(Address { kind: ContactKind::Email, target: email }, ContactStatus::Ok);
        for rule in rules {
            match step(&rule) {
                Ok(step) => person.step(step),
                Err(why) => person.not_taken(format_args!("the rule {}, {why}", rule.id)),
            }
        }
        person.finish();
    }
    let mut strangers: Vec<_> = of_user.into_iter().collect();
    strangers.sort_by(|a, b| a.0.cmp(&b.0));
    for (id, rules) in strangers {
        people.person(&id, &id).not_taken(format_args!("{} rules of a user who is not listed", rules.len()));
    }
    people
}

fn step(rule: &Rule) -> Result<TransferStep, &'static str> {
    let kind = rule.kind.clone().ok_or("which has no type")?;
    let duration = match &rule.duration {
        None | Some(Value::Null) => None,
        Some(duration) => Some(duration.as_i64().ok_or("whose duration is no number of seconds")?),
    };
    Ok(TransferStep {
        id: Some(Nullable::Value(rule.id.clone())),
        user_id: None,
        important: Some(rule.important),
        position: rule.position,
        kind,
        duration,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use serde_json::json;

    use super::*;

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
        let People { users, problems } = people(serde_json::from_value(users).unwrap(), serde_json::from_value(rules).unwrap());
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
        assert_eq!(json!(users[0]), anna);
        assert_eq!((users.len(), users[1].username.as_deref()), (2, Some("cleo@example.org")));
        let expected = [
            "ben: not taken over: the user has no email, and 1 rules",
            "cleo@example.org: not taken over: the time zone Atlantis, which is none; it is UTC",
            "cleo@example.org: not taken over: the rule N5, which has no type",
            "U9: not taken over: 1 rules of a user who is not listed",
        ];
        assert_eq!(problems, expected);
    }
}
