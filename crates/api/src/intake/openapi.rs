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
    };
    part.add(
        Operation::post("/watchbell/v1/intake/{name}", "What a monitoring tool reports, in its own form")
            .with(of_intake)
            .takes_as("application/json", free(), example())
            .answers(202, "Stored; the answer is in the tool's own form", free()),
    );
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
