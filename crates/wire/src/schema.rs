//! Schemas of the wire's types, for an OpenAPI 3.1 document.

use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// The schema of `T`, and the components that it refers to, itself among them where it has a name, by their names.
pub fn of<T: JsonSchema>() -> (Value, Map<String, Value>) {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.contract = Contract::Serialize;
        settings.meta_schema = None;
    });
    let mut generator = SchemaGenerator::new(settings);
    let schema = generator.subschema_for::<T>().to_value();
    let mut components = generator.take_definitions(true);
    components.values_mut().for_each(forbid_null_where_absent);
    (schema, components)
}

/// What may be left out is absent rather than null, which the makers of schemas for an `Option` cannot know.
fn forbid_null_where_absent(schema: &mut Value) {
    let required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, member) in members {
        if !required.iter().any(|required| required == name) {
            forbid_null(member);
        }
    }
}

fn forbid_null(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|kind| kind != "null");
        if let [kind] = types.as_slice() {
            let kind = kind.clone();
            schema.insert("type".to_owned(), kind);
        }
    }
    if let Some(names) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        names.retain(|name| !name.is_null());
    }
    if let Some(any) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        any.retain(|one| one["type"] != "null");
        if let [Value::Object(only)] = any.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (name, value) in only {
                schema.entry(name).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;
    use watchbell_core::access::Role;

    use super::*;
    use crate::{Name, Nullable, Time};

    #[derive(Serialize, JsonSchema)]
    struct Inner {
        at: Time,
    }

    /// Of the type.
    #[derive(Serialize, JsonSchema)]
    struct Sample {
        always: Option<String>,
        /// Of the member
        #[serde(skip_serializing_if = "Option::is_none")]
        inner: Option<Inner>,
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<Name<Role>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cleared: Option<Nullable<String>>,
    }

    #[test]
    fn what_is_absent_is_never_null() {
        let (schema, components) = of::<Sample>();
        assert_eq!(schema, json!({ "$ref": "#/components/schemas/Sample" }));
        let expected = json!({
            "Inner": { "type": "object", "properties": { "at": { "type": "string", "format": "date-time" } }, "required": ["at"] },
            "Sample": {
                "description": "Of the type.",
                "type": "object",
                "properties": {
                    "always": { "type": ["string", "null"] },
                    "inner": { "description": "Of the member", "$ref": "#/components/schemas/Inner" },
                    "role": { "type": "string", "enum": ["admin", "user", "publisher", "reader"] },
                    "cleared": { "anyOf": [{ "type": "string" }, { "type": "null" }], "description": "Null: none" },
                },
                "required": ["always"],
            },
        });
        assert_eq!(Value::Object(components), expected);
    }
}
