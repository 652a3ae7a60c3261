//! Moving in and out.

use serde_json::json;
use watchbell_core::Channel;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::device::DeviceKind;
use watchbell_core::preference::{ChannelType, Digest};

use super::paged;
use crate::ilert::rules::kind;
use crate::openapi::schema::{array, boolean, closed, described, free, int64, integer, map_of, names, nullable, object, of, string, text};
use crate::openapi::{Operation, Part};

const TRANSFER: &str = "Moving in";

pub(super) fn describe(part: &mut Part) {
    part.tag(TRANSFER, "All that users have said, to take it to another Watchbell, and what comes from another system");
    schemas(part);
    let users = array(&of("TransferUser"));
    let page = object([
        ("version!", integer(1, 1)),
        ("categories", described(array(&of("TransferCategory")), "On the first page")),
        ("users!", users.clone()),
        ("nextCursor", string()),
    ]);
    part.add(
        Operation::get("/export", "Read all that users have said")
            .of(TRANSFER)
            .says("Needs an admin key. Users come in order of id. API keys are no part of it.")
            .with(paged)
            .answers(200, "A page", page),
    );
    let mut most = users;
    most["maxItems"] = 500.into();
    let taken = closed([("version", integer(1, 1)), ("categories", array(&of("TransferCategory"))), ("users!", most)]);
    let outcome = object([
        ("externalId!", string()),
        ("username!", string()),
        ("changes!", described(array(&string()), "What was done, or would be")),
        ("problems!", described(array(&string()), "What cannot be taken over")),
    ]);
    part.add(
        Operation::post("/import", "Take over what users have said elsewhere")
            .of(TRANSFER)
            .says(
                "Needs an admin key. Takes a page of an export: what is missing is added, chains become what is given, contacts and \
                 rules that are there stay. The same page a second time changes nothing.",
            )
            .query("dryRun", "Only say what would be done", boolean())
            .query("join", "Look for users by email too, and let those who are there keep what they are called", boolean())
            .takes(
                taken,
                json!({ "users": [{
                    "externalId": "emp-7",
                    "username": "dana",
                    "contacts": [{ "kind": "email", "target": "dana@example.org", "status": "OK" }],
                    "chains": [{ "important": true, "position": 0, "type": "wait", "duration": 300 }],
                    "topics": ["releases"],
                }] }),
            )
            .answers(200, "What came of it", object([("categories!", array(&string())), ("users!", array(&outcome))])),
    );
}

fn schemas(part: &mut Part) {
    part.schema(
        "TransferCategory",
        closed([
            ("handle!", text(1, 255)),
            ("name", text(1, 255)),
            ("defaultChannels", array(&names(Channel::ALL.iter().map(|channel| channel.as_str())))),
        ]),
    );
    let address = || names(ContactKind::ALL.iter().map(|kind| kind.as_str()));
    let contact = closed([
        ("kind!", address()),
        ("target!", text(1, 2_048)),
        ("regionCode", string()),
        ("primary", boolean()),
        ("status", names(ContactStatus::ALL.iter().map(|status| status.as_str()))),
    ]);
    let device = closed([
        ("kind!", names(DeviceKind::ALL.iter().map(|kind| kind.as_str()))),
        ("token!", text(1, 2_048)),
        ("keys", described(closed([("p256dh!", string()), ("auth!", string())]), "Of webpush")),
    ]);
    let rule = closed([
        ("kind!", names(kind::ALL.iter().map(|kind| kind.path))),
        ("method!", string()),
        ("type", string()),
        ("delayMin", integer(0, 120)),
        ("beforeMin", integer(0, 1_440)),
        ("contact", closed([("kind!", address()), ("target!", string())])),
    ]);
    let step = closed([
        ("id", nullable(string())),
        ("user_id", string()),
        ("important", boolean()),
        ("position!", int64()),
        ("type!", string()),
        ("duration", int64()),
    ]);
    let preference = closed([
        ("category", nullable(string())),
        ("inApp", boolean()),
        ("email", boolean()),
        ("push", boolean()),
        ("digest", names(Digest::ALL.iter().map(|digest| digest.as_str()))),
    ]);
    let types = || {
        let mut types = closed([]);
        for kind in ChannelType::ALL {
            types["properties"][kind.as_str()] = boolean();
        }
        types
    };
    let of_notiflow = closed([("enabled", boolean()), ("channelTypes", types())]);
    let switches = closed([("channelTypes", types()), ("notiflows", described(map_of(&of_notiflow), "By handle"))]);
    part.schema(
        "TransferUser",
        closed([
            ("externalId!", described(text(1, 255), "What the user is known by, here and there; no whole number")),
            ("username", text(1, 255)),
            ("firstName", text(0, 255)),
            ("lastName", text(0, 255)),
            ("timezone", string()),
            ("locale", string()),
            ("quietHours", nullable(of("QuietHours"))),
            ("customFields", free()),
            ("profile", of("UserProfile")),
            ("contacts", array(&contact)),
            ("devices", array(&device)),
            ("rules", described(array(&rule), "Of the ilert surface, in its words")),
            ("chains", described(array(&step), "Of the OnCall surface, in its words")),
            ("topics", array(&text(1, 255))),
            ("preferences", array(&preference)),
            ("switches", described(switches, "Of Notiflows, as far as they were ever set")),
        ]),
    );
}
