//! `watchbell import goalert`: users, contact methods and notification rules, read by one `GraphQL` query (as `GoAlert`'s schema
//! has them in August 2026). An API key of `GoAlert` is good for one query only, so ours can be printed to make one for.

use std::collections::HashMap;

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::{Channel, Secret};

use super::people::{Address, People, What};
use super::source::Source;
use super::{Target, line};
use crate::cli::Error;
use crate::cli::client::{self, secret};

const QUERY: &str = "query WatchbellImport($after: String) {
  users(input: { first: 50, after: $after }) {
    nodes {
      id
      name
      email
      contactMethods { id name disabled pending dest { type args } }
      notificationRules { delayMinutes contactMethodID }
    }
    pageInfo { hasNextPage endCursor }
  }
}";

/// Pages of users. A source that says for ever that there are more is not believed.
const MOST_PAGES: usize = 10_000;

#[derive(Debug, Args)]
pub struct Goalert {
    #[command(flatten)]
    target: Target,
    /// `GoAlert`'s address
    #[arg(long, required_unless_present = "print_query")]
    url: Option<String>,
    /// An API key of it that was made for the query that --print-query prints
    #[arg(long, env = "GOALERT_TOKEN", hide_env_values = true, value_parser = secret, required_unless_present = "print_query")]
    token: Option<Secret>,
    /// Print the query that the API key is to be made for, and do nothing else
    #[arg(long)]
    print_query: bool,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Wrong>,
}

#[derive(Debug, Deserialize)]
struct Wrong {
    message: String,
}

#[derive(Debug, Deserialize)]
struct Data {
    users: Users,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Users {
    nodes: Vec<User>,
    page_info: PageInfo,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    name: String,
    #[serde(default)]
    email: Option<String>,
    contact_methods: Vec<Method>,
    notification_rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Method {
    id: String,
    name: String,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    pending: bool,
    dest: Destination,
}

#[derive(Debug, Deserialize)]
struct Destination {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    args: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    #[serde(rename = "delayMinutes")]
    delay_min: i64,
    #[serde(rename = "contactMethodID")]
    method: String,
}

impl Goalert {
    pub async fn run(self) -> Result<(), Error> {
        let (Some(url), Some(token), false) = (&self.url, &self.token, self.print_query) else {
            return Ok(line(QUERY)?);
        };
        let wrong = |why| Error::Source { url: url.clone(), why };
        let source = Source::new(url, token, "Bearer ").map_err(wrong)?;
        let mut people = People::default();
        for user in read(&source).await.map_err(wrong)? {
            take(&mut people, &user);
        }
        self.target.send_people(url, people).await
    }
}

async fn read(source: &Source) -> Result<Vec<User>, client::Error> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let asked = json!({ "query": QUERY, "operationName": "WatchbellImport", "variables": { "after": after } });
        let Answer { data, errors } = source.post("/api/graphql", &asked).await?;
        let users = match (data, errors.into_iter().next()) {
            (_, Some(Wrong { message })) => return Err(client::Error::Query(message)),
            (None, None) => return Err(client::Error::Query("nothing".to_owned())),
            (Some(data), None) => data.users,
        };
        found.extend(users.nodes);
        match users.page_info {
            PageInfo { has_next_page: true, end_cursor: Some(cursor) } => after = Some(cursor),
            _ => break,
        }
    }
    Ok(found)
}

fn take(people: &mut People, user: &User) {
    let mut person = people.person(&user.id, &user.name);
    if let Some(email) = user.email.as_ref().filter(|email| !email.is_empty()) {
        person.contact(Address { kind: ContactKind::Email, target: email.clone() }, ContactStatus::Ok);
    }
    for method in &user.contact_methods {
        match way(&method.dest) {
            Some((_, address)) => {
                let is_usable = !method.disabled && !method.pending;
                person.contact(address, if is_usable { ContactStatus::Ok } else { ContactStatus::Locked });
            }
            None => person.not_taken(format_args!("the contact method {}, of the type {}", method.name, method.dest.kind)),
        }
    }
    for rule in &user.notification_rules {
        let method = user.contact_methods.iter().find(|method| method.id == rule.method);
        let Some((channel, address)) = method.and_then(|method| way(&method.dest)) else {
            let name = method.map_or("one that is not there", |method| &method.name);
            person.not_taken(format_args!("a rule (after {} min) by the contact method {name}", rule.delay_min));
            continue;
        };
        // There, alerts have no priority.
        for is_high in [true, false] {
            person.rule(What::Alert { is_high, delay_min: rule.delay_min }, channel, address.clone());
        }
    }
    person.finish();
}

/// The channel of a destination, and where it leads; None for what has no rule here.
fn way(dest: &Destination) -> Option<(Channel, Address)> {
    let (channel, kind, argument) = match dest.kind.as_str() {
        "builtin-twilio-sms" => (Channel::Sms, ContactKind::Phone, "phone_number"),
        "builtin-twilio-voice" => (Channel::Voice, ContactKind::Phone, "phone_number"),
        "builtin-smtp-email" => (Channel::Email, ContactKind::Email, "email_address"),
        _ => return None,
    };
    Some((channel, Address { kind, target: dest.args.get(argument)?.clone() }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[test]
    fn rules_are_for_both_priorities_and_what_is_left_is_named() {
        let dest = |kind: &str, name: &str, value: &str| json!({ "type": kind, "args": { name: value } });
        let user: User = serde_json::from_value(json!({
            "id": "0f5c1f4e-8a62-4a2e-8d2b-b3f7f0a2a001", "name": "Ben", "email": "",
            "contactMethods": [
                { "id": "m1", "name": "Mobile", "disabled": false, "pending": true, "dest": dest("builtin-twilio-sms", "phone_number", "+4915112345678") },
                { "id": "m2", "name": "Chat", "disabled": false, "pending": false, "dest": dest("builtin-slack-dm", "slack_user_id", "U1") },
            ],
            "notificationRules": [
                { "delayMinutes": 3, "contactMethodID": "m1" },
                { "delayMinutes": 0, "contactMethodID": "m2" },
                { "delayMinutes": 9, "contactMethodID": "m9" },
            ],
        }))
        .unwrap();
        let mut people = People::default();
        take(&mut people, &user);
        let phone = json!({ "kind": "phone", "target": "+4915112345678" });
        let rule = |kind: &str| json!({ "kind": "alerts", "method": "SMS", "type": kind, "delayMin": 3, "contact": phone });
        let expected = json!([{
            "externalId": "0f5c1f4e-8a62-4a2e-8d2b-b3f7f0a2a001", "username": "Ben",
            "contacts": [{ "kind": "phone", "target": "+4915112345678", "status": "LOCKED" }],
            "rules": [rule("HIGH_PRIORITY"), rule("LOW_PRIORITY")],
        }]);
        assert_eq!(json!(people.users), expected);
        let left = [
            "the contact method Chat, of the type builtin-slack-dm",
            "a rule (after 0 min) by the contact method Chat",
            "a rule (after 9 min) by the contact method one that is not there",
        ];
        assert_eq!(people.problems, left.map(|what| format!("Ben: not taken over: {what}")));
    }
}
