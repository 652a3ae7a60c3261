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
    part.add(
        Operation::get("/session/sign-on", "Sign in by the identity provider")
            .of(SESSION)
            .says("Leads a browser to the provider; where there is none, 404.")
            .query("next", "The page of this site to be led to in the end", string())
            .answers_as(
                200,
                "The provider's page, to which this leads (303); or, where it does not work, the page to sign in, which says so",
                "text/html",
                string(),
            )
            .fails(&[404, 429]),
    );
    part.add(
        Operation::get("/session/sign-on/back", "Come back from the identity provider")
            .of(SESSION)
            .query("state", "What the browser set out with", string())
            .query("code", "What the provider gave it", string())
            .answers_as(
                200,
                "Where the browser wanted to go, signed in (303); else the page to sign in, which says why",
                "text/html",
                string(),
            )
            .fails(&[404, 429]),
    );
    part
}
