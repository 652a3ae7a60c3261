//! `watchbell import pagerduty`: users, contact methods, notification rules and handoff rules, read from `PagerDuty`'s REST API
//! (v2, as `api-schema` describes it in August 2026).

use clap::Args;
use serde::Deserialize;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::{Channel, Secret};

use super::calendars::{Calendars, Feed};
use super::people::{Address, People, Person, What};
use super::source::Source;
use super::{Target, rails_zones};
use crate::cli::Error;
use crate::cli::client::{self, secret, segment};

/// What a page has at most.
const PER_PAGE: usize = 100;

#[derive(Debug, Args)]
pub struct Pagerduty {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    calendars: Calendars,
    /// The address of the API; that of the European service region is <https://api.eu.pagerduty.com>
    #[arg(long, default_value = "https://api.pagerduty.com")]
    url: String,
    /// A read-only API key
    #[arg(long, env = "PAGERDUTY_TOKEN", hide_env_values = true, value_parser = secret)]
    token: Secret,
}

#[derive(Debug, Deserialize)]
struct Users {
    users: Vec<User>,
    #[serde(default)]
    more: bool,
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
    name: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    contact_methods: Vec<Method>,
}

#[derive(Debug, Deserialize)]
struct Method {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    country_code: Option<u32>,
    #[serde(default)]
    blacklisted: bool,
    #[serde(default)]
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Reference {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Rules {
    notification_rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    #[serde(default)]
    start_delay_in_minutes: i64,
    #[serde(default)]
    urgency: String,
    contact_method: Option<Reference>,
}

#[derive(Debug, Deserialize)]
struct Handoffs {
    #[serde(rename = "oncall_handoff_notification_rules")]
    rules: Vec<Handoff>,
}

#[derive(Debug, Deserialize)]
struct Handoff {
    #[serde(default)]
    notify_advance_in_minutes: i64,
    #[serde(rename = "handoff_type", default)]
    kind: String,
    contact_method: Option<Reference>,
}

#[derive(Debug, Deserialize)]
struct Schedules {
    schedules: Vec<Schedule>,
    #[serde(default)]
    more: bool,
}

#[derive(Debug, Deserialize)]
struct Schedule {
    name: String,
    #[serde(default)]
    http_cal_url: Option<String>,
}

impl Pagerduty {
    pub async fn run(self) -> Result<(), Error> {
        let wrong = |why| Error::Source { url: self.url.clone(), why };
        let source = Source::new(&self.url, &self.token, "Token token=").map_err(wrong)?;
        let (people, feeds) = read(&source, self.calendars.are_wanted()).await.map_err(wrong)?;
        self.calendars.write(&feeds)?;
        self.target.send_people(&self.url, people).await
    }
}

async fn read(source: &Source, with_schedules: bool) -> Result<(People, Vec<Feed>), client::Error> {
    let offset = |page: usize| [("limit", PER_PAGE.to_string()), ("offset", (page * PER_PAGE).to_string())];
    let methods = [("include[]", "contact_methods".to_owned())];
    let users = source.pages("/users", &methods, offset, |Users { users, more }| (users, more)).await?;
    let mut people = People::default();
    for user in users {
        let at = format!("/users/{}", segment(&user.id));
        // Only those of high urgency come unless all are asked for.
        let rules: Rules = source.get(&format!("{at}/notification_rules"), &[("urgency", "all".to_owned())]).await?;
        let handoffs: Handoffs = source.get(&format!("{at}/oncall_handoff_notification_rules"), &[]).await?;
        take(&mut people, &user, &rules.notification_rules, &handoffs.rules);
    }
    let mut feeds = Vec::new();
    if with_schedules {
        let schedules = source.pages("/schedules", &[], offset, |Schedules { schedules, more }| (schedules, more)).await?;
        for Schedule { name, http_cal_url } in schedules {
            match http_cal_url {
                Some(url) => feeds.push(Feed { schedule: name, url }),
                None => people.not_taken(format_args!("the schedule {name}, which has no calendar's address")),
            }
        }
    }
    Ok((people, feeds))
}

fn take(people: &mut People, user: &User, rules: &[Rule], handoffs: &[Handoff]) {
    let mut person = people.person(&user.id, &user.name);
    person.timezone(user.time_zone.as_deref().map(rails_zones::iana).as_deref());
    let email = user.email.as_ref().filter(|email| !email.is_empty());
    // Who signs in by an address need not have it as a contact method, and is found by it here.
    if let Some(email) = email {
        person.contact(Address { kind: ContactKind::Email, target: email.clone() }, ContactStatus::Ok);
    }
    for method in &user.contact_methods {
        match way(method) {
            Some((_, address)) => person.contact(address, status(method)),
            None => person.not_taken(format_args!("a contact method of the type {}: it is made anew here", method.kind)),
        }
    }
    let methods = &user.contact_methods;
    for rule in rules {
        let whats = match rule.urgency.as_str() {
            "high" => &[true][..],
            "low" => &[false],
            _ => &[true, false],
        };
        for &is_high in whats {
            add(&mut person, methods, rule.contact_method.as_ref(), What::Alert { is_high, delay_min: rule.start_delay_in_minutes });
        }
    }
    for handoff in handoffs {
        if handoff.kind == "offcall" {
            person.not_taken("a rule that tells when a shift ends");
            continue;
        }
        add(&mut person, methods, handoff.contact_method.as_ref(), What::Duty { before_min: handoff.notify_advance_in_minutes });
    }
    person.finish();
}

fn add(person: &mut Person<'_>, methods: &[Method], named: Option<&Reference>, what: What) {
    let method = named.and_then(|named| methods.iter().find(|method| method.id == named.id));
    match method.map(|method| (method, way(method))) {
        Some((_, Some((channel, address)))) => person.rule(what, channel, address),
        Some((method, None)) => person.not_taken(format_args!("a rule ({what}) by a contact method of the type {}", method.kind)),
        None => person.not_taken(format_args!("a rule ({what}) whose contact method is not there")),
    }
}

/// The channel of a contact method, and where it leads; None for what only `PagerDuty`'s own app has.
fn way(method: &Method) -> Option<(Channel, Address)> {
    let target = method.address.clone().filter(|address| !address.is_empty())?;
    if method.kind.starts_with("email_") {
        return Some((Channel::Email, Address { kind: ContactKind::Email, target }));
    }
    let channel = match method.kind.as_str() {
        "phone_contact_method" => Channel::Voice,
        "sms_contact_method" => Channel::Sms,
        "whatsapp_contact_method" => Channel::Whatsapp,
        _ => return None,
    };
    let digits: String = target.chars().filter(char::is_ascii_digit).collect();
    let target = match method.country_code {
        Some(code) if !target.starts_with('+') => format!("+{code}{digits}"),
        _ => format!("+{digits}"),
    };
    Some((channel, Address { kind: ContactKind::Phone, target }))
}

fn status(method: &Method) -> ContactStatus {
    match method {
        Method { blacklisted: true, .. } => ContactStatus::Blacklisted,
        Method { enabled: Some(false), .. } => ContactStatus::Locked,
        _ => ContactStatus::Ok,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use serde_json::json;

    use super::*;

    #[test]
    fn contact_methods_and_rules_are_taken_and_what_is_left_is_named() {
        let user: User = serde_json::from_value(json!({
            "id": "PXPGF42", "type": "user", "name": "Earline Greenholt", "email": "earline@example.org",
            "time_zone": "Eastern Time (US & Canada)",
            "contact_methods": [
                { "id": "PE", "type": "email_contact_method", "label": "Default", "address": "earline@example.org" },
                { "id": "PT", "type": "phone_contact_method", "country_code": 1, "address": "(415) 555-2671" },
                { "id": "PS", "type": "sms_contact_method", "country_code": 1, "address": "4155552671", "blacklisted": true, "enabled": true },
                { "id": "PP", "type": "push_notification_contact_method", "address": "device" },
            ],
        }))
        .unwrap();
        let reference = |id: &str| json!({ "id": id, "type": "contact_method_reference" });
        let rule = |id: &str, delay: i64, urgency: &str| json!({ "start_delay_in_minutes": delay, "urgency": urgency, "contact_method": reference(id) });
        let rules = json!([rule("PT", 0, "high"), rule("PE", 5, "low"), rule("PP", 0, "high"), rule("PX", 1, "high")]);
        let handoff = |kind: &str| json!({ "notify_advance_in_minutes": 60, "handoff_type": kind, "contact_method": reference("PE") });
        let handoffs = json!([handoff("oncall"), handoff("offcall")]);
        let (rules, handoffs): (Vec<Rule>, Vec<Handoff>) =
            (serde_json::from_value(rules).unwrap(), serde_json::from_value(handoffs).unwrap());
        let mut people = People::default();
        take(&mut people, &user, &rules, &handoffs);
        let (email, phone) =
            (json!({ "kind": "email", "target": "earline@example.org" }), json!({ "kind": "phone", "target": "+14155552671" }));
        let expected = json!([{
            "externalId": "PXPGF42", "username": "Earline Greenholt", "timezone": "America/New_York",
            "contacts": [email, { "kind": "phone", "target": "+14155552671", "status": "BLACKLISTED" }],
            "rules": [
                { "kind": "alerts", "method": "VOICE", "type": "HIGH_PRIORITY", "delayMin": 0, "contact": phone },
                { "kind": "alerts", "method": "EMAIL", "type": "LOW_PRIORITY", "delayMin": 5, "contact": email },
                { "kind": "duties", "method": "EMAIL", "type": "ON_CALL", "beforeMin": 60, "contact": email },
            ],
        }]);
        assert_eq!(json!(people.users), expected);
        let name = "Earline Greenholt: not taken over:";
        let left = [
            "a contact method of the type push_notification_contact_method: it is made anew here",
            "a rule (HIGH, after 0 min) by a contact method of the type push_notification_contact_method",
            "a rule (HIGH, after 1 min) whose contact method is not there",
            "a rule that tells when a shift ends",
        ];
        assert_eq!(people.problems, left.map(|what| format!("{name} {what}")));
    }
}
