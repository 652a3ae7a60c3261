//! Users, their contacts and devices, and topics.

use serde_json::json;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::device::DeviceKind;
use watchbell_core::preference::Digest;
use watchbell_core::user::Hours;
use watchbell_wire::accounts::{Account, AccountPut};
use watchbell_wire::contacts::{
    Contact, ContactStatusPut, NewContact, ReplacedContact, SigningSecret, StartedVerification, TelegramLink, VerificationCode,
};
use watchbell_wire::devices::{Device, NewDevice, PushKey};
use watchbell_wire::preferences::{CategoryPreference, CategoryWants};
use watchbell_wire::providers::{ContactTest, StartedTest};
use watchbell_wire::topics::{Member, NewMembers, Topic};
use watchbell_wire::users::{User, UserChange, UserName};
use watchbell_wire::{Items, Nullable, Page};

use super::{of_user, paged, with_id};
use crate::openapi::schema::{boolean, names};
use crate::openapi::{Operation, Part};

const USERS: &str = "Watchbell users";
const TOPICS: &str = "Topics";

pub(super) fn describe(part: &mut Part) {
    part.tag(USERS, "What the other surfaces have no place for: quiet hours, devices, verification of contacts");
    part.tag(TOPICS, "Whom an event for a topic is for");
    part.add(Operation::get("/users/{user}", "Get a user").of(USERS).with(of_user).returns::<User>(200, "The user"));
    part.add(
        Operation::put("/users/{user}", "Change a user")
            .of(USERS)
            .says("Changes what is given; null clears quietHours and externalId. externalId needs an admin key; it is no whole number, and no other user's U… id.")
            .with(of_user)
            .accepts(&change())
            .returns::<User>(200, "The user")
            .fails(&[409]),
    );
    devices(part);
    contacts(part);
    preferences(part);
    accounts(part);
    topics(part);
}

fn change() -> UserChange {
    let quiet_hours: Option<Hours> = serde_json::from_value(json!({ "start": "22:00", "end": "07:00" })).ok();
    UserChange {
        timezone: Some("Europe/Berlin".to_owned()),
        locale: Some("de".to_owned()),
        quiet_hours: quiet_hours.map(Nullable::Value),
        ..UserChange::default()
    }
}

fn devices(part: &mut Part) {
    const PATH: &str = "/users/{user}/devices";
    part.add(Operation::get(PATH, "List a user's devices").of(USERS).with(of_user).returns::<Items<Device>>(200, "All of them"));
    part.add(
        Operation::post(PATH, "Register a device")
            .of(USERS)
            .with(of_user)
            .accepts(&NewDevice { kind: DeviceKind::Fcm.into(), token: "fGx3:APA91bH0".to_owned(), keys: None })
            .returns::<Device>(201, "The device"),
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
    part.add(
        Operation::get(ALL, "List a user's contacts")
            .of(USERS)
            .with(of_user)
            .query("kind", "Only those of a kind", kinds())
            .returns::<Items<Contact>>(200, "All of them"),
    );
    let made = NewContact {
        kind: ContactKind::Webhook.into(),
        target: "https://hooks.example.org/watchbell".to_owned(),
        region_code: None,
        primary: None,
    };
    part.add(
        Operation::post(ALL, "Add a contact")
            .of(USERS)
            .says("Made with a user key it is LOCKED until it is verified.")
            .with(of_user)
            .accepts(&made)
            .returns::<Contact>(201, "The contact")
            .fails(&[409]),
    );
    let of_contact = |operation: Operation| operation.of(USERS).with(of_user).with(|operation| with_id(operation, "contact"));
    part.add(Operation::get(PATH, "Get a contact").with(of_contact).returns::<Contact>(200, "The contact"));
    let replaced = ReplacedContact { kind: None, target: "anna.second@example.org".to_owned(), region_code: None, primary: None };
    part.add(
        Operation::put(PATH, "Give a contact another target")
            .with(of_contact)
            .says("Its kind stays.")
            .accepts(&replaced)
            .returns::<Contact>(200, "The contact")
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
            .returns::<StartedVerification>(202, "It is on its way")
            .fails(&[409, 429]),
    );
    part.add(
        Operation::post(format!("{PATH}/verification/confirm"), "Say the code that arrived")
            .with(of_contact)
            .accepts(&VerificationCode { code: "123456".to_owned() })
            .returns::<Contact>(200, "The contact, which may be used now")
            .fails(&[409]),
    );
    part.add(
        Operation::post(format!("{PATH}/test"), "Send a test message to a contact")
            .with(of_contact)
            .says("It goes the way of every message, so its delivery shows what becomes of it. One a minute, and ten a day, to an address.")
            .accepts(&ContactTest::default())
            .optional()
            .returns::<StartedTest>(202, "It is on its way")
            .fails(&[409, 429]),
    );
    part.add(
        Operation::get(format!("{PATH}/signing-secret"), "See what a webhook's messages are signed with")
            .with(of_contact)
            .says("By Standard Webhooks. Each URL has a secret of its own where the provider has a contact_key.")
            .returns::<SigningSecret>(200, "The secret")
            .fails(&[409]),
    );
    part.add(
        Operation::put(format!("{PATH}/status"), "Set a contact's status")
            .with(of_contact)
            .says("Needs an admin key. BLACKLISTED is for good until it is changed here.")
            .accepts(&ContactStatusPut { status: ContactStatus::Ok.into() })
            .returns::<Contact>(200, "The contact"),
    );
    part.add(
        Operation::post("/users/{user}/telegram-link", "Make a link that opens the Telegram bot")
            .of(USERS)
            .says("Whoever opens it within 15 minutes has their chat linked to the user.")
            .with(of_user)
            .returns::<TelegramLink>(201, "The link")
            .fails(&[409]),
    );
}

fn preferences(part: &mut Part) {
    part.add(Operation::get("/push-key", "Get what browsers subscribe to push messages with").of(USERS).returns::<PushKey>(200, "The key"));
    part.add(
        Operation::get("/users/{user}/preferences", "See what a user wants of each category").of(USERS).with(of_user).returns::<Items<
            CategoryPreference,
        >>(
            200,
            "What holds for all others, then category by category",
        ),
    );
    part.add(
        Operation::put("/users/{user}/preferences", "Set what a user wants of a category, or of all others")
            .of(USERS)
            .with(of_user)
            .accepts(&CategoryWants { category: None, in_app: true, email: true, push: false, digest: Digest::Daily.into() })
            .returns::<CategoryPreference>(200, "What holds now"),
    );
}

fn accounts(part: &mut Part) {
    const ALL: &str = "/users/{user}/accounts";
    const PATH: &str = "/users/{user}/accounts/{service}";
    let services = || {
        let mut services = names(ContactKind::with_accounts().map(ContactKind::as_str));
        services["example"] = ContactKind::Slack.as_str().into();
        services
    };
    let of_account = |operation: Operation| operation.of(USERS).with(of_user).path("service", "Where the account is", services());
    part.add(
        Operation::get(ALL, "List a user's accounts at chat services")
            .of(USERS)
            .says("Whoever presses a button in a chat that others see acts as the user whose account it is.")
            .with(of_user)
            .returns::<Items<Account>>(200, "All of them"),
    );
    part.add(Operation::get(PATH, "Get a user's account").with(of_account).returns::<Account>(200, "The account"));
    part.add(
        Operation::put(PATH, "Link an account")
            .with(of_account)
            .says("Needs an admin key. Takes the place of the one before.")
            .accepts(&AccountPut { account: "U024BE7LH".to_owned() })
            .returns::<Account>(200, "The account")
            .fails(&[409]),
    );
    part.add(Operation::delete(PATH, "Unlink an account").with(of_account).says("Needs an admin key.").answers_nothing("It is unlinked"));
}

fn topics(part: &mut Part) {
    const PATH: &str = "/topics/{topic}/users";
    let of_topic = |operation: Operation| {
        operation.of(TOPICS).path("topic", "Its name", json!({ "type": "string", "minLength": 1, "maxLength": 255, "example": "releases" }))
    };
    part.add(Operation::get("/topics", "List topics").of(TOPICS).with(paged).returns::<Page<Topic>>(200, "A page, newest first"));
    part.add(Operation::delete("/topics/{topic}", "Delete a topic").with(of_topic).answers_nothing("It has no members any more"));
    part.add(
        Operation::get(PATH, "List a topic's members").with(of_topic).with(paged).returns::<Page<Member>>(200, "A page, in order of id"),
    );
    part.add(
        Operation::put(PATH, "Add members to a topic")
            .with(of_topic)
            .says("All of them or, when one is unknown, none.")
            .accepts(&NewMembers { users: vec![UserName::Number(1)] })
            .answers_nothing("They are members"),
    );
    let of_member = |operation: Operation| operation.with(of_topic).with(of_user);
    let one = "/topics/{topic}/users/{user}";
    part.add(Operation::put(one, "Add a member to a topic").with(of_member).answers_nothing("The user is a member"));
    part.add(Operation::delete(one, "Take a member out of a topic").with(of_member).answers_nothing("The user is no member"));
}
