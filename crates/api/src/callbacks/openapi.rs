//! What providers call, for the OpenAPI document.

use serde_json::json;

use crate::openapi::schema::{free, map_of, string};
use crate::openapi::{Operation, Part};
use crate::watchbell;

const CALLBACKS: &str = "Callbacks";

pub(crate) fn part() -> Part {
    let mut part = Part::new("Callback", "", json!([]), watchbell::openapi::failures(&[403, 404, 500, 503]));
    part.tag(CALLBACKS, "What providers say later, and what people answer. Each proves by a signature that it comes from its provider.");
    let of_provider = |operation: Operation| {
        operation
            .of(CALLBACKS)
            .path("provider", "The provider's table in the configuration", string())
            .query("delivery", "Which delivery this is about, where the provider was given a URL for each", string())
            .takes_as("application/x-www-form-urlencoded", map_of(&string()), json!({ "MessageStatus": "delivered" }))
            .takes_as("application/json", free(), json!({ "update_id": 1 }))
            .answers_as(200, "What the provider is to do or say next, such as TwiML", "text/xml", string())
            .answers_nothing("Taken")
    };
    let asked = |operation: Operation| {
        let name = operation.of(CALLBACKS).path("provider", "The provider's table in the configuration", string());
        name.answers_as(200, "What the provider asked to have repeated", "text/plain", string()).answers_nothing("Taken")
    };
    part.add(
        Operation::get("/callbacks/{provider}", "The same of providers that call by GET, or ask whether this is their callback")
            .with(asked),
    );
    part.add(Operation::get("/callbacks/{provider}/{rest}", "The same, where a provider is told of several URLs").with(asked).path(
        "rest",
        "Which of them, as its messages name it",
        string(),
    ));
    part.add(
        Operation::post("/callbacks/{provider}", "What became of a message, or what somebody answered, in the provider's own form")
            .with(of_provider),
    );
    part.add(Operation::post("/callbacks/{provider}/{rest}", "The same, where a provider is told of several URLs").with(of_provider).path(
        "rest",
        "Which of them, as its messages name it",
        string(),
    ));
    part
}
