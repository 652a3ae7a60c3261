//! Moving in and out.

use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_wire::transfer::{Export, Import, Imported, TransferContact, TransferStep, TransferUser};

use super::paged;
use crate::openapi::schema::boolean;
use crate::openapi::{Operation, Part};

const TRANSFER: &str = "Moving in";

pub(super) fn describe(part: &mut Part) {
    part.tag(TRANSFER, "All that users have said, to take it to another Watchbell, and what comes from another system");
    part.add(
        Operation::get("/export", "Read all that users have said")
            .of(TRANSFER)
            .says("Needs an admin key. Users come in order of id. API keys are no part of it.")
            .with(paged)
            .returns::<Export>(200, "A page"),
    );
    part.add(
        Operation::post("/import", "Take over what users have said elsewhere")
            .of(TRANSFER)
            .says(
                "Needs an admin key. Takes a page of an export: what is missing is added, chains become what is given, contacts and \
                 rules that are there stay. The same page a second time changes nothing.",
            )
            .query("dryRun", "Only say what would be done", boolean())
            .query("join", "Look for users by email too, and let those who are there keep what they are called", boolean())
            .query("prune", "Take away what users have and what their lists that are said do not have; users stay", boolean())
            .accepts(&example())
            .returns::<Imported>(200, "What came of it"),
    );
}

fn example() -> Import {
    let contact = TransferContact {
        kind: ContactKind::Email.into(),
        target: "dana@example.org".to_owned(),
        region_code: None,
        primary: None,
        status: Some(ContactStatus::Ok.into()),
    };
    let step = TransferStep { id: None, user_id: None, important: Some(true), position: 0, kind: "wait".to_owned(), duration: Some(300) };
    let user = TransferUser {
        external_id: "emp-7".to_owned(),
        username: Some("dana".to_owned()),
        contacts: Some(vec![contact]),
        chains: Some(vec![step]),
        topics: Some(vec!["releases".to_owned()]),
        ..TransferUser::default()
    };
    Import { version: None, categories: None, users: vec![user] }
}
