//! Event intake, dead letters and explanations.

use serde_json::{Value, json};
use watchbell_core::decode::{EVENTS_PREFIX, PUBLISHED_KINDS, Reason};
use watchbell_core::event::{Priority, UpdateStatus};

use super::{derived_example, derived_id, paged, with_id};
use crate::asyncapi::events::{data, example};
use crate::openapi::schema::{array, boolean, described, int64, integer, names, nullable, object, of, page, string, time};
use crate::openapi::{Operation, Part};

const EVENTS: &str = "Events";

pub(super) fn describe(part: &mut Part) {
    part.tag(EVENTS, "The same events as over NATS, those that could not be used, and what one would lead to");
    for kind in PUBLISHED_KINDS {
        part.schema(&data_name(kind.as_str()), data(kind));
    }
    let mut forms: Vec<Value> = Vec::new();
    for kind in PUBLISHED_KINDS {
        let name = format!("{}Event", capitalised(kind.as_str()));
        part.schema(&name, plain_event(kind.as_str()));
        forms.push(of(&name));
    }
    part.schema("CloudEvent", cloud_event());
    forms.push(of("CloudEvent"));
    part.schema("Event", json!({ "anyOf": forms }));
    part.schema(
        "AcceptedEvent",
        object([
            ("id!", derived_id()),
            ("duplicate!", boolean()),
            ("planned!", described(integer(0, i64::from(u32::MAX)), "Deliveries that were planned")),
            ("problems!", described(array(&string()), "What of it was repaired, left out, or could not be used")),
            ("decision", described(string(), "Why nothing was planned, where that is so")),
        ]),
    );
    part.add(
        taking_event(Operation::post("/events", "Publish an event"))
            .of(EVENTS)
            .says(&format!(
                "Answered after the commit. {FORMS} Any JSON array is a batch. What has the wrong form and a plain meaning is read by \
                 that meaning and noted. An identity (source and id, or id) is the key's own; the same one with other content is a \
                 conflict (an alert is told all the same)."
            ))
            .answers(202, "It is kept and planned", accepted())
            .fails(&[409]),
    );
    part.schema(
        "KeptEvent",
        object([
            ("id!", derived_id()),
            ("kind!", string()),
            ("alertId!", described(nullable(string()), "The alert that it is about")),
            ("at!", described(time(), "From here delays count")),
            ("receivedAt!", time()),
            ("decision!", described(nullable(string()), "Why nothing was planned, where that is so")),
            ("problems!", described(array(&string()), "What of it was repaired, left out, or could not be used")),
        ]),
    );
    part.add(
        Operation::get("/events/{id}", "Get what became of an event").of(EVENTS).path("id", "The event's id", derived_example()).answers(
            200,
            "The event, without what it says",
            of("KeptEvent"),
        ),
    );
    dead_letters(part);
    explain(part);
}

fn accepted() -> Value {
    object([("events!", array(&of("AcceptedEvent")))])
}

/// Several media types for one body are more than most makers of clients can do, so the others are only told of.
const FORMS: &str = "The body is plain data or a structured CloudEvent; a CloudEvent may also come as application/cloudevents+json, or in \
                     binary mode, with its attributes as ce- headers and its data as body.";

fn taking_event(operation: Operation) -> Operation {
    let kind = PUBLISHED_KINDS[0];
    let mut plain = example(kind);
    plain["id"] = "1042-1".into();
    plain["type"] = type_of(kind.as_str()).into();
    operation.takes_as("application/json", of("Event"), plain)
}

fn type_of(kind: &str) -> String {
    format!("{EVENTS_PREFIX}{kind}")
}

fn capitalised(kind: &str) -> String {
    let (first, rest) = kind.split_at(1);
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn data_name(kind: &str) -> String {
    format!("{}EventData", capitalised(kind))
}

/// Plain data, with what HTTP has no subject for.
fn plain_event(kind: &str) -> Value {
    let named = object([
        ("id!", described(string(), "The event's own: the same one twice is planned once")),
        ("type!", names([type_of(kind).as_str()])),
    ]);
    json!({ "allOf": [named, of(&data_name(kind))] })
}

fn cloud_event() -> Value {
    let of_kinds: Vec<Value> = PUBLISHED_KINDS.iter().map(|kind| of(&data_name(kind.as_str()))).collect();
    let types: Vec<String> = PUBLISHED_KINDS.iter().map(|kind| type_of(kind.as_str())).collect();
    object([
        ("specversion!", names(["1.0"])),
        ("id!", string()),
        ("source!", string()),
        ("type!", names(types.iter().map(String::as_str))),
        ("time", time()),
        ("data!", described(json!({ "anyOf": of_kinds }), "What the type says")),
    ])
}

fn dead_letters(part: &mut Part) {
    let letter = || {
        object([
            ("id!", int64()),
            ("subject!", string()),
            ("reason!", names(Reason::ALL.iter().map(|reason| reason.as_str()))),
            ("detail!", string()),
            ("receivedAt!", time()),
            ("createdAt!", time()),
            ("replayedAt", time()),
        ])
    };
    part.schema("DeadLetter", letter());
    let mut original = letter();
    original["properties"]["headers"] = array(&json!({ "type": "array", "items": string(), "minItems": 2, "maxItems": 2 }));
    original["properties"]["payload"] = string();
    original["properties"]["payloadBase64"] = described(string(), "In its place where it is not UTF-8");
    part.schema("DeadLetterWithOriginal", original);
    let filtered = |operation: Operation| {
        operation
            .of(EVENTS)
            .query("reason", "Only those of that reason", string())
            .query("subject", "Only those of that subject", string())
            .query("replayed", "Only those that were, or were not, played again", boolean())
    };
    let one = |operation: Operation| operation.of(EVENTS).with(|operation| with_id(operation, "dead letter"));
    part.add(Operation::get("/dead-letters", "List events that could not be used").with(filtered).with(paged).answers(
        200,
        "A page, newest first",
        page(&of("DeadLetter")),
    ));
    part.add(Operation::delete("/dead-letters", "Delete dead letters").with(filtered).answers(
        200,
        "How many",
        object([("deleted!", int64())]),
    ));
    part.add(Operation::get("/dead-letters/{id}", "Get a dead letter with what came over the wire").with(one).answers(
        200,
        "The dead letter",
        of("DeadLetterWithOriginal"),
    ));
    part.add(
        Operation::post("/dead-letters/{id}/replay", "Play a dead letter again")
            .with(one)
            .says("Plans what of it is still missing, and nothing twice.")
            .answers(202, "What came of it", accepted())
            .fails(&[409, 413]),
    );
    let failed = object([("id!", int64()), ("message!", string())]);
    part.add(
        Operation::post("/dead-letters/replay", "Play dead letters again")
            .with(filtered)
            .says("Those that were not yet, newest first, 200 at once.")
            .query("cursor", "The nextCursor of the answer before", string())
            .answers(202, "What came of them", object([("replayed!", int64()), ("failed!", array(&failed)), ("nextCursor", string())])),
    );
}

fn explain(part: &mut Part) {
    let step = object([
        ("deliveryId", derived_id()),
        ("at!", time()),
        ("channel!", string()),
        ("address!", described(nullable(string()), "Masked")),
        ("state!", string()),
        ("reason!", string()),
        ("purpose!", string()),
        ("trigger!", nullable(string())),
        ("ruleIds!", array(&int64())),
    ]);
    part.schema(
        "Explanation",
        object([
            ("userId!", int64()),
            ("hypothetical!", boolean()),
            ("decision!", nullable(string())),
            ("problems", array(&string())),
            ("events", described(array(&of("KeptEvent")), "Of what was: the event, or those of the alert that still matter")),
            ("steps!", array(&step)),
        ]),
    );
    let of_user = |operation: Operation| {
        let user = json!({ "type": "string", "example": "1" });
        operation.of(EVENTS).query("user", "The user's number, U… id, external id, or current", user).required().fails(&[404])
    };
    part.add(
        Operation::get("/explain", "Explain what a user was told and why, or what they would be told")
            .with(of_user)
            .says("Of an event or an alert that was, or of one that is made up from the other parameters. Nothing is changed.")
            .query("event", "An event that was", derived_example())
            .query("alert", "An alert that was", string())
            .query("kind", "Of the event that is made up; alert unless told", names(PUBLISHED_KINDS.iter().map(|kind| kind.as_str())))
            .query("priority", "Of an alert; HIGH unless told", names(Priority::ALL.iter().map(|priority| priority.as_str())))
            .query("status", "Of an update; ACCEPTED unless told", names(UpdateStatus::ALL.iter().map(|status| status.as_str())))
            .query("category", "Its category", string())
            .query("alertId", "Of an alert or an update", string())
            .query("startsAt", "When the shift begins; tomorrow unless told", time())
            .query("at", "When it comes; now unless told", time())
            .answers(200, "The steps, in order of time", of("Explanation")),
    );
    part.add(
        taking_event(Operation::post("/explain", "Explain what an event would lead to for a user").with(of_user))
            .says(&format!("Nothing is changed. {FORMS}"))
            .answers(200, "The steps, in order of time", of("Explanation")),
    );
}
