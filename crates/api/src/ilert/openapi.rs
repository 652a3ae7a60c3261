//! The surface's part of the OpenAPI document: the 30 operations of ilert's own, word for word (a test compares them), and what
//! clients use beside them.
//!
//! One thing differs: where ilert's document says that a rule's `contact` is `oneOf` a phone number and an email address, this
//! says `anyOf`, as any contact fits both.

use serde_json::{Value, json};
use watchbell_core::contact::ContactStatus;

use super::rules::kind::{ALL, Kind};
use crate::openapi::schema::{array, boolean, described, int64, integer, names, object, of, string, text};
use crate::openapi::{Failures, Operation, Part};

const PREFERENCES: &str = "Notification Preferences";
const CONTACTS: &str = "Contacts";
const USERS: &str = "Users";

pub(crate) fn part() -> Part {
    let failures = Failures::shaped(&[401, 403, 429, 500, 503], "IlertError", error());
    let mut part = Part::new("Ilert", "/api", json!([{ "apiKey": [] }, { "basic": [] }]), failures);
    part.tag(PREFERENCES, "ilert: by which channel a user hears of alerts, duties, updates and subscriptions");
    part.tag(CONTACTS, "ilert: a user's email addresses and phone numbers");
    part.tag(USERS, "ilert: who there is");
    contact_schemas(&mut part);
    for kind in &ALL {
        rules(&mut part, kind);
    }
    part.schema("NotificationPreferencesAlertDelayMin", json!({ "type": "integer" }));
    part.schema(
        "NotificationPreferencesDutyBeforeMin",
        json!({ "type": "integer", "enum": watchbell_core::rule::shown::ILERT_BEFORE_MIN }),
    );
    let email = json!({ "target": "anna.second@example.org" });
    contacts(&mut part, "emails", "ContactEmail", &email, ["Get a user's emails", "Create a new email", "Get a specific email", "email"]);
    let phone = json!({ "target": "0151 12345678", "regionCode": "DE", "primary": true });
    let words = ["Get a user's phone numbers", "Create a phone number", "Get specific phone number", "phone number"];
    contacts(&mut part, "phone-numbers", "ContactPhoneNumber", &phone, words);
    users(&mut part);
    part
}

fn error() -> Value {
    object([
        ("status!", integer(400, 599)),
        ("message!", string()),
        ("code!", described(string(), "NOT_FOUND, BAD_REQUEST, …")),
        ("contactId", described(int64(), "The contact that has this target already")),
        ("ruleIds", described(array(&int64()), "The rules that use the contact")),
    ])
}

fn of_user(operation: Operation) -> Operation {
    operation.path("user-id", "numeric user id", json!({ "type": "string", "example": "1" }))
}

fn with_id(operation: Operation) -> Operation {
    operation.with(of_user).path("id", "entity ID", json!({ "type": "number", "example": 1 }))
}

fn contact_schemas(part: &mut Part) {
    let primary = || described(boolean(), "May only be enabled for a single phone number contact at a time");
    part.schema("ContactStatus", names(ContactStatus::ALL.iter().map(|status| status.as_str())));
    part.schema("ContactEmail", object([("id", int64()), ("target", string()), ("status", of("ContactStatus"))]));
    part.schema("ContactEmailPost", object([("target", string())]));
    part.schema(
        "ContactPhoneNumber",
        object([("id", int64()), ("regionCode", string()), ("target", string()), ("primary", primary()), ("status", of("ContactStatus"))]),
    );
    part.schema("ContactPhoneNumberPost", object([("regionCode", string()), ("target", string()), ("primary", primary())]));
}

/// What the five operations of something that users have are called.
struct Words {
    list: String,
    create: String,
    show: String,
    replace: String,
    delete: String,
}

/// List, create, show, replace and delete.
fn resource(part: &mut Part, tag: &str, path: &str, schema: &str, words: &Words, example: &Value) {
    let (all, one) = (format!("/users/{{user-id}}/{path}"), format!("/users/{{user-id}}/{path}/{{id}}"));
    let body = || of(&format!("{schema}Post"));
    let response = "the response";
    part.add(Operation::get(&all, &words.list).of(tag).with(of_user).answers(200, response, array(&of(schema))));
    let create = Operation::post(&all, &words.create).of(tag).with(of_user).takes(body(), example.clone());
    part.add(create.answers(201, response, of(schema)));
    part.add(Operation::get(&one, &words.show).of(tag).with(with_id).answers(200, response, of(schema)));
    let replace = Operation::put(&one, &words.replace).of(tag).with(with_id).takes(body(), example.clone()).optional();
    part.add(replace.says("Replaces the whole of it; the body is needed.").answers(200, response, of(schema)));
    let mut delete = Operation::delete(&one, &words.delete).of(tag).with(with_id).answers_nothing("if deletion was successful");
    if tag == CONTACTS {
        delete = delete.query("force", "Delete the rules that use it as well", boolean()).fails(&[409]);
    }
    part.add(delete);
}

fn rules(part: &mut Part, kind: &Kind) {
    let (name, article) = match kind.path {
        "alerts" => ("Alert", "an"),
        "duties" => ("Duty", "a"),
        "updates" => ("Update", "an"),
        _ => ("Subscription", "a"),
    };
    let small = name.to_ascii_lowercase();
    let schema = format!("NotificationPreferences{name}");
    let mut members = json!({
        "method": of(&format!("NotificationPreference{name}Method")),
        "contact": { "type": "object", "anyOf": [of("ContactPhoneNumber"), of("ContactEmail")] },
    });
    part.schema(&format!("NotificationPreference{name}Method"), names(kind.methods.iter().map(|(method, _)| *method)));
    let mut example = json!({ "method": "EMAIL", "contact": { "id": 1 } });
    if let [(first, _), ..] = kind.types {
        // The original's own irregular names.
        let types = if name == "Alert" { "NotificationPreferenceAlertType".to_owned() } else { format!("{schema}Type") };
        let types = if name == "Duty" { format!("{types}s") } else { types };
        members["type"] = of(&types);
        part.schema(&types, names(kind.types.iter().map(|(name, _)| *name)));
        example["type"] = (*first).into();
    }
    let offset = match name {
        "Alert" => Some(("delayMin", "NotificationPreferencesAlertDelayMin")),
        "Duty" => Some(("beforeMin", "NotificationPreferencesDutyBeforeMin")),
        _ => None,
    };
    if let Some((field, of_field)) = offset {
        members[field] = of(of_field);
        example[field] = 15.into();
    }
    part.schema(&format!("{schema}Post"), json!({ "type": "object", "properties": members.clone() }));
    members["id"] = int64();
    part.schema(&schema, json!({ "type": "object", "properties": members }));
    let words = Words {
        list: format!("Get {small} notification preferences of a user"),
        create: format!("Create {article} {small} notification preference"),
        show: format!("Get specific notification preferences {small}"),
        replace: format!("Update a user's {small} notification preference"),
        delete: format!("Delete the user's specified notification preferences {small}"),
    };
    resource(part, PREFERENCES, &format!("notification-preferences/{}", kind.path), &schema, &words, &example);
}

fn contacts(part: &mut Part, path: &str, schema: &str, example: &Value, [list, create, show, one]: [&str; 4]) {
    let words = Words {
        list: list.to_owned(),
        create: create.to_owned(),
        show: show.to_owned(),
        replace: format!("Update a user's {one}"),
        delete: format!("Delete the user's specified {one}"),
    };
    resource(part, CONTACTS, &format!("contacts/{path}"), schema, &words, example);
    let found = if schema == "ContactEmail" { json!("anna@example.org") } else { json!("+4915112345678") };
    part.add(
        Operation::post(format!("/users/{{user-id}}/contacts/{path}/search-target"), &format!("Find a user's {one} by its target"))
            .of(CONTACTS)
            .with(of_user)
            .takes(object([("target!", text(1, 255))]), json!({ "target": found }))
            .answers(200, "The one that has it", of(schema)),
    );
}

/// The name of a role.
fn role() -> Value {
    json!({ "type": "string", "maxLength": 64, "pattern": "^[A-Z_]*$" })
}

fn users(part: &mut Part) {
    let phone = || object([("regionCode!", string()), ("number!", string())]);
    part.schema(
        "User",
        object([
            ("id!", int64()),
            ("username!", string()),
            ("firstName!", string()),
            ("lastName!", string()),
            ("timezone!", string()),
            ("language!", string()),
            ("role!", described(string(), "USER, ADMIN, STAKEHOLDER, …; it gives no rights, API keys have roles of their own")),
            ("position", string()),
            ("department", string()),
            ("region", string()),
            ("shiftColor", string()),
            ("email", described(string(), "The first email contact that is OK, or else the first")),
            ("phone", described(phone(), "The primary phone number, or else the first that is OK, or else the first")),
        ]),
    );
    part.schema(
        "UserPost",
        described(
            object([
                ("username", described(text(1, 255), "Of a new user the email address, where there is none; later what it was")),
                ("firstName", text(0, 255)),
                ("lastName", text(0, 255)),
                ("timezone", described(string(), "An IANA time zone, such as Europe/Berlin")),
                ("language", described(string(), "A BCP 47 tag, such as de-AT")),
                ("role", described(role(), "USER, ADMIN, STAKEHOLDER, …; USER unless told")),
                ("position", text(0, 255)),
                ("department", text(0, 255)),
                ("region", text(0, 255)),
                ("shiftColor", text(0, 255)),
                ("email", described(string(), "Of a new user this becomes an email contact; later another one takes its place")),
                ("phone", described(phone(), "As email; a number that the user has already becomes the primary one")),
            ]),
            "A new user has a username or an email",
        ),
    );
    let example = json!({
        "username": "carla",
        "firstName": "Carla",
        "lastName": "Ruiz",
        "timezone": "Europe/Madrid",
        "language": "es",
        "role": "STAKEHOLDER",
        "department": "Operations",
        "email": "carla@example.org",
        "phone": { "regionCode": "ES", "number": "612 34 56 78" },
    });
    let user = "The user";
    part.add(
        Operation::get("/users", "List users")
            .of(USERS)
            .query("start-index", "How many to skip", json!({ "type": "integer", "format": "int64", "minimum": 0, "default": 0 }))
            .query("max-results", "How many to list", json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }))
            .answers(200, "A page, in order of id", array(&of("User"))),
    );
    part.add(Operation::post("/users", "Create a user").of(USERS).takes(of("UserPost"), example).answers(201, user, of("User")));
    part.add(Operation::get("/users/{user-id}", "Get a user").of(USERS).with(any_user).answers(200, user, of("User")));
    part.add(
        Operation::put("/users/{user-id}", "Update a user")
            .of(USERS)
            .says(
                "Replaces all that is shown of the user, but for the username and addresses that are not given. Another email or phone \
                 takes the place of the contact that was shown, and rules that name it follow; with a user's own key it is LOCKED until \
                 it is verified.",
            )
            .with(any_user)
            .takes(of("UserPost"), json!({ "username": "anna", "firstName": "Anna", "timezone": "Europe/Vienna", "position": "SRE" }))
            .answers(200, user, of("User")),
    );
    part.add(
        Operation::delete("/users/{user-id}", "Delete a user, with all that is theirs")
            .of(USERS)
            .with(any_user)
            .answers_nothing("It is gone"),
    );
    part.add(
        Operation::post("/users/search-email", "Find a user by an email address")
            .of(USERS)
            .takes(object([("email!", text(1, 255))]), json!({ "email": "anna@example.org" }))
            .answers(200, user, of("User"))
            .fails(&[404]),
    );
}

fn any_user(operation: Operation) -> Operation {
    operation.path("user-id", "The user's number or username, or current for the key's own", json!({ "type": "string", "example": "1" }))
}
