//! The intakes, for the OpenAPI document: what comes in is each tool's own.

use serde_json::{Value, json};

use crate::openapi::schema::{free, string};
use crate::openapi::{Operation, Part};
use crate::watchbell;

const INTAKE: &str = "Intake";

pub(crate) fn part() -> Part {
    let mut part = Part::new("Intake", "", json!([]), watchbell::openapi::failures(&[400, 401, 403, 404, 413, 500, 503]));
    part.tag(
        INTAKE,
        "Where monitoring tools post their own payloads. Each `[intake.NAME]` of the configuration says what its tool speaks and whom its alerts are for. \
         The key of a publisher stands in Authorization, behind the name in the path, in the query, or, for PagerDuty's clients, in the body.",
    );
    let of_intake = |operation: Operation| {
        operation
            .of(INTAKE)
            .path("name", "The intake's table in the configuration", string())
            .query("key", "The key, where the tool can send no header", string())
            .query("dry_run", "true: shows what the payload would become; nothing is stored", string())
            .answers(200, "What was asked for, or what the payload would become", free())
            .answers(202, "Stored; the answer is in the tool's own form", free())
    };
    let with_body = |operation: Operation| operation.takes_as("application/json", free(), example());
    let own = "/watchbell/v1/intake/{name}";
    let below = "/watchbell/v1/intake/{name}/{rest}";
    part.add(Operation::post(own, "What a monitoring tool reports, in its own form").with(of_intake).with(with_body));
    part.add(Operation::put(own, "The same, from a tool that puts").with(of_intake).with(with_body));
    part.add(Operation::get(own, "The same, from a tool that has only a query").with(of_intake));
    let of_rest =
        |operation: Operation| operation.with(of_intake).path("rest", "The key, or what the tool puts behind its URL, or both", string());
    part.add(Operation::post(below, "What a monitoring tool reports, by a URL of its own making").with(of_rest).with(with_body));
    part.add(Operation::put(below, "The same, from a tool that puts").with(of_rest).with(with_body));
    part.add(Operation::get(below, "What became of a request or an alert, as Opsgenie's clients ask").with(of_rest));
    part.add(Operation::delete(below, "The end of an alert, as Opsgenie's clients delete it").with(of_rest));
    part
}

/// Alertmanager's.
fn example() -> Value {
    json!({
        "version": "4",
        "status": "firing",
        "alerts": [{ "status": "firing", "labels": { "alertname": "DiskFull", "severity": "critical" }, "startsAt": "2026-11-20T08:00:00Z", "fingerprint": "c1" }],
    })
}
