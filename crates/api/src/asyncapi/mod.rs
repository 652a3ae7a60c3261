//! What goes over NATS, as AsyncAPI 3: events in, outcomes, dead letters and wake-ups out.

pub(crate) mod events;

use serde_json::{Map, Value, json};
use watchbell_core::Channel;
use watchbell_core::decode::{EVENTS_PREFIX, PUBLISHED_KINDS, RejectReason};
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{Action, EventKind};
use watchbell_core::outcome::Class;
use watchbell_core::rule::Trigger;

use crate::openapi::schema::{described, int64, names, nullable, object, of, string, time};

/// What becomes of an attempt, as the last part of the subject.
const ATTEMPTS: [&str; 4] = ["sent", "retrying", "failed", "expired"];

/// What becomes of a delivery without one: by a receipt (a call that nobody answered is made again), or by a cancel.
const MOVES: [State; 4] = [State::Delivered, State::Undelivered, State::Scheduled, State::Cancelled];

const ANSWERS: &str = "Somebody who was told of an alert answered: for the system that raised it. Kept until the broker has it, so it may \
                       come twice: delivery and action are the same then.";

const CLOUD_EVENTS: &str = "application/cloudevents+json";

/// The whole document.
pub fn document() -> Value {
    let (mut channels, mut operations, mut messages, mut schemas) = (Map::new(), Map::new(), Map::new(), Map::new());
    for kind in PUBLISHED_KINDS {
        schemas.insert(format!("{kind}Data"), events::data(kind));
        messages.insert(kind.to_string(), plain(kind));
        messages.insert(format!("{kind}CloudEvent"), structured(kind));
        let channel = format!("{kind}Events");
        channels.insert(channel.clone(), event_channel(kind));
        operations.insert(
            format!("receive{}", capital(kind.as_str())),
            operation("receive", &channel, "Reads from a durable pull consumer; acknowledges after the commit."),
        );
    }
    schemas.insert("ceHeaders".to_owned(), headers());
    schemas.insert("outcomeData".to_owned(), outcome());
    messages.insert("outcome".to_owned(), json!({ "title": "What became of an attempt", "payload": of("outcomeData") }));
    schemas.insert("moveData".to_owned(), moved());
    messages.insert("move".to_owned(), json!({ "title": "What a receipt or a cancel made of a delivery", "payload": of("moveData") }));
    schemas.insert("answerData".to_owned(), answer());
    messages.insert("answer".to_owned(), json!({ "title": "What somebody answered", "payload": of("answerData") }));
    channels.insert(
        "answers".to_owned(),
        json!({ "address": "watchbell.out.answered", "description": ANSWERS, "messages": { "answer": reference("messages", "answer") } }),
    );
    operations.insert("sendAnswers".to_owned(), operation("send", "answers", ANSWERS));
    messages.insert("deadLetter".to_owned(), dead_letter());
    messages.insert("wake".to_owned(), wake());
    let sent = [
        (
            "outcomes",
            "watchbell.out.{state}",
            &["outcome", "move"][..],
            "What became of deliveries, for whoever listens. Not kept by a stream of Watchbell's. Where traces are kept, the header traceparent names the span of the call.",
            "state",
            parameter("What became of it", ATTEMPTS.into_iter().chain(MOVES.map(State::as_str))),
        ),
        (
            "deadLetters",
            "watchbell.dead.{kind}",
            &["deadLetter"][..],
            "Events that could not be used, or name somebody who does not exist. The table of dead letters is what counts.",
            "kind",
            parameter("The event's kind", PUBLISHED_KINDS.iter().map(|kind| kind.as_str()).chain(["unknown"])),
        ),
        (
            "wakes",
            "watchbell.wake.{channel}",
            &["wake"][..],
            "Among Watchbell's processes: something became due. One that is lost costs a second.",
            "channel",
            parameter("The channel that has something due", Channel::ALL.iter().map(|channel| channel.as_str())),
        ),
    ];
    for (name, address, carried, description, variable, values) in sent {
        let carried: Map<String, Value> = carried.iter().map(|message| ((*message).to_owned(), reference("messages", message))).collect();
        channels.insert(
            name.to_owned(),
            json!({
                "address": address,
                "description": description,
                "parameters": { variable: values },
                "messages": carried,
            }),
        );
        operations.insert(format!("send{}", capital(name)), operation("send", name, description));
    }
    operations.insert("receiveWakes".to_owned(), operation("receive", "wakes", "What other processes made due."));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Watchbell",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The subjects on NATS. Events are read from the JetStream stream WATCHBELL, which is made if it is absent.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "nats": { "host": "127.0.0.1:4222", "protocol": "nats", "description": "nats.url in the configuration" } },
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

fn reference(what: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{what}/{name}") })
}

fn parameter<'a>(description: &str, values: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "description": description, "enum": values.into_iter().collect::<Vec<_>>() })
}

fn operation(action: &str, channel: &str, description: &str) -> Value {
    json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") }, "description": description })
}

fn event_channel(kind: EventKind) -> Value {
    let cloud_event = format!("{kind}CloudEvent");
    json!({
        "address": format!("{EVENTS_PREFIX}{kind}"),
        "description": "The subject alone decides the kind. What has the wrong form and a plain meaning is read by that meaning, and what \
                        else cannot be used is left out; both are noted on the event. Only what is no JSON, or names nobody who exists, \
                        becomes a dead letter, and blocks nothing.",
        "messages": { kind.as_str(): reference("messages", kind.as_str()), cloud_event.clone(): reference("messages", &cloud_event) },
    })
}

/// Binary CloudEvents, or plain data without any header.
fn plain(kind: EventKind) -> Value {
    let mut with_id = events::example(kind);
    with_id["id"] = "1042-1".into();
    let ce = json!({ "ce-specversion": "1.0", "ce-source": "/monitoring", "ce-id": "1042-1", "ce-type": format!("{EVENTS_PREFIX}{kind}") });
    json!({
        "title": format!("{} event", capital(kind.as_str())),
        "summary": "A binary CloudEvent, or plain data with an id",
        "description": "Its identity is (source, id) of a CloudEvent, else (subject, id) of plain data, else Nats-Msg-Id, else its \
                        place in the stream; identities over HTTP are the key's own. One that comes twice is planned once. Another one \
                        with a known identity becomes a dead letter (conflict); an alert is told all the same.",
        "contentType": "application/json",
        "headers": of("ceHeaders"),
        "payload": { "allOf": [of(&format!("{kind}Data")), object([("id", described(string(), "Of plain data"))])] },
        "examples": [
            { "name": "binary", "headers": ce, "payload": events::example(kind) },
            { "name": "plain", "payload": with_id },
        ],
    })
}

fn structured(kind: EventKind) -> Value {
    let payload = object([
        ("specversion!", string()),
        ("id!", string()),
        ("source!", string()),
        ("type", string()),
        ("time", time()),
        ("data", of(&format!("{kind}Data"))),
        ("data_base64", described(string(), "The data's JSON in base64, in the place of data; it may be broken into lines")),
    ]);
    let example = json!({
        "specversion": "1.0",
        "id": "1042-1",
        "source": "/monitoring",
        "type": format!("{EVENTS_PREFIX}{kind}"),
        "data": events::example(kind),
    });
    json!({
        "title": format!("{} event, structured", capital(kind.as_str())),
        "summary": "A structured CloudEvent",
        "contentType": CLOUD_EVENTS,
        "payload": payload,
        "examples": [{ "name": "structured", "payload": example }],
    })
}

/// The attributes of a binary CloudEvent, percent-encoded as its HTTP binding says.
fn headers() -> Value {
    object([
        ("ce-specversion", json!({ "type": "string", "const": "1.0" })),
        ("ce-id", string()),
        ("ce-source", string()),
        ("ce-type", described(string(), "For others: here the subject decides")),
        (
            "ce-time",
            described(
                time(),
                "When it happened. Orders the events of one source; delays count from it, or from the broker's time if that is \
                 earlier. One that lies more than events.max_age_s before the broker's time is left out",
            ),
        ),
        ("Nats-Msg-Id", described(string(), "Its identity, where it has no id of its own")),
    ])
}

fn outcome() -> Value {
    object([
        ("deliveryId!", string()),
        ("alertId!", nullable(string())),
        ("dutyId!", nullable(string())),
        ("userId!", int64()),
        ("channel!", names(Channel::ALL.iter().map(|channel| channel.as_str()))),
        ("purpose!", names(Purpose::ALL.iter().map(|purpose| purpose.as_str()))),
        ("trigger!", nullable(names(Trigger::ALL.iter().map(|trigger| trigger.as_str())))),
        ("state!", names(ATTEMPTS)),
        ("reason!", nullable(string())),
        ("provider!", described(nullable(string()), "Null where no attempt was made")),
        ("class!", nullable(names(Class::ALL.iter().map(|class| class.as_str())))),
        ("dueAt!", time()),
        ("at!", nullable(time())),
    ])
}

fn moved() -> Value {
    object([("deliveryId!", string()), ("state!", names(MOVES.map(State::as_str))), ("reason!", nullable(string()))])
}

fn answer() -> Value {
    object([
        ("alertId!", string()),
        ("round!", described(int64(), "In which the alert told them; it grows each time that the alert is opened again")),
        ("user!", described(int64(), "The number of who answered")),
        ("channel!", names(Channel::ALL.iter().map(|channel| channel.as_str()))),
        ("delivery!", described(string(), "The message that they answered")),
        ("action!", described(names(Action::ALL.iter().map(|action| action.as_str())), "A decline changes nothing but who is told next")),
        ("time!", described(time(), "When it took effect")),
    ])
}

fn dead_letter() -> Value {
    json!({
        "title": "An event that could not be used",
        "summary": "The payload as it came",
        "contentType": "application/octet-stream",
        "headers": object([
            ("Watchbell-Reason!", names(RejectReason::ALL.iter().map(|reason| reason.as_str()))),
            ("Watchbell-Detail!", string()),
            ("Watchbell-Subject!", described(string(), "Where it was published")),
        ]),
        "payload": described(json!({}), "Whatever was published"),
    })
}

fn wake() -> Value {
    json!({
        "title": "Something is due",
        "contentType": "text/plain",
        "payload": described(string(), "Which process says so: it has no need to be told"),
    })
}

/// Every schema that something refers to is there; what refers to nothing is found by the compiler only in code.
#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    found.push(reference.to_owned());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for document in [document(), crate::openapi::document()] {
            let mut found = Vec::new();
            references(&document, &mut found);
            assert!(found.len() > 10);
            for reference in found {
                let pointer = reference.trim_start_matches('#');
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
        }
    }
}
