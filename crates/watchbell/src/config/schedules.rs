//! `[schedules]` and `[escalations]`: who is told beside those who are on duty, and when.

use std::collections::BTreeMap;

use watchbell_core::Group;
use watchbell_scheduler::{Escalation, Schedules};

use super::problem::{Findings, Section};

/// Checks every table.
pub fn validate(schedules: &Schedules, escalations: &BTreeMap<String, Escalation>, findings: &mut Findings) {
    check_fallback(&schedules.fallback, &mut findings.section(&["schedules"]));
    for (name, schedule) in &schedules.by_name {
        check_fallback(&schedule.fallback, &mut findings.section(&["schedules", name]));
    }
    for (name, list) in escalations {
        if let Err((key, right)) = list.check() {
            findings.section(&["escalations", name]).wrong(&key, right);
        }
    }
}

fn check_fallback(names: &[String], at: &mut Section<'_>) {
    let is_list = |name: &String| matches!(Group::parse(name), Some(Group::Escalation(_)));
    let right = !names.iter().any(|name| name.trim().is_empty() || is_list(name));
    at.check(right, "fallback", "must name users, topics and schedules, such as [\"7\", \"topic:ops\", \"duty:secondary\"]");
}
