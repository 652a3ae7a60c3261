//! One surface's part of the document.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::schema::merge;

/// How a surface's operations fail.
#[derive(Debug)]
pub(crate) struct Failures {
    /// What every operation may answer, whatever it does.
    pub always: &'static [u16],
    /// The body of an error, and the schemas that it refers to.
    schema: (Value, Map<String, Value>),
}

impl Failures {
    /// Errors of a type.
    pub fn of<T: JsonSchema>(always: &'static [u16]) -> Self {
        Self { always, schema: watchbell_wire::schema::of::<T>() }
    }

    /// Errors of the shape that a surface's original has.
    pub fn shaped(always: &'static [u16], name: &str, schema: Value) -> Self {
        Self { always, schema: (super::schema::of(name), Map::from_iter([(name.to_owned(), schema)])) }
    }
}

/// A surface's operations and schemas, as [`super::document`] puts them together.
#[derive(Debug)]
pub(crate) struct Part {
    /// What the components of its own are called by.
    name: &'static str,
    mount: &'static str,
    /// As OpenAPI writes it: any of these, each all of its schemes.
    security: Value,
    failures: Failures,
    pub(super) tags: Vec<Value>,
    pub(super) paths: Map<String, Value>,
    pub(super) schemas: Map<String, Value>,
    pub(super) responses: Map<String, Value>,
    used: BTreeSet<u16>,
}

impl Part {
    pub fn new(name: &'static str, mount: &'static str, security: Value, failures: Failures) -> Self {
        Self {
            name,
            mount,
            security,
            failures,
            tags: Vec::new(),
            paths: Map::new(),
            schemas: Map::new(),
            responses: Map::new(),
            used: BTreeSet::new(),
        }
    }

    pub fn tag(&mut self, name: &str, description: &str) {
        self.tags.push(json!({ "name": name, "description": description }));
    }

    pub fn schema(&mut self, name: &str, schema: Value) {
        self.schemas.insert(name.to_owned(), schema);
    }

    pub fn add(&mut self, operation: Operation) {
        let path = format!("{}{}", self.mount, operation.path);
        merge(&mut self.schemas, operation.schemas);
        let mut body = operation.body;
        body.insert("operationId".to_owned(), Operation::id(operation.method, &path).into());
        body.insert("security".to_owned(), self.security.clone());
        let responses = body.entry("responses").or_insert_with(|| json!({}));
        for status in operation.errors.iter().chain(self.failures.always) {
            // What the operation answers with in its own form stands.
            if responses.get(status.to_string()).is_some() {
                continue;
            }
            self.used.insert(*status);
            responses[status.to_string()] = json!({ "$ref": format!("#/components/responses/{}{status}", self.name) });
        }
        let item = self.paths.entry(path).or_insert_with(|| json!({}));
        item[operation.method] = Value::Object(body);
    }

    /// Writes the error answers that were used; a surface that never fails needs no schema for it.
    pub(super) fn finish(mut self) -> Self {
        let (schema, schemas) = self.failures.schema.clone();
        if !self.used.is_empty() {
            merge(&mut self.schemas, schemas);
        }
        for status in &self.used {
            let mut answer = json!({ "description": meaning(*status), "content": { "application/json": { "schema": &schema } } });
            if matches!(status, 429 | 503) {
                let description = "Seconds after which to come again";
                answer["headers"] = json!({ "Retry-After": { "description": description, "schema": { "type": "integer" } } });
            }
            self.responses.insert(format!("{}{status}", self.name), answer);
        }
        self
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be used; the body says what would be right",
        401 => "No API key, or one that nobody has",
        403 => "The key may not do this",
        404 => "There is no such thing, or not for this key",
        408 => "The body did not arrive in time",
        409 => "It contradicts what is there",
        413 => "The body is too large",
        415 => "The body is of another media type than what is read here",
        429 => "Too many requests",
        503 => "The database does not answer; nothing was changed",
        _ => "An internal error; it was logged",
    }
}
