//! Event intake, dead letters and explanations.

use serde_json::{Value, json};
use watchbell_core::decode::{EVENTS_PREFIX, PUBLISHED_KINDS};
use watchbell_core::event::{Priority, UpdateStatus};
use watchbell_wire::Page;
use watchbell_wire::dead_letters::{DeadLetter, DeadLetterWithOriginal, DeletedDeadLetters, ReplayedDeadLetters};
use watchbell_wire::events::{AcceptedEvents, KeptEvent};
use watchbell_wire::explanation::Explanation;

use super::{derived_example, paged, with_id};
use crate::asyncapi::events::{data, example};
use crate::openapi::schema::{boolean, described, names, object, of, string, time};
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
    part.add(
        taking_event(Operation::post("/events", "Publish an event"))
            .of(EVENTS)
            .says(&format!(
                "Answered after the commit. {FORMS} Any JSON array is a batch. What has the wrong form and a plain meaning is read by \
                 that meaning and noted. An identity (source and id, or id) is the key's own; the same one with other content is a \
                 conflict (an alert is told all the same)."
            ))
            .returns::<AcceptedEvents>(202, "It is kept and planned")
            .fails(&[409]),
    );
    part.add(
        Operation::get("/events/{id}", "Get what became of an event")
            .of(EVENTS)
            .path("id", "The event's id", derived_example())
            .returns::<KeptEvent>(200, "The event, without what it says"),
    );
    dead_letters(part);
    explain(part);
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
    let filtered = |operation: Operation| {
        operation
            .of(EVENTS)
            .query("reason", "Only those of that reason", string())
            .query("subject", "Only those of that subject", string())
            .query("replayed", "Only those that were, or were not, played again", boolean())
    };
    let one = |operation: Operation| operation.of(EVENTS).with(|operation| with_id(operation, "dead letter"));
    part.add(
        Operation::get("/dead-letters", "List events that could not be used")
            .with(filtered)
            .with(paged)
            .returns::<Page<DeadLetter>>(200, "A page, newest first"),
    );
    part.add(Operation::delete("/dead-letters", "Delete dead letters").with(filtered).returns::<DeletedDeadLetters>(200, "How many"));
    part.add(
        Operation::get("/dead-letters/{id}", "Get a dead letter with what came over the wire")
            .with(one)
            .returns::<DeadLetterWithOriginal>(200, "The dead letter"),
    );
    part.add(
        Operation::post("/dead-letters/{id}/replay", "Play a dead letter again")
            .with(one)
            .says("Plans what of it is still missing, and nothing twice.")
            .returns::<AcceptedEvents>(202, "What came of it")
            .fails(&[409, 413]),
    );
    part.add(
        Operation::post("/dead-letters/replay", "Play dead letters again")
            .with(filtered)
            .says("Those that were not yet, newest first, 200 at once.")
            .query("cursor", "The nextCursor of the answer before", string())
            .returns::<ReplayedDeadLetters>(202, "What came of them"),
    );
}

fn explain(part: &mut Part) {
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
            .query("status", "Of an update; ACCEPTED unless told", names(UpdateStatus::PUBLISHED.iter().map(|status| status.as_str())))
            .query("category", "Its category", string())
            .query("labels", "Of an alert: team=db,host=db-1", string())
            .query("alertId", "Of an alert or an update", string())
            .query("startsAt", "When the shift begins; tomorrow unless told", time())
            .query("at", "When it comes; now unless told", time())
            .returns::<Explanation>(200, "The steps, in order of time"),
    );
    part.add(
        taking_event(Operation::post("/explain", "Explain what an event would lead to for a user").with(of_user))
            .says(&format!("Nothing is changed. {FORMS}"))
            .returns::<Explanation>(200, "The steps, in order of time"),
    );
}
