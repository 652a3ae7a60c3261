//! Deliveries.

use serde_json::json;
use watchbell_core::Channel;
use watchbell_core::delivery::State;
use watchbell_core::event::Action;
use watchbell_wire::Page;
use watchbell_wire::alerts::{Alert, NewAnswer};
use watchbell_wire::deliveries::{Delivery, DeliveryWithAttempts};

use super::{derived_example, derived_id, paged};
use crate::openapi::schema::{names, string, time};
use crate::openapi::{Operation, Part};

const DELIVERIES: &str = "Deliveries";

pub(super) fn describe(part: &mut Part) {
    part.tag(DELIVERIES, "What was planned, and what became of it");
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
            .returns::<Page<Delivery>>(200, "A page, newest first"),
    );
    let one = |operation: Operation| operation.of(DELIVERIES).path("id", "The delivery's id", derived_example());
    part.add(
        Operation::get("/deliveries/{id}", "Get a delivery with every attempt")
            .with(one)
            .returns::<DeliveryWithAttempts>(200, "The delivery"),
    );
    part.add(
        Operation::post("/deliveries/{id}/replay", "Send a failed delivery again")
            .with(one)
            .returns::<DeliveryWithAttempts>(202, "It is back in the queue")
            .fails(&[409]),
    );
    part.add(
        Operation::get("/stream", "See what becomes of deliveries as it happens")
            .of(DELIVERIES)
            .says(
                "Server-sent events: snapshot ({items}: the newest deliveries) at the beginning, and again for whoever is too slow; delivery (one \
                 that is new or has changed); blind (the database does not answer). A user key sees what goes to its user.",
            )
            .answers_as(200, "Events, without an end", "text/event-stream", string())
            .fails(&[429]),
    );
    let alert =
        |operation: Operation| operation.of(DELIVERIES).path("id", "The alert's id", json!({ "type": "string", "example": "disk-1" }));
    part.add(
        Operation::get("/alerts/{id}", "Get an alert as it is now")
            .with(alert)
            .says("A user key sees alerts that name its user.")
            .returns::<Alert>(200, "The alert"),
    );
    part.add(
        Operation::post("/alerts/{id}/answer", "Answer an alert")
            .with(alert)
            .says("As by a button in a message to the key's user; an admin key may also accept and resolve what its user was not told of.")
            .accepts(&NewAnswer { action: Action::Accept.into() })
            .returns::<Alert>(200, "It is done")
            .fails(&[409]),
    );
}
