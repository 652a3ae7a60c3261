//! `watchbell import opsgenie`: users, contacts and notification rules, read from Opsgenie's REST API (v2, as its API description
//! of 2021 and its SDK of 2024 have them). Quiet hours are in neither.

use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::{Channel, Secret};

use super::Target;
use super::people::{Address, People, Person, Update, What};
use super::source::Source;
use crate::cli::Error;
use crate::cli::client::{self, secret, segment};

/// What a page has at most.
const PER_PAGE: usize = 100;

#[derive(Debug, Args)]
pub struct Opsgenie {
    #[command(flatten)]
    target: Target,
    /// The address of the API; that of the European service region is <https://api.eu.opsgenie.com>
    #[arg(long, default_value = "https://api.opsgenie.com")]
    url: String,
    /// An API key that may read the configuration
    #[arg(long, env = "OPSGENIE_KEY", hide_env_values = true, value_parser = secret)]
    token: Secret,
}

/// What everything comes in.
#[derive(Debug, Deserialize)]
struct Answer<T> {
    data: T,
    #[serde(default)]
    paging: Paging,
}

#[derive(Debug, Default, Deserialize)]
struct Paging {
    #[serde(default)]
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    /// The email address.
    username: String,
    #[serde(default)]
    full_name: Option<String>,
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    blocked: bool,
}

#[derive(Debug, Deserialize)]
struct Contact {
    method: String,
    to: String,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    enabled: bool,
}

#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    name: String,
    action_type: String,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    criteria: Option<Criteria>,
    #[serde(default)]
    time_restriction: Option<Value>,
    #[serde(default)]
    notification_time: Vec<String>,
    #[serde(default)]
    repeat: Option<Status>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Criteria {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    field: String,
    #[serde(default)]
    not: bool,
    operation: String,
    #[serde(default)]
    expected_value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    contact: Option<Contact>,
    #[serde(default)]
    send_after: Option<Delay>,
    #[serde(default)]
    enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    #[serde(default)]
    time_amount: i64,
    #[serde(default)]
    time_unit: String,
}

impl Opsgenie {
    pub async fn run(self) -> Result<(), Error> {
        let wrong = |why| Error::Source { url: self.url.clone(), why };
        let source = Source::new(&self.url, &self.token, "GenieKey ").map_err(wrong)?;
        let people = read(&source).await.map_err(wrong)?;
        self.target.send_people(&self.url, people).await
    }
}

async fn read(source: &Source) -> Result<People, client::Error> {
    let offset = |page: usize| [("limit", PER_PAGE.to_string()), ("offset", (page * PER_PAGE).to_string())];
    let users = source.pages("/v2/users", &[], offset, |Answer { data, paging }: Answer<Vec<User>>| (data, paging.next.is_some())).await?;
    let mut people = People::default();
    for user in users {
        let at = format!("/v2/users/{}", segment(&user.id));
        let contacts: Answer<Vec<Contact>> = source.get(&format!("{at}/contacts"), &[]).await?;
        let listed: Answer<Vec<Listed>> = source.get(&format!("{at}/notification-rules"), &[]).await?;
        let mut rules = Vec::with_capacity(listed.data.len());
        for rule in listed.data {
            let whole: Answer<Rule> = source.get(&format!("{at}/notification-rules/{}", segment(&rule.id)), &[]).await?;
            rules.push(whole.data);
        }
        take(&mut people, &user, &contacts.data, &rules);
    }
    Ok(people)
}

fn take(people: &mut People, user: &User, contacts: &[Contact], rules: &[Rule]) {
    let name = user.full_name.as_ref().filter(|name| !name.is_empty()).unwrap_or(&user.username);
    let mut person = people.person(&user.id, name);
    if user.blocked {
        person.not_taken("the user, who is blocked there");
        return;
    }
    person.timezone(user.time_zone.as_deref());
    person.contact(Address { kind: ContactKind::Email, target: user.username.clone() }, ContactStatus::Ok);
    for contact in contacts {
        let is_enabled = contact.status.as_ref().is_none_or(|status| status.enabled);
        match way(contact) {
            Some((_, address)) => person.contact(address, if is_enabled { ContactStatus::Ok } else { ContactStatus::Locked }),
            None => person.not_taken(format_args!("a contact of the method {}: it is made anew here", contact.method)),
        }
    }
    for rule in rules {
        take_rule(&mut person, rule);
    }
    person.finish();
}

fn take_rule(person: &mut Person<'_>, rule: &Rule) {
    let name = if rule.name.is_empty() { &rule.action_type } else { &rule.name };
    if !rule.enabled {
        return person.not_taken(format_args!("the rule {name}, which is switched off"));
    }
    // Without its restriction a rule would tell more than it was made for.
    if rule.time_restriction.as_ref().is_some_and(|when| !when.is_null()) {
        return person.not_taken(format_args!("the rule {name}, which holds at certain times only"));
    }
    let whats = match whats(rule) {
        Ok(whats) => whats,
        Err(why) => return person.not_taken(format_args!("the rule {name}, {why}")),
    };
    if rule.repeat.as_ref().is_some_and(|repeat| repeat.enabled) {
        person.not_taken(format_args!("that the rule {name} is repeated"));
    }
    for step in rule.steps.iter().filter(|step| step.enabled) {
        let delay_min = match step.send_after.as_ref().map(minutes) {
            None => 0,
            Some(Some(minutes)) => minutes,
            Some(None) => {
                person.not_taken(format_args!("a step of the rule {name}, whose delay is no whole number of minutes"));
                continue;
            }
        };
        let Some((channel, address)) = step.contact.as_ref().and_then(way) else {
            let method = step.contact.as_ref().map_or("none", |contact| &contact.method);
            person.not_taken(format_args!("a step of the rule {name}, by the method {method}"));
            continue;
        };
        for what in &whats {
            let what = match *what {
                What::Alert { is_high, .. } => What::Alert { is_high, delay_min },
                _ if delay_min > 0 => {
                    person.not_taken(format_args!("a step of the rule {name}, as only what tells of alerts waits"));
                    continue;
                }
                what => what,
            };
            person.rule(what, channel, address.clone());
        }
    }
}

/// What a rule is about, or why that cannot be said here.
fn whats(rule: &Rule) -> Result<Vec<What>, String> {
    let alert = |is_high| What::Alert { is_high, delay_min: 0 };
    match rule.action_type.as_str() {
        "create-alert" => Ok(priorities(rule.criteria.as_ref())?.into_iter().map(alert).collect()),
        "acknowledged-alert" | "closed-alert" if rule.criteria.as_ref().is_some_and(Criteria::narrows) => {
            Err("which has conditions".to_owned())
        }
        "acknowledged-alert" => Ok(vec![What::Update(Update::Accepted)]),
        "closed-alert" => Ok(vec![What::Update(Update::Resolved)]),
        "schedule-start" => rule.notification_time.iter().map(|time| before(time)).collect(),
        other => Err(format!("which is about {other}")),
    }
}

fn before(time: &str) -> Result<What, String> {
    let before_min = match time {
        "just-before" => 0,
        "15-minutes-ago" => 15,
        "1-hour-ago" => 60,
        "1-day-ago" => 24 * 60,
        other => return Err(format!("which tells {other}")),
    };
    Ok(What::Duty { before_min })
}

/// Whether a rule is for HIGH alerts, for LOW ones, or for both. By default P1 to P3 are HIGH here, and a rule that makes another
/// difference cannot be said.
fn priorities(criteria: Option<&Criteria>) -> Result<Vec<bool>, String> {
    const ALL: [&str; 5] = ["P1", "P2", "P3", "P4", "P5"];
    let Some(criteria) = criteria.filter(|criteria| criteria.narrows()) else { return Ok(vec![true, false]) };
    let holds = |condition: &Condition, priority: &str| {
        // P1 is the greatest.
        let is = match (condition.field.as_str(), condition.operation.as_str()) {
            ("priority", "equals") => priority == condition.expected_value,
            ("priority", "greater-than") => priority < condition.expected_value.as_str(),
            ("priority", "less-than") => priority > condition.expected_value.as_str(),
            (field, operation) => return Err(format!("which has a condition on {field} ({operation})")),
        };
        Ok(is != condition.not)
    };
    let mut of: Vec<&str> = Vec::new();
    for priority in ALL {
        let each: Vec<bool> = criteria.conditions.iter().map(|condition| holds(condition, priority)).collect::<Result<_, _>>()?;
        let is_for = if criteria.kind == "match-any-condition" { each.contains(&true) } else { !each.contains(&false) };
        of.extend(is_for.then_some(priority));
    }
    match of[..] {
        ["P1", "P2", "P3"] => Ok(vec![true]),
        ["P4", "P5"] => Ok(vec![false]),
        ["P1", "P2", "P3", "P4", "P5"] => Ok(vec![true, false]),
        [] => Err("whose conditions fit no priority".to_owned()),
        _ => Err(format!("which is for {}: here P1 to P3 are HIGH, and the others LOW", of.join(", "))),
    }
}

impl Criteria {
    fn narrows(&self) -> bool {
        self.kind != "match-all" && !self.conditions.is_empty()
    }
}

fn minutes(delay: &Delay) -> Option<i64> {
    match delay.time_unit.as_str() {
        "seconds" => (delay.time_amount % 60 == 0).then_some(delay.time_amount / 60),
        "minutes" | "" => Some(delay.time_amount),
        "hours" => delay.time_amount.checked_mul(60),
        "days" => delay.time_amount.checked_mul(24 * 60),
        _ => None,
    }
}

/// The channel of a contact, and where it leads; None for what only Opsgenie's own app has.
fn way(contact: &Contact) -> Option<(Channel, Address)> {
    let channel = match contact.method.as_str() {
        "email" => return Some((Channel::Email, Address { kind: ContactKind::Email, target: contact.to.clone() })),
        "sms" => Channel::Sms,
        "voice" => Channel::Voice,
        _ => return None,
    };
    // Country and number: 39-0612345.
    let digits: String = contact.to.chars().filter(char::is_ascii_digit).collect();
    Some((channel, Address { kind: ContactKind::Phone, target: format!("+{digits}") }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use serde_json::json;

    use super::*;

    fn condition(operation: &str, value: &str) -> Value {
        json!({ "field": "priority", "not": false, "operation": operation, "expectedValue": value })
    }

    #[test]
    fn contacts_and_rules_are_taken_and_what_is_left_is_named() {
        let user =
            json!({ "id": "4513b7ea", "username": "anna@example.org", "fullName": "Anna", "timeZone": "Europe/Berlin", "blocked": false });
        let contacts = json!([
            { "id": "c1", "method": "sms", "to": "49-15112345678", "status": { "enabled": true } },
            { "id": "c2", "method": "mobile", "to": "Pixel", "status": { "enabled": true } },
        ]);
        let step = |method: &str, to: &str, after: i64| json!({ "contact": { "method": method, "to": to }, "sendAfter": { "timeAmount": after, "timeUnit": "minutes" }, "enabled": true });
        let rules = json!([
            {
                "name": "New", "actionType": "create-alert", "enabled": true, "repeat": { "loopAfter": 0, "enabled": true },
                "criteria": { "type": "match-any-condition", "conditions": [condition("greater-than", "P3"), condition("equals", "P3")] },
                "steps": [step("sms", "49-15112345678", 5), step("mobile", "Pixel", 0)],
            },
            {
                "name": "Closed", "actionType": "closed-alert", "enabled": true, "criteria": { "type": "match-all" },
                "steps": [step("email", "anna@example.org", 0), step("sms", "49-15112345678", 1)],
            },
            { "name": "Duty", "actionType": "schedule-start", "enabled": true, "notificationTime": ["1-hour-ago"], "steps": [step("email", "anna@example.org", 0)] },
            { "name": "Off", "actionType": "create-alert", "enabled": false, "steps": [] },
            { "name": "Nights", "actionType": "create-alert", "enabled": true, "timeRestriction": { "type": "time-of-day" }, "steps": [] },
            { "name": "Mine", "actionType": "assigned-alert", "enabled": true, "steps": [] },
        ]);
        let mut people = People::default();
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        take(&mut people, &serde_json::from_value(user).unwrap(), &serde_json::from_value::<Vec<_>>(contacts).unwrap(), &rules);
        let (email, phone) =
            (json!({ "kind": "email", "target": "anna@example.org" }), json!({ "kind": "phone", "target": "+4915112345678" }));
        let expected = json!([{
            "externalId": "4513b7ea", "username": "Anna", "timezone": "Europe/Berlin", "contacts": [email, phone],
            "rules": [
                { "kind": "alerts", "method": "SMS", "type": "HIGH_PRIORITY", "delayMin": 5, "contact": phone },
                { "kind": "updates", "method": "EMAIL", "type": "ALERT_RESOLVED", "contact": email },
                { "kind": "duties", "method": "EMAIL", "type": "ON_CALL", "beforeMin": 60, "contact": email },
            ],
        }]);
        assert_eq!(json!(people.users), expected);
        let left = [
            "a contact of the method mobile: it is made anew here",
            "that the rule New is repeated",
            "a step of the rule New, by the method mobile",
            "a step of the rule Closed, as only what tells of alerts waits",
            "the rule Off, which is switched off",
            "the rule Nights, which holds at certain times only",
            "the rule Mine, which is about assigned-alert",
        ];
        assert_eq!(people.problems, left.map(|what| format!("Anna: not taken over: {what}")));
    }

    #[test]
    fn conditions_that_cannot_be_said_here_are_no_rule() {
        let read = |kind: &str, conditions: Value| {
            let criteria: Criteria = serde_json::from_value(json!({ "type": kind, "conditions": conditions })).unwrap();
            priorities(Some(&criteria)).map_err(|why| why.chars().take(30).collect::<String>())
        };
        let (all, any) = ("match-all-conditions", "match-any-condition");
        assert_eq!(read("match-all", json!([])), Ok(vec![true, false]));
        assert_eq!(read(all, json!([condition("greater-than", "P4")])), Ok(vec![true]));
        assert_eq!(read(all, json!([condition("less-than", "P3")])), Ok(vec![false]));
        assert_eq!(read(any, json!([condition("greater-than", "P3"), condition("less-than", "P2")])), Ok(vec![true, false]));
        assert_eq!(read(all, json!([condition("equals", "P1")])), Err("which is for P1: here P1 to P3".to_owned()));
        assert_eq!(
            read(all, json!([condition("equals", "P1"), condition("equals", "P2")])),
            Err("whose conditions fit no priori".to_owned())
        );
        let tags = json!([{ "field": "tags", "operation": "contains", "expectedValue": "db" }]);
        assert_eq!(read(all, tags), Err("which has a condition on tags ".to_owned()));
    }
}
