//! The surface's part of the OpenAPI document. The original has none; this is written from its behaviour.

use serde_json::{Value, json};

use super::{MOUNT, absent, duration, kinds};
use crate::openapi::schema::{array, boolean, described, int64, integer, map_of, names, nullable, object, of, string};
use crate::openapi::{Failures, Operation, Part};

const RULES: &str = "Personal notification rules";
const USERS: &str = "OnCall users";
const OTHERS: &str = "OnCall's other resources";

pub(crate) fn part() -> Part {
    let failures = Failures::shaped(&[403, 429, 500, 503], "OncallError", error());
    let mut part = Part::new("Oncall", MOUNT, json!([{ "oncallToken": [] }]), failures);
    part.tag(RULES, "Grafana OnCall: a user's chains of steps. Paths are taken with and without the slash at the end.");
    part.tag(USERS, "Grafana OnCall: who there is");
    part.tag(OTHERS, "Grafana OnCall: what it has and this has nothing of, for clients that list it all before they begin");
    rules(&mut part);
    users(&mut part);
    others(&mut part);
    part
}

fn error() -> Value {
    let wrong = json!({ "anyOf": [string(), array(&string())] });
    described(map_of(&wrong), "detail for the request as a whole, or what is wrong with each field")
}

fn types() -> Value {
    names(std::iter::once(kinds::WAIT).chain(kinds::NOTIFY.iter().map(|(name, ..)| *name)))
}

fn seconds() -> Value {
    json!({ "type": "integer", "enum": duration::CHOICES.map(|(_, seconds)| seconds) })
}

/// Pages, as every list has them.
fn paged(operation: Operation, usual: i64) -> Operation {
    let number = |default: i64| json!({ "type": "integer", "default": default });
    operation.query("page", "From 1; what is out of range becomes what is nearest", number(1)).query(
        "perpage",
        "At most 100",
        number(usual),
    )
}

fn list(items: &Value) -> Value {
    object([
        ("count!", int64()),
        ("next!", nullable(string())),
        ("previous!", nullable(string())),
        ("results!", array(items)),
        ("page_size!", int64()),
        ("current_page_number!", int64()),
        ("total_pages!", int64()),
    ])
}

fn change() -> [(&'static str, Value); 4] {
    [
        ("type", types()),
        ("duration", described(seconds(), "Of wait only; 300 unless told")),
        ("position", described(integer(-1, 2_147_483_647), "What is there and after moves down; -1 is the end")),
        ("manual_order", described(boolean(), "Swap with who holds the position, instead of moving all")),
    ]
}

fn rules(part: &mut Part) {
    const ALL: &str = "/personal_notification_rules/";
    const ONE: &str = "/personal_notification_rules/{id}/";
    part.schema(
        "PersonalNotificationRule",
        object([
            ("id!", string()),
            ("user_id!", string()),
            ("position!", int64()),
            ("important!", boolean()),
            ("type!", types()),
            ("duration", described(seconds(), "Of wait")),
        ]),
    );
    part.schema("PersonalNotificationRuleChange", object(change()));
    let [kind, duration, position, manual_order] = change();
    part.schema(
        "PersonalNotificationRulePost",
        object([
            ("user_id!", described(string(), "The user's U… id, or external id")),
            ("type!", kind.1),
            duration,
            position,
            manual_order,
            ("important", described(boolean(), "For HIGH alerts; LOW unless told")),
        ]),
    );
    let rule = "The rule";
    part.add(
        Operation::get(ALL, "List rules")
            .of(RULES)
            .query("user_id", "Only one user's", string())
            .query("important", "Only those that are important, or are not", boolean())
            .with(|operation| paged(operation, 50))
            .answers(200, "A page, by user, importance and position", list(&of("PersonalNotificationRule"))),
    );
    let made = json!({ "user_id": "U4DNY931HHJS5", "type": "wait", "duration": 300, "important": true, "position": 0 });
    // Several media types for one body are more than most makers of clients can do, so forms are only told of.
    let forms = "Also taken as a form, in which every member is a text.";
    part.add(Operation::post(ALL, "Create a rule").of(RULES).says(forms).takes(of("PersonalNotificationRulePost"), made).answers(
        201,
        rule,
        of("PersonalNotificationRule"),
    ));
    let one =
        |operation: Operation| operation.of(RULES).path("id", "The rule's id", json!({ "type": "string", "example": "NT79GA9I7E4DJ" }));
    part.add(Operation::get(ONE, "Get a rule").with(one).answers(200, rule, of("PersonalNotificationRule")));
    for (method, summary) in [("put", "Change a rule"), ("patch", "Change a rule in part")] {
        let changed = Operation::new(method, ONE, summary)
            .with(one)
            .says(&format!("What is not given stays, also by PUT. {forms}"))
            .takes(of("PersonalNotificationRuleChange"), json!({ "type": "wait", "duration": 900 }));
        part.add(changed.optional().answers(200, rule, of("PersonalNotificationRule")));
    }
    part.add(Operation::delete(ONE, "Delete a rule").with(one).says("Renumbers nothing.").answers_nothing("It is gone"));
}

fn users(part: &mut Part) {
    part.schema(
        "OncallUser",
        object([
            ("id!", string()),
            ("grafana_id!", int64()),
            ("email!", string()),
            ("slack!", json!({ "type": "null" })),
            ("username!", string()),
            ("role!", names(["admin", "user"])),
            ("is_phone_number_verified!", boolean()),
            ("timezone!", string()),
            ("teams!", array(&string())),
        ]),
    );
    part.add(
        Operation::get("/users/", "List users")
            .of(USERS)
            .query("username", "Only who has this name", string())
            .query("email", "Only who has this address", string())
            .with(|operation| paged(operation, 100))
            .answers(200, "A page", list(&of("OncallUser"))),
    );
    part.add(
        Operation::get("/users/{id}/", "Get a user")
            .of(USERS)
            .path(
                "id",
                "The user's U… id, external id, or current for the key's own",
                json!({ "type": "string", "example": "U4DNY931HHJS5" }),
            )
            .answers(200, "The user", of("OncallUser")),
    );
}

fn others(part: &mut Part) {
    part.schema("OncallResource", object([("id!", string())]));
    for resource in &absent::ALL {
        let (what, path) = (resource.path.replace('_', " "), resource.path);
        part.add(
            Operation::get(format!("/{path}/"), &format!("List {what}"))
                .of(OTHERS)
                .with(|operation| paged(operation, resource.usual))
                .answers(200, "An empty page", list(&of("OncallResource"))),
        );
        part.add(
            Operation::get(format!("/{path}/{{id}}/"), &format!("Get one of the {what}"))
                .of(OTHERS)
                .path("id", "Its id in Grafana OnCall", json!({ "type": "string", "example": "F1" }))
                .says("There is none, so this is a 404.")
                .answers(200, "It", of("OncallResource")),
        );
    }
}
