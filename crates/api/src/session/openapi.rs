//! Signing in and out, for the OpenAPI document.

use serde_json::json;
use watchbell_wire::caller::{Caller, SignIn};

use crate::openapi::schema::string;
use crate::openapi::{Operation, Part};
use crate::watchbell;

const SESSION: &str = "Session";

pub(crate) fn part() -> Part {
    let mut part = Part::new("Session", "/watchbell/v1", json!([]), watchbell::openapi::failures(&[403, 500, 503]));
    part.tag(SESSION, "A browser that acts with a key. Every change that its cookie is sent with needs the header X-Watchbell-Page too.");
    let header = |operation: Operation| operation.of(SESSION).header("X-Watchbell-Page", "Any value", string());
    part.add(
        Operation::post("/session", "Sign in")
            .says("The answer sets a cookie, which counts wherever a key does.")
            .with(header)
            .accepts(&SignIn { key: "wb_admin".to_owned() })
            .returns::<Caller>(201, "Who calls from now on")
            .fails(&[401, 429]),
    );
    part.add(Operation::delete("/session", "Sign out").with(header).answers_nothing("There is no session any more").fails(&[429]));
    part
}
