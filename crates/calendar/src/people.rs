//! Whom an entry puts on duty, as it names them.

use crate::component::Component;
use crate::lines::Property;
use crate::{UserBy, Who};

/// Attendees who are no people, and who are not there.
const NOT_PEOPLE: [&str; 2] = ["ROOM", "RESOURCE"];

/// What stands in summaries beside names, in the calendars of paging services.
const NO_NAMES: [&str; 3] = ["on-call", "on call", "oncall"];

/// Whom an entry names; of several ways to understand it, the first by which somebody is known counts.
pub(crate) fn who(entry: &Component, by: UserBy) -> Who {
    let summary = entry.text("SUMMARY").unwrap_or_default();
    match by {
        UserBy::Email => {
            let attendees: Vec<String> = entry.all("ATTENDEE").filter(|attendee| is_there(attendee)).filter_map(email).collect();
            let written = if attendees.is_empty() { emails_in(&summary) } else { attendees };
            Who { shown: if written.is_empty() { summary } else { written.join(", ") }, readings: vec![without_doubles(written)] }
        }
        UserBy::Summary => {
            let mut readings = vec![vec![summary.clone()]];
            let bare = without_brackets(&summary);
            readings.push(vec![bare.clone()]);
            readings.push(split(&bare, &[",", ";", " & ", " / ", " and "]));
            readings.push(split(&bare, &[",", ";", " & ", " / ", " and ", " - ", " \u{2013} ", ": ", "|"]));
            readings.retain(|names| names.iter().any(|name| !name.is_empty()));
            readings.dedup();
            Who { shown: summary, readings }
        }
    }
}

fn is_there(attendee: &Property) -> bool {
    let is = |name: &str, values: &[&str]| {
        attendee.parameter(name).is_some_and(|value| values.iter().any(|known| known.eq_ignore_ascii_case(value)))
    };
    !is("CUTYPE", &NOT_PEOPLE) && !is("PARTSTAT", &["DECLINED"]) && !is("ROLE", &["NON-PARTICIPANT"])
}

/// The address of an attendee: the value itself, or beside one that is none (Exchange writes directory names).
fn email(attendee: &Property) -> Option<String> {
    let value = attendee.value.trim();
    let address = match value.split_at_checked("mailto:".len()) {
        Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto:") => address,
        _ => value,
    };
    let beside = attendee.parameter("EMAIL").unwrap_or_default();
    [address, beside].into_iter().map(str::trim).find(|text| is_email(text)).map(str::to_owned)
}

fn is_email(text: &str) -> bool {
    let is_plain = !text.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '/' | '<' | '>' | '"' | ','));
    is_plain && text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
}

fn emails_in(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '(' | ')' | '[' | ']' | '"' | ':' | '|'));
    parts.map(|part| part.trim_matches('.')).filter(|part| is_email(part)).map(str::to_owned).collect()
}

/// A text without what stands in brackets: `[L1] anna`, `Anna Example On-Call (GoAlert: Primary)`.
fn without_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    let outside = |c: &char| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    let bare: String = text.chars().filter(outside).collect();
    let mut bare = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    // A name goes before it: `Anna Example On-Call`.
    let lower = bare.to_ascii_lowercase();
    if let Some(end) = NO_NAMES.iter().filter_map(|phrase| lower.find(&format!(" {phrase}"))).min() {
        bare.truncate(end);
    }
    bare
}

fn split(text: &str, separators: &[&str]) -> Vec<String> {
    let mut parts = vec![text.to_owned()];
    for separator in separators {
        parts = parts.iter().flat_map(|part| part.split(separator)).map(str::to_owned).collect();
    }
    let names =
        parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty() && !NO_NAMES.contains(&part.to_ascii_lowercase().as_str()));
    without_doubles(names.map(str::to_owned).collect())
}

fn without_doubles(names: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if !once.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            once.push(name);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::properties;

    fn read(lines: &str, by: UserBy) -> Who {
        who(&Component(properties(lines.as_bytes()).collect()), by)
    }

    #[test]
    fn attendees_who_are_people_and_come_are_on_duty() {
        let emails = |lines: &str| read(lines, UserBy::Email).readings.concat();
        let table: [(&str, &[&str]); 8] = [
            ("ATTENDEE;CN=Anna:mailto:anna@example.org\nATTENDEE:MAILTO:Ben@Example.org", &["anna@example.org", "Ben@Example.org"]),
            ("ATTENDEE;CUTYPE=ROOM:mailto:room@example.org\nATTENDEE;PARTSTAT=DECLINED:mailto:anna@example.org", &[]),
            ("ATTENDEE;EMAIL=anna@example.org:urn:uuid:1234", &["anna@example.org"]),
            ("ATTENDEE:mailto:anna@example.org\nATTENDEE:mailto:ANNA@example.org", &["anna@example.org"]),
            ("SUMMARY:On call: anna@example.org (primary)", &["anna@example.org"]),
            ("SUMMARY:anna@example.org\\, <ben@example.org>", &["anna@example.org", "ben@example.org"]),
            ("SUMMARY:Anna", &[]),
            ("ATTENDEE:mailto:\nATTENDEE:invalid:nomail", &[]),
        ];
        for (lines, found) in table {
            assert_eq!(emails(lines), found, "{lines}");
        }
        assert_eq!(read("SUMMARY:Anna", UserBy::Email).shown, "Anna", "what is shown says whom nobody is called");
    }

    #[test]
    fn a_summary_is_a_name_or_holds_some() {
        let readings = |summary: &str| read(&format!("SUMMARY:{summary}"), UserBy::Summary).readings;
        let table: [(&str, &[&str]); 6] = [
            ("anna", &["anna"]),
            ("[L1] anna", &["anna"]),
            ("Anna Example On-Call (GoAlert: Primary)", &["Anna Example"]),
            ("On Call - Anna Example - Primary", &["Anna Example", "Primary"]),
            ("Anna Example\\, Ben Example", &["Anna Example", "Ben Example"]),
            ("Primary: Anna & Ben", &["Primary", "Anna", "Ben"]),
        ];
        for (summary, last) in table {
            assert_eq!(
                readings(summary).last().map(Vec::as_slice),
                Some(&last.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..]),
                "{summary}"
            );
        }
        assert_eq!(readings("Example, Anna - 2nd")[0], ["Example, Anna - 2nd"], "a name is first read as it stands");
        assert!(readings("").is_empty());
    }
}
