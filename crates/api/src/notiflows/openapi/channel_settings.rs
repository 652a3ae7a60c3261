//! Where channels reach a user.

use serde_json::{Value, json};

use super::of_user;
use crate::openapi::schema::{array, described, names, object, of, string, text, time};
use crate::openapi::{Operation, Part};

const PATH: &str = "/users/{user_id}/channel-settings/{channel_id}";

/// What a channel's settings are, by its kind.
pub(super) fn settings() -> Value {
    let tokens = array(&text(1, 2_048));
    let devices = object([("device_tokens!", described(tokens, "Of fcm and apns; at least one"))]);
    let slack = object([
        ("slack_channel_id", described(string(), "Of slack: begins with C, G or D")),
        ("slack_user_id", described(string(), "Of slack: begins with U or W; at least one of the two is given")),
    ]);
    json!({ "anyOf": [devices, slack] })
}

pub(super) fn describe(part: &mut Part) {
    part.schema(
        "NotiflowsChannelSettings",
        object([
            ("channel_id!", string()),
            ("provider!", names(["fcm", "apns", "slack"])),
            ("settings!", settings()),
            ("user_id!", string()),
            ("created_at!", time()),
            ("updated_at!", time()),
        ]),
    );
    let one = |operation: Operation| {
        let description = "A provider's name in the configuration or, for any of its kind, fcm, apns or slack";
        operation.with(of_user).path("channel_id", description, json!({ "type": "string", "example": "fcm" }))
    };
    let answer = "The settings";
    let show = Operation::get(PATH, "Get a user's settings for a channel").with(one);
    part.add(show.answers(200, answer, of("NotiflowsChannelSettings")));
    part.add(
        Operation::put(PATH, "Replace a user's settings for a channel")
            .with(one)
            .says("Device tokens are the user's devices, Slack's ids contacts of theirs.")
            .takes(object([("settings!", settings())]), json!({ "settings": { "device_tokens": ["fGx3:APA91bH0"] } }))
            .answers(200, answer, of("NotiflowsChannelSettings"))
            .fails(&[409]),
    );
    let delete = Operation::delete(PATH, "Delete a user's settings for a channel").with(one);
    part.add(delete.answers_nothing("They are gone").fails(&[409]));
}
