//! What providers call, for the OpenAPI document.

use serde_json::{Value, json};

use crate::openapi::schema::{free, map_of, string};
use crate::openapi::{Operation, Part};
use crate::watchbell;

const CALLBACKS: &str = "Callbacks";

pub(crate) fn part() -> Part {
    let mut part = Part::new("Callback", "", json!([]), watchbell::openapi::failures(&[403, 404, 500, 503]));
    part.tag(CALLBACKS, "What providers say later, and what people answer. Each proves by a signature that it comes from its provider.");
    let of_provider =
        |operation: Operation| operation.of(CALLBACKS).path("provider", "The provider's table in the configuration", string());
    let twilio = |operation: Operation| {
        operation
            .header("X-Twilio-Signature", "Of the URL and the form, with the account's auth token", string())
            .query("delivery", "Which delivery this is about", string())
            .takes_as("application/x-www-form-urlencoded", form(), json!({ "MessageStatus": "delivered" }))
    };
    part.add(
        Operation::post("/callbacks/{provider}", "What became of a message or a call (Twilio), or a bot's update (Telegram)")
            .with(of_provider)
            .with(twilio)
            .answers_nothing("Taken")
            .header("X-Telegram-Bot-Api-Secret-Token", "The secret that was given with the webhook", string())
            .takes_as("application/json", free(), json!({ "update_id": 1 }))
            .answers(200, "A call of the Bot API, or nothing", free()),
    );
    part.add(
        Operation::post("/callbacks/{provider}/gather", "Twilio: a key was pressed during a call, or none; 1 accepts the alert")
            .with(of_provider)
            .with(twilio)
            .query("asked", "How often a key was asked for; the third time is the last", string())
            .answers_as(200, "TwiML", "text/xml", string()),
    );
    part
}

fn form() -> Value {
    map_of(&string())
}
