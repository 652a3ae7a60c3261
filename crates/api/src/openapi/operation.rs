//! One operation: a verb on a path, what it takes and what it answers.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use watchbell_wire::schema;

use super::schema::merge;

/// One operation, under construction. Errors that follow from its parts (a body may be no JSON, an id may be unknown) are added
/// by themselves.
#[derive(Debug)]
pub(crate) struct Operation {
    pub method: &'static str,
    pub path: String,
    pub errors: BTreeSet<u16>,
    pub body: Map<String, Value>,
    /// Schemas that it refers to, by name.
    pub schemas: Map<String, Value>,
}

impl Operation {
    /// Paths are written without their surface's mount, parameters as `{name}`.
    pub fn new(method: &'static str, path: impl Into<String>, summary: &str) -> Self {
        let mut body = Map::new();
        body.insert("summary".to_owned(), summary.into());
        Self { method, path: path.into(), errors: BTreeSet::new(), body, schemas: Map::new() }
    }

    pub fn get(path: impl Into<String>, summary: &str) -> Self {
        Self::new("get", path, summary)
    }

    pub fn post(path: impl Into<String>, summary: &str) -> Self {
        Self::new("post", path, summary)
    }

    pub fn put(path: impl Into<String>, summary: &str) -> Self {
        Self::new("put", path, summary)
    }

    pub fn delete(path: impl Into<String>, summary: &str) -> Self {
        Self::new("delete", path, summary)
    }

    pub fn of(mut self, tag: &str) -> Self {
        self.body.insert("tags".to_owned(), json!([tag]));
        self
    }

    pub fn says(mut self, description: &str) -> Self {
        self.body.insert("description".to_owned(), description.into());
        self
    }

    /// A part of the path; one that is of no use is a 400, one that is unknown a 404.
    pub fn path(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter("path", name, description, schema).fails(&[400, 404])
    }

    pub fn query(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter("query", name, description, schema).fails(&[400])
    }

    pub fn header(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter("header", name, description, schema)
    }

    /// The parameters that several operations share.
    pub fn with(self, parameters: impl FnOnce(Self) -> Self) -> Self {
        parameters(self)
    }

    fn parameter(mut self, place: &str, name: &str, description: &str, mut schema: Value) -> Self {
        let mut parameter = json!({ "name": name, "in": place, "description": description, "required": place == "path" });
        if let Some(example) = schema.as_object_mut().and_then(|schema| schema.remove("example")) {
            parameter["example"] = example;
        }
        parameter["schema"] = schema;
        push(&mut self.body, "parameters", parameter);
        self
    }

    /// Makes the parameter that was added last one that must be there.
    pub fn required(mut self) -> Self {
        if let Some(last) = self.body.get_mut("parameters").and_then(Value::as_array_mut).and_then(|all| all.last_mut()) {
            last["required"] = true.into();
        }
        self
    }

    /// A JSON body of a type, with an example that is accepted.
    pub fn accepts<T: JsonSchema + Serialize>(mut self, example: &T) -> Self {
        let schema = self.schema_of::<T>();
        self.takes(schema, json!(example))
    }

    /// A JSON body, with an example that is accepted.
    pub fn takes(self, schema: Value, example: Value) -> Self {
        self.takes_as("application/json", schema, example).fails(&[415])
    }

    /// A body of another media type, or of one more.
    pub fn takes_as(mut self, media_type: &str, schema: Value, example: Value) -> Self {
        let body = self.body.entry("requestBody").or_insert_with(|| json!({ "content": {}, "required": true }));
        let content = &mut body["content"][media_type];
        content["schema"] = schema;
        content["example"] = example;
        self.fails(&[400, 408, 413])
    }

    /// A body that may be left out.
    pub fn optional(mut self) -> Self {
        if let Some(body) = self.body.get_mut("requestBody") {
            body["required"] = false.into();
        }
        self
    }

    /// A JSON answer of a type.
    pub fn returns<T: JsonSchema>(mut self, status: u16, description: &str) -> Self {
        let schema = self.schema_of::<T>();
        self.answers(status, description, schema)
    }

    pub fn answers(self, status: u16, description: &str, schema: Value) -> Self {
        self.answers_as(status, description, "application/json", schema)
    }

    pub fn answers_as(self, status: u16, description: &str, media_type: &str, schema: Value) -> Self {
        let mut answer = json!({ "description": description, "content": { media_type: {} } });
        answer["content"][media_type]["schema"] = schema;
        self.answer(status, answer)
    }

    /// 204.
    pub fn answers_nothing(self, description: &str) -> Self {
        self.answer(204, json!({ "description": description }))
    }

    pub(super) fn answer(mut self, status: u16, answer: Value) -> Self {
        let answers = self.body.entry("responses").or_insert_with(|| json!({}));
        answers[status.to_string()] = answer;
        self
    }

    fn schema_of<T: JsonSchema>(&mut self) -> Value {
        let (schema, schemas) = schema::of::<T>();
        merge(&mut self.schemas, schemas);
        schema
    }

    /// Errors, in the surface's form.
    pub fn fails(mut self, statuses: &[u16]) -> Self {
        self.errors.extend(statuses);
        self
    }

    /// What clients call it by: `getApiUsersUserId`.
    pub(super) fn id(method: &str, path: &str) -> String {
        let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.fold(method.to_owned(), |mut id, word| {
            let (first, rest) = word.split_at(1);
            id.push_str(&first.to_ascii_uppercase());
            id.push_str(rest);
            id
        })
    }
}

fn push(body: &mut Map<String, Value>, name: &str, value: Value) {
    if let Value::Array(list) = body.entry(name).or_insert_with(|| json!([])) {
        list.push(value);
    }
}
