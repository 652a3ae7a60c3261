//! JSON Schemas, written short.

use serde_json::{Map, Value, json};

/// Adds schemas by their names. One name means one shape: a second one would take the place of the first in silence.
pub(super) fn merge(all: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, schema) in more {
        debug_assert!(all.get(&name).is_none_or(|known| *known == schema), "two schemas are called {name}");
        all.insert(name, schema);
    }
}

/// A schema of the document, by its name.
pub(crate) fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(crate) fn string() -> Value {
    json!({ "type": "string" })
}

/// A text of so many characters.
pub(crate) fn text(least: usize, most: usize) -> Value {
    json!({ "type": "string", "minLength": least, "maxLength": most })
}

pub(crate) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// A 64-bit integer.
pub(crate) fn int64() -> Value {
    json!({ "type": "integer", "format": "int64" })
}

pub(crate) fn integer(least: i64, most: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// RFC 3339, in UTC.
pub(crate) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// One of some names.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": names.into_iter().collect::<Vec<_>>() })
}

pub(crate) fn array(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// The schema, or null.
pub(crate) fn nullable(schema: Value) -> Value {
    Value::Object(Map::from_iter([("anyOf".to_owned(), Value::Array(vec![schema, json!({ "type": "null" })]))]))
}

pub(crate) fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

/// An object with these members; those whose names end with `!` are always there.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = members.iter().filter_map(|(name, _)| name.strip_suffix('!')).collect();
    let required = Value::from(required);
    let properties: Map<String, Value> =
        members.into_iter().map(|(name, schema)| (name.trim_end_matches('!').to_owned(), schema)).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if required != json!([]) {
        schema["required"] = required;
    }
    schema
}

/// An object whose members are anybody's own: generated clients take it for a map, where a bare object is one without members.
pub(crate) fn free() -> Value {
    json!({ "type": "object", "additionalProperties": true })
}

/// An object of such values, by name.
pub(crate) fn map_of(values: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": values })
}
