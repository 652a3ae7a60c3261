//! The pages that links in messages lead to, for the OpenAPI document.

use serde_json::json;

use crate::openapi::schema::{map_of, names, string};
use crate::openapi::{Operation, Part};
use crate::watchbell;

const PAGES: &str = "Pages";

pub(crate) fn part() -> Part {
    let mut part = Part::new("Page", "", json!([]), watchbell::openapi::failures(&[400, 500, 503]));
    part.tag(PAGES, "What links in messages lead to. The token says who and what; GET changes nothing.");
    let page = |operation: Operation| operation.of(PAGES).path("token", "43 characters of base64url, as the message has them", string());
    let answered = |operation: Operation| {
        let page = |operation: Operation, (status, says)| operation.answers_as(status, says, "text/html", string());
        let pages = [
            (200, "The page, in the reader's language"),
            (404, "A page that says that the link is not valid"),
            (409, "A page that says who has dealt with it"),
            (410, "A page that says that the message is too old"),
            (429, "A page that asks for patience"),
        ];
        pages.into_iter().fold(operation, page)
    };
    part.add(Operation::get("/a/{token}", "See an alert, and what can be answered").with(page).with(answered));
    part.add(
        Operation::post("/a/{token}", "Answer an alert")
            .with(page)
            .query("action", "Instead of the form's field", names(["accept", "resolve", "decline"]))
            .takes_as("application/x-www-form-urlencoded", map_of(&string()), json!({ "action": "accept" }))
            .with(answered),
    );
    part.add(Operation::get("/u/{token}", "Ask whether mails of a category are to stop").with(page).with(answered));
    part.add(
        Operation::post("/u/{token}", "Stop mails of a category")
            .says("As RFC 8058 has it: a mail program posts List-Unsubscribe=One-Click.")
            .with(page)
            .takes_as("application/x-www-form-urlencoded", map_of(&string()), json!({ "List-Unsubscribe": "One-Click" }))
            .with(answered),
    );
    part
}
