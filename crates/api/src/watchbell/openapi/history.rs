//! Deliveries.

use serde_json::json;
use watchbell_core::Channel;
use watchbell_core::delivery::{Purpose, State};

use super::{derived_example, derived_id, paged};
use crate::openapi::schema::{array, described, int64, integer, names, object, of, page, string, time};
use crate::openapi::{Operation, Part};

const DELIVERIES: &str = "Deliveries";

pub(super) fn describe(part: &mut Part) {
    part.tag(DELIVERIES, "What was planned, and what became of it");
    schemas(part);
    part.add(
        Operation::get("/deliveries", "List deliveries")
            .of(DELIVERIES)
            .says("A user key sees what went to its user.")
            .query("user", "The user's number, U… id or external id", string())
            .query("alert", "An alert's id", string())
            .query("event", "An event's id", derived_id())
            .query("channel", "A channel", names(Channel::ALL.iter().map(|channel| channel.as_str())))
            .query("state", "A state", names(State::ALL.iter().map(|state| state.as_str())))
            .query("from", "Due at or after", time())
            .query("to", "Due before", time())
            .query("changedAfter", "Changed after", time())
            .with(paged)
            .answers(200, "A page, newest first", page(&of("Delivery"))),
    );
    let one = |operation: Operation| operation.of(DELIVERIES).path("id", "The delivery's id", derived_example());
    part.add(Operation::get("/deliveries/{id}", "Get a delivery with every attempt").with(one).answers(
        200,
        "The delivery",
        of("DeliveryWithAttempts"),
    ));
    part.add(
        Operation::post("/deliveries/{id}/replay", "Send a failed delivery again")
            .with(one)
            .answers(202, "It is back in the queue", of("DeliveryWithAttempts"))
            .fails(&[409]),
    );
}

fn schemas(part: &mut Part) {
    let members = || {
        object([
            ("id!", derived_id()),
            ("eventId!", derived_id()),
            ("alertId", string()),
            ("dutyId", string()),
            ("userId!", int64()),
            ("userName", string()),
            ("purpose!", names(Purpose::ALL.iter().map(|purpose| purpose.as_str()))),
            ("trigger", string()),
            ("channel!", names(Channel::ALL.iter().map(|channel| channel.as_str()))),
            ("address", described(string(), "Masked")),
            ("contactId", int64()),
            ("ruleIds!", array(&int64())),
            ("priority!", names(["HIGH", "LOW"])),
            ("state!", names(State::ALL.iter().map(|state| state.as_str()))),
            ("reason", string()),
            ("dueAt!", described(time(), "When it was planned for")),
            ("readyAt!", described(time(), "When it is tried next")),
            ("sentAt", time()),
            ("attempts!", integer(0, i64::from(u32::MAX))),
            ("provider", string()),
            ("createdAt!", time()),
            ("updatedAt!", time()),
        ])
    };
    part.schema("Delivery", members());
    let attempt = object([
        ("number!", int64()),
        ("at!", time()),
        ("provider!", string()),
        ("class", string()),
        ("code", string()),
        ("messageId", string()),
        ("latencyMs", int64()),
    ]);
    part.schema("DeliveryWithAttempts", json!({ "allOf": [of("Delivery"), object([("attemptLog!", array(&attempt))])] }));
}
