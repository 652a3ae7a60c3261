//! The surface's part of the OpenAPI document.

mod categories;
mod duties;
mod events;
mod history;
mod operators;
mod rules;
mod transfer;
mod users;

use serde_json::{Value, json};
use watchbell_wire::error::Error;

use crate::openapi::schema::string;
use crate::openapi::{Failures, Operation, Part};

pub(crate) fn part() -> Part {
    let mut part = Part::new("Watchbell", "/watchbell/v1", json!([{ "bearer": [] }, { "basic": [] }]), failures(&[401, 403, 500, 503]));
    users::describe(&mut part);
    rules::describe(&mut part);
    categories::describe(&mut part);
    events::describe(&mut part);
    duties::describe(&mut part);
    history::describe(&mut part);
    operators::describe(&mut part);
    transfer::describe(&mut part);
    part
}

/// How everything fails that has no form of errors of its own.
pub(crate) fn failures(always: &'static [u16]) -> Failures {
    Failures::of::<Error>(always)
}

/// Of a user.
fn of_user(operation: Operation) -> Operation {
    let description = "The user's number, U… id, external id, or current for the key's own";
    operation.path("user", description, json!({ "type": "string", "minLength": 1, "maxLength": 255, "example": "1" }))
}

fn with_id(operation: Operation, what: &str) -> Operation {
    let schema = json!({ "type": "integer", "format": "int64", "example": 1 });
    operation.path("id", &format!("The {what}'s number"), schema)
}

/// Of lists that come in pages.
fn paged(operation: Operation) -> Operation {
    limited(operation).query("cursor", "The nextCursor of the page before", string())
}

fn limited(operation: Operation) -> Operation {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": 50 });
    operation.query("limit", "How many to list", limit)
}

/// An event's or a delivery's id, as Watchbell derives it.
fn derived_id() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z0-9]{26}$" })
}

/// A path's or a query's, with an example.
fn derived_example() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z0-9]{26}$", "example": "01KAFX8M00ABCDEFGHJKMNPQRS" })
}
