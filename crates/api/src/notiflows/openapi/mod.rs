//! The surface's part of the OpenAPI document. It is mounted twice, which is said once.

mod channel_settings;
mod told;
mod topics;

use serde_json::{Value, json};
use watchbell_core::preference::ChannelType;

use super::MOUNT;
use crate::openapi::schema::{array, boolean, described, free, int64, integer, map_of, nullable, object, of, string, text, time};
use crate::openapi::{Failures, Operation, Part};

const USERS: &str = "Notiflows users";
const TOPICS: &str = "Notiflows topics";
const RUNS: &str = "Notiflows";

pub(crate) fn part() -> Part {
    let failures = Failures::shaped(&[401, 403, 429, 500, 503], "NotiflowsError", error());
    let security = json!([{ "notiflowsApiKey": [], "notiflowsSecretKey": [] }]);
    let mut part = Part::new("Notiflows", MOUNT, security, failures);
    part.tag(
        USERS,
        "Notiflows: an application's users and their switches. The same stands under /admin/v1. Every answer has x-request-id.",
    );
    part.tag(TOPICS, "Notiflows: topics, and who has subscribed to them");
    part.tag(RUNS, "Notiflows: telling users something, and what became of it. A notiflow is a category");
    users(&mut part);
    preferences(&mut part);
    topics::describe(&mut part);
    channel_settings::describe(&mut part);
    told::describe(&mut part);
    run(&mut part);
    part
}

fn error() -> Value {
    let error = object([
        ("code!", string()),
        ("message!", string()),
        ("status!", integer(400, 599)),
        ("type!", string()),
        ("request_id!", string()),
        ("details!", details()),
    ]);
    object([("error!", error)])
}

/// Only what applies.
fn details() -> Value {
    let field = object([("field!", string()), ("message!", string()), ("reason!", string())]);
    object([
        ("reason", string()),
        ("param", string()),
        ("fields", array(&field)),
        ("resource", string()),
        ("id", string()),
        ("required_scope", string()),
        ("idempotency_key", string()),
        ("contactId", described(int64(), "The contact that has this target already")),
        ("ruleIds", described(array(&int64()), "The rules that use the contact")),
        ("limit", int64()),
        ("window", described(int64(), "In seconds")),
        ("retry_after", described(int64(), "In seconds")),
    ])
}

fn of_user(operation: Operation) -> Operation {
    let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "example": "ext-anna" });
    operation.of(USERS).path("user_id", "The user's external id", schema)
}

/// What an application says of a user.
fn profile() -> Vec<(&'static str, Value)> {
    vec![
        ("email", string()),
        ("phone", described(string(), "E.164")),
        ("first_name", text(0, 255)),
        ("last_name", text(0, 255)),
        ("locale", string()),
        ("timezone", string()),
        ("avatar", described(text(0, 2_048), "A URL")),
        ("custom_fields", described(free(), "Merged deeply")),
    ]
}

fn with_profile(mut schema: Value) -> Value {
    for (name, member) in profile() {
        schema["properties"][name] = member;
    }
    schema
}

/// Of a list that comes in pages.
fn paged(operation: Operation) -> Operation {
    operation
        .query("limit", "How many to list", json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 25 }))
        .query("after", "The page's after: those that are older", string())
        .query("before", "The page's before: those that are newer", string())
}

fn created(operation: Operation) -> Operation {
    operation.query("created_after", "Only what was made after", time()).query("created_before", "Only what was made before", time())
}

fn list(items: &Value) -> Value {
    let page = object([
        ("limit!", integer(1, 1_000)),
        ("after!", nullable(string())),
        ("before!", nullable(string())),
        ("has_more_after!", boolean()),
        ("has_more_before!", boolean()),
    ]);
    object([("items!", array(items)), ("page!", page)])
}

fn users(part: &mut Part) {
    part.schema(
        "NotiflowsUser",
        object([
            ("id!", string()),
            ("external_id!", string()),
            ("email!", nullable(string())),
            ("phone!", nullable(string())),
            ("first_name!", nullable(string())),
            ("last_name!", nullable(string())),
            ("avatar!", nullable(string())),
            ("locale!", string()),
            ("timezone!", string()),
            ("custom_fields!", free()),
            ("created_at!", time()),
            ("updated_at!", time()),
        ]),
    );
    part.schema(
        "NotiflowsUserPut",
        with_profile(object([
            ("preferences", of("NotiflowsPreferencesPut")),
            ("channel_settings", array(&object([("channel_id!", string()), ("settings!", channel_settings::settings())]))),
        ])),
    );
    part.add(Operation::get("/users", "List users").of(USERS).with(paged).with(created).answers(
        200,
        "A page, newest first",
        list(&of("NotiflowsUser")),
    ));
    let user = "The user";
    part.add(Operation::get("/users/{user_id}", "Get a user").with(of_user).answers(200, user, of("NotiflowsUser")));
    let example =
        json!({ "email": "anna@example.org", "first_name": "Anna", "timezone": "Europe/Vienna", "custom_fields": { "plan": "pro" } });
    part.add(
        Operation::put("/users/{user_id}", "Make a user, or change what is given")
            .with(of_user)
            .takes(of("NotiflowsUserPut"), example)
            .answers(200, "The user, who was there", of("NotiflowsUser"))
            .answers(201, "The user, who is new", of("NotiflowsUser"))
            .fails(&[409]),
    );
    part.add(Operation::delete("/users/{user_id}", "Delete a user").with(of_user).answers_nothing("They are gone"));
}

fn preferences(part: &mut Part) {
    let mut types = object([]);
    for kind in ChannelType::ALL {
        types["properties"][kind.as_str()] = boolean();
    }
    let mut all = types.clone();
    all["required"] = ChannelType::ALL.iter().map(|kind| kind.as_str()).collect();
    types["additionalProperties"] = false.into();
    part.schema("NotiflowsChannelTypes", all);
    part.schema("NotiflowsChannelTypesPut", types);
    let by_notiflow = map_of;
    let shown = object([("name!", string()), ("enabled!", boolean()), ("channel_types!", of("NotiflowsChannelTypes"))]);
    part.schema("NotiflowsPreferences", object([("channel_types!", of("NotiflowsChannelTypes")), ("notiflows!", by_notiflow(&shown))]));
    let given = object([("enabled", boolean()), ("channel_types", of("NotiflowsChannelTypesPut"))]);
    let by_name = described(by_notiflow(&given), "By the notiflow's id or handle");
    part.schema("NotiflowsPreferencesPut", object([("channel_types", of("NotiflowsChannelTypesPut")), ("notiflows", by_name)]));
    let answer = "Every switch; what was never set is on";
    part.add(Operation::get("/users/{user_id}/preferences", "Get a user's switches").with(of_user).answers(
        200,
        answer,
        of("NotiflowsPreferences"),
    ));
    let example = json!({ "channel_types": { "sms": false }, "notiflows": { "order.updated": { "enabled": true, "channel_types": { "email": false } } } });
    part.add(
        Operation::put("/users/{user_id}/preferences", "Change a user's switches")
            .with(of_user)
            .says("Only what is given changes. Any off wins: for all, for the notiflow, or for its channel.")
            .takes(of("NotiflowsPreferencesPut"), example)
            .answers(200, answer, of("NotiflowsPreferences")),
    );
}

fn run(part: &mut Part) {
    let person = || with_profile(object([("external_id!", described(text(1, 255), "No whole number: that is a user's number"))]));
    let mut recipients = array(&json!({ "anyOf": [text(1, 255), person()] }));
    recipients["minItems"] = 1.into();
    recipients["maxItems"] = 1_000.into();
    let body = object([
        ("recipients", described(recipients, "External ids; who is unknown is made. Given, or topic is")),
        ("topic", described(text(1, 255), "In their place: all members of a topic")),
        ("data", described(free(), "title, message and url, or what else there is to tell")),
        ("actor", person()),
    ]);
    part.add(
        Operation::post("/notiflows/{notiflow}/run", "Run a notiflow")
            .of(RUNS)
            .path("notiflow", "Its id or handle", json!({ "type": "string", "example": "order.updated" }))
            .header("Idempotency-Key", "The same one again changes nothing and gets the same answer", text(1, 255))
            .takes(body, json!({ "recipients": ["ext-anna"], "data": { "title": "Order 7", "message": "It was shipped." } }))
            .answers(200, "The run", object([("notiflow_run_id!", string())]))
            .fails(&[409]),
    );
}
