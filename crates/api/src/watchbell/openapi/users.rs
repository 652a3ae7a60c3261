//! Users, their contacts and devices, and topics.

use serde_json::json;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::device::DeviceKind;

use super::{named_user, of_user, paged, with_id};
use crate::openapi::schema::{
    array, boolean, closed, described, free, int64, integer, names, nullable, object, of, page, string, text, time,
};
use crate::openapi::{Operation, Part};

const USERS: &str = "Watchbell users";
const TOPICS: &str = "Topics";

pub(super) fn describe(part: &mut Part) {
    part.tag(USERS, "What the other surfaces have no place for: quiet hours, devices, verification of contacts");
    part.tag(TOPICS, "Whom an event for a topic is for");
    schemas(part);
    part.add(Operation::get("/users/{user}", "Get a user").of(USERS).with(of_user).answers(200, "The user", of("WatchbellUser")));
    part.add(
        Operation::put("/users/{user}", "Change a user")
            .of(USERS)
            .says("Changes what is given; null clears quietHours and externalId. externalId needs an admin key; it is no whole number, and no other user's U… id.")
            .with(of_user)
            .takes(
                of("WatchbellUserChange"),
                json!({ "timezone": "Europe/Berlin", "locale": "de", "quietHours": { "start": "22:00", "end": "07:00" } }),
            )
            .answers(200, "The user", of("WatchbellUser"))
            .fails(&[409]),
    );
    devices(part);
    contacts(part);
    topics(part);
}

fn schemas(part: &mut Part) {
    let clock = || json!({ "type": "string", "pattern": "^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$" });
    part.schema(
        "QuietHours",
        described(
            object([
                ("start!", clock()),
                ("end!", clock()),
                ("days", described(array(&integer(1, 7)), "ISO weekdays, 1 is Monday; left out or empty: every day")),
            ]),
            "In the user's time zone. Everything but HIGH alerts is held, and released as one message an address when they end",
        ),
    );
    part.schema(
        "UserProfile",
        closed([
            ("role", described(string(), "USER, ADMIN, STAKEHOLDER, …; gives no rights")),
            ("position", text(0, 255)),
            ("department", text(0, 255)),
            ("region", text(0, 255)),
            ("shiftColor", text(0, 255)),
            ("avatar", string()),
        ]),
    );
    part.schema(
        "WatchbellUser",
        object([
            ("id!", int64()),
            ("publicId!", string()),
            ("externalId", string()),
            ("username!", string()),
            ("firstName!", string()),
            ("lastName!", string()),
            ("timezone!", string()),
            ("locale!", string()),
            ("quietHours", of("QuietHours")),
            ("customFields!", free()),
            ("profile!", of("UserProfile")),
            ("createdAt!", time()),
            ("updatedAt!", time()),
        ]),
    );
    part.schema(
        "WatchbellUserChange",
        closed([
            ("username", text(1, 255)),
            ("firstName", text(0, 255)),
            ("lastName", text(0, 255)),
            ("timezone", described(string(), "An IANA time zone")),
            ("locale", described(string(), "A BCP 47 tag")),
            ("quietHours", nullable(of("QuietHours"))),
            ("externalId", nullable(text(1, 255))),
        ]),
    );
    part.schema(
        "WatchbellContact",
        object([
            ("id!", int64()),
            ("kind!", names(ContactKind::ALL.iter().map(|kind| kind.as_str()))),
            ("target!", string()),
            ("primary!", boolean()),
            ("status!", names(ContactStatus::ALL.iter().map(|status| status.as_str()))),
            ("regionCode", string()),
        ]),
    );
    part.schema(
        "Device",
        object([
            ("id!", int64()),
            ("kind!", names(DeviceKind::ALL.iter().map(|kind| kind.as_str()))),
            ("token!", described(string(), "Masked")),
            ("createdAt!", time()),
        ]),
    );
}

fn devices(part: &mut Part) {
    const PATH: &str = "/users/{user}/devices";
    part.add(Operation::get(PATH, "List a user's devices").of(USERS).with(of_user).answers(
        200,
        "All of them",
        object([("items!", array(&of("Device")))]),
    ));
    let device = closed([
        ("kind!", names(DeviceKind::ALL.iter().map(|kind| kind.as_str()))),
        ("token!", described(text(1, 2_048), "An FCM token, an APNs token in hex, or a push subscription's endpoint")),
        ("keys", described(closed([("p256dh!", string()), ("auth!", string())]), "A push subscription's, in base64url")),
    ]);
    part.add(
        Operation::post(PATH, "Register a device")
            .of(USERS)
            .with(of_user)
            .takes(device, json!({ "kind": "fcm", "token": "fGx3:APA91bH0" }))
            .answers(201, "The device", of("Device")),
    );
    part.add(
        Operation::delete("/users/{user}/devices/{id}", "Forget a device")
            .of(USERS)
            .with(of_user)
            .with(|operation| with_id(operation, "device"))
            .answers_nothing("It is forgotten"),
    );
}

fn contacts(part: &mut Part) {
    const ALL: &str = "/users/{user}/contacts";
    const PATH: &str = "/users/{user}/contacts/{id}";
    let kinds = || names(ContactKind::ALL.iter().map(|kind| kind.as_str()));
    part.add(Operation::get(ALL, "List a user's contacts").of(USERS).with(of_user).query("kind", "Only those of a kind", kinds()).answers(
        200,
        "All of them",
        object([("items!", array(&of("WatchbellContact")))]),
    ));
    let target = || described(text(1, 2_048), "An address, a number, a chat, or a URL: what the kind is written to");
    let region = || described(string(), "Of a phone number: ISO 3166 alpha-2, such as DE");
    let made = closed([("kind!", kinds()), ("target!", target()), ("regionCode", region()), ("primary", boolean())]);
    part.add(
        Operation::post(ALL, "Add a contact")
            .of(USERS)
            .says("Made with a user key it is LOCKED until it is verified.")
            .with(of_user)
            .takes(made, json!({ "kind": "webhook", "target": "https://hooks.example.org/watchbell" }))
            .answers(201, "The contact", of("WatchbellContact"))
            .fails(&[409]),
    );
    let of_contact = |operation: Operation| operation.of(USERS).with(of_user).with(|operation| with_id(operation, "contact"));
    part.add(Operation::get(PATH, "Get a contact").with(of_contact).answers(200, "The contact", of("WatchbellContact")));
    let replaced = closed([("kind", kinds()), ("target!", target()), ("regionCode", region()), ("primary", boolean())]);
    part.add(
        Operation::put(PATH, "Give a contact another target")
            .with(of_contact)
            .says("Its kind stays.")
            .takes(replaced, json!({ "target": "anna.second@example.org" }))
            .answers(200, "The contact", of("WatchbellContact"))
            .fails(&[409]),
    );
    part.add(
        Operation::delete(PATH, "Delete a contact")
            .with(of_contact)
            .query("force", "Delete the rules that use it as well", boolean())
            .answers_nothing("It is gone")
            .fails(&[409]),
    );
    part.add(
        Operation::post(format!("{PATH}/verification"), "Send a code to a contact")
            .with(of_contact)
            .says("One a minute; it is good for 15 minutes and five tries.")
            .answers(202, "It is on its way", object([("expiresAt!", time())]))
            .fails(&[409, 429]),
    );
    part.add(
        Operation::post(format!("{PATH}/verification/confirm"), "Say the code that arrived")
            .with(of_contact)
            .takes(closed([("code!", text(1, 32))]), json!({ "code": "123456" }))
            .answers(200, "The contact, which may be used now", of("WatchbellContact"))
            .fails(&[409]),
    );
    part.add(
        Operation::get(format!("{PATH}/signing-secret"), "See what a webhook's messages are signed with")
            .with(of_contact)
            .says("By Standard Webhooks. Each URL has a secret of its own where the provider has a contact_key.")
            .answers(200, "The secret", object([("secret!", string())]))
            .fails(&[409]),
    );
    part.add(
        Operation::put(format!("{PATH}/status"), "Set a contact's status")
            .with(of_contact)
            .says("Needs an admin key. BLACKLISTED is for good until it is changed here.")
            .takes(closed([("status!", names(ContactStatus::ALL.iter().map(|status| status.as_str())))]), json!({ "status": "OK" }))
            .answers(200, "The contact", of("WatchbellContact")),
    );
    part.add(
        Operation::post("/users/{user}/telegram-link", "Make a link that opens the Telegram bot")
            .of(USERS)
            .says("Whoever opens it within 15 minutes has their chat linked to the user.")
            .with(of_user)
            .answers(201, "The link", object([("url!", string()), ("expiresAt!", time())]))
            .fails(&[409]),
    );
}

fn topics(part: &mut Part) {
    const PATH: &str = "/topics/{topic}/users";
    let of_topic = |operation: Operation| {
        operation.of(TOPICS).path("topic", "Its name", json!({ "type": "string", "minLength": 1, "maxLength": 255, "example": "releases" }))
    };
    let member = page(&object([("id!", int64())]));
    part.add(Operation::get(PATH, "List a topic's members").with(of_topic).with(paged).answers(200, "A page, in order of id", member));
    let mut users = array(&named_user());
    users["maxItems"] = 1_000.into();
    part.add(
        Operation::put(PATH, "Add members to a topic")
            .with(of_topic)
            .says("All of them or, when one is unknown, none.")
            .takes(closed([("users!", users)]), json!({ "users": [1] }))
            .answers_nothing("They are members"),
    );
    let of_member = |operation: Operation| operation.with(of_topic).with(of_user);
    let one = "/topics/{topic}/users/{user}";
    part.add(Operation::put(one, "Add a member to a topic").with(of_member).answers_nothing("The user is a member"));
    part.add(Operation::delete(one, "Take a member out of a topic").with(of_member).answers_nothing("The user is no member"));
}
