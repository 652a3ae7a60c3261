//! The document of all surfaces.

use serde_json::{Map, Value, json};
use watchbell_wire::server::{Liveness, Readiness};

use super::schema::{free, merge, string};
use super::{Operation, Part};
use crate::{callbacks, cockpit, ilert, intake, messaging, notiflows, oncall, pages, session, watchbell};

/// The whole document, OpenAPI 3.1.
pub fn document() -> Value {
    let parts = [
        ilert::openapi::part(),
        oncall::openapi::part(),
        messaging::openapi::part(),
        notiflows::openapi::part(),
        watchbell::openapi::part(),
        intake::openapi::part(),
        callbacks::openapi::part(),
        pages::openapi::part(),
        session::openapi::part(),
        cockpit::openapi::part(),
        open(),
    ];
    let (mut tags, mut paths, mut schemas, mut responses) = (Vec::new(), Map::new(), Map::new(), Map::new());
    for part in parts.map(Part::finish) {
        tags.extend(part.tags);
        paths.extend(part.paths);
        merge(&mut schemas, part.schemas);
        responses.extend(part.responses);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Watchbell",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Who hears about what, when, and through which channel",
            "description": "Four surfaces over the same rules and the same planner, and Watchbell's own. Each surface keeps the form of \
                            errors and the way to authenticate of the API that it stands in for. A verb that a path does not have \
                            is a 405 with the header Allow.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": schemas, "responses": responses, "securitySchemes": security_schemes() },
    })
}

fn security_schemes() -> Value {
    json!({
        "apiKey": { "type": "apiKey", "in": "header", "name": "Authorization", "description": "Authorization: Bearer KEY" },
        "oncallToken": { "type": "apiKey", "in": "header", "name": "Authorization", "description": "Authorization: KEY, and nothing else" },
        "notiflowsApiKey": { "type": "apiKey", "in": "header", "name": "x-notiflows-api-key", "description": "pk_…, of a key pair" },
        "notiflowsSecretKey": { "type": "apiKey", "in": "header", "name": "x-notiflows-secret-key", "description": "sk_…, of the same pair" },
        "bearer": { "type": "http", "scheme": "bearer", "description": "An API key" },
        "basic": { "type": "http", "scheme": "basic", "description": "Any user name, the API key as password" },
    })
}

/// What tells about the server itself, to everybody.
fn open() -> Part {
    const SERVER: &str = "Server";
    let mut part = Part::new("Open", "", json!([]), watchbell::openapi::failures(&[]));
    part.tag(SERVER, "Health for whoever restarts processes or sends them requests, and these documents. No key is needed.");
    part.add(Operation::get("/-/healthy", "The process runs").of(SERVER).returns::<Liveness>(200, "It does"));
    part.add(
        Operation::get("/-/ready", "Everything is there that a request, or an event, needs")
            .of(SERVER)
            .returns::<Readiness>(200, "It is")
            .returns::<Readiness>(503, "Something is down"),
    );
    part.add(
        Operation::get("/metrics", "What this process counts, for Prometheus")
            .of(SERVER)
            .says("Needs a reader or an admin key in the header Authorization, unless metrics.open is set. OpenMetrics 1.0 for who accepts it, else Prometheus' text format 0.0.4.")
            .fails(&[401, 403, 404])
            .answers_as(200, "The figures", "text/plain", string()),
    );
    for (path, summary) in [("/openapi.json", "This document"), ("/asyncapi.json", "The subjects on NATS, as AsyncAPI 3")] {
        part.add(Operation::get(path, summary).of(SERVER).answers(200, "The document", free()));
    }
    part.add(Operation::get("/errors", "What the codes of errors mean: errors link here").of(SERVER).answers_as(
        200,
        "The page",
        "text/html",
        string(),
    ));
    part.add(
        Operation::get("/errors/{code}", "What one code means")
            .of(SERVER)
            .path("code", "As the error has it", string())
            .fails(&[404])
            .answers_as(200, "The page", "text/html", string()),
    );
    part.add(Operation::get("/docs", "A page to read this document").of(SERVER).answers_as(200, "The page", "text/html", string()));
    part
}
