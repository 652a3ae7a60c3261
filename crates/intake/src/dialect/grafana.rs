//! Grafana's webhook of its unified alerting: Alertmanager's shape with `version: "1"` and more about each alert (its
//! `alerting` module, read 08/2026).
//!
//! An alert is its fingerprint: Grafana repeats `startsAt` of a rule's evaluation as it sees fit.

use serde_json::Value;

use super::alertmanager;
use super::{Reading, Unreadable};
use crate::report::text;

pub(super) fn read(payload: &Value) -> Result<Reading, Unreadable> {
    let mut said = alertmanager::read_as(payload, |_, fingerprint| fingerprint.to_owned())?;
    if let Reading::Reports { reports, .. } = &mut said {
        for report in reports {
            let values = text(&report.alert, "valueString");
            report.details = match (report.details.take(), values) {
                (Some(details), Some(values)) => Some(format!("{details}\n{values}")),
                (details, values) => details.or(values),
            };
        }
    }
    Ok(said)
}
