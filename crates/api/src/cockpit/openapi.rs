//! The page, for the OpenAPI document.

use serde_json::json;

use super::PAGES;
use crate::openapi::schema::string;
use crate::openapi::{Operation, Part};
use crate::watchbell;

const COCKPIT: &str = "Page";

pub(crate) fn part() -> Part {
    let mut part = Part::new("Cockpit", "", json!([]), watchbell::openapi::failures(&[429, 500, 503]));
    part.tag(COCKPIT, "For people, in a browser that has signed in. Without a session each leads to /sign-in.");
    let html = |operation: Operation| operation.of(COCKPIT).answers_as(200, "The page", "text/html", string());
    part.add(Operation::get("/", "Go to the first page that the key can use").with(html));
    part.add(
        Operation::get("/sign-in", "The page to sign in")
            .query("next", "The page to be led to in the end", string())
            .query("trouble", "What went wrong with the identity provider: one of a few words", string())
            .with(html),
    );
    for page in &PAGES {
        let operation = Operation::get(page.path, page.title).with(html);
        let named = page.path.contains("{id}");
        part.add(if named { operation.path("id", "What the page is about", string()) } else { operation });
    }
    part.add(
        Operation::get("/assets/{version}/{name}", "A script or style of the page")
            .of(COCKPIT)
            .path("version", "A digest of them all", string())
            .path("name", "The file", string())
            .answers_as(200, "The file", "text/javascript", string()),
    );
    part.add(Operation::get("/service-worker.js", "What shows pushed messages").of(COCKPIT).answers_as(
        200,
        "The file",
        "text/javascript",
        string(),
    ));
    part
}
