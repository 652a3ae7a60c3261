//! Mails of tools that can do nothing else.
//!
//! An alert is a thread: what refers to a mail is about the same alert. What a tool sends in threads of its own needs the
//! template `alert_id`, such as `{{ alert.subject | replace("[RESOLVED] ", "") }}`.

use minijinja::context;
use minijinja::value::Serde;
use serde_json::Value;

use super::{Generic, Reading, Unreadable};
use crate::mail::Mail;
use crate::report::{Report, What};

/// What a subject that tells of an alert's end begins with, as Alertmanager, Grafana, Zabbix, Nagios and Checkmk write it. `OK`
/// and the like are left to the template `status`: nothing that is uncertain counts as over.
const RESOLVED: [&str; 4] = ["resolved", "recovery", "recovered", "closed"];

/// What mail programs put before a subject.
const PREFIXES: [&str; 5] = ["re", "fwd", "fw", "aw", "wg"];

pub(super) fn read(body: &[u8], generic: &Generic) -> Result<Reading, Unreadable> {
    let mail = Mail::read(body).ok_or_else(|| Unreadable::new("the body is no mail with a subject or a text; it must be RFC 5322"))?;
    if mail.is_reply_of_a_program {
        return Ok(Reading::Nothing);
    }
    let payload = mail.payload();
    let scope = context! { alert => Serde(&payload), payload => Serde(&payload), labels => Serde(&payload) };
    if !generic.counts(&scope) {
        return Ok(Reading::Nothing);
    }
    let what = generic.what(&scope).unwrap_or_else(|| said_by(&mail.subject));
    let labels = [("from", &mail.from), ("subject", &mail.subject)];
    let report = Report {
        identity: Some(mail.id.clone()),
        summary: Some(if mail.subject.is_empty() { first_line(&mail.text) } else { mail.subject.clone() }),
        details: Some(mail.text.clone()).filter(|text| !text.is_empty()),
        priority: mail.importance.map(str::to_owned),
        labels: labels.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))).collect(),
        actor: Some(mail.from.clone()).filter(|from| !from.is_empty() && what != What::Fired),
        alert: payload.clone(),
        ..Report::new(what, mail.thread)
    };
    Ok(Reading::Reports { reports: vec![report], payload, unreadable: Vec::new() })
}

/// What a subject's first word says, whatever stands around it.
fn said_by(subject: &str) -> What {
    let mut words = subject.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase);
    let first = words.find(|word| !PREFIXES.contains(&word.as_str())).unwrap_or_default();
    if RESOLVED.contains(&first.as_str()) { What::Resolved } else { What::Fired }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
