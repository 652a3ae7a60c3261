//! Payloads that are forms or queries.

use serde_json::{Map, Value};

/// The fields as a JSON object. A field whose text is a JSON object or array is read as that: Uptime Kuma and others send their
/// payload so. Of fields with one name the last counts.
pub(crate) fn object(fields: impl Iterator<Item = (String, String)>) -> Value {
    let read = |(name, text): (String, String)| {
        let is_json = text.trim_start().starts_with(['{', '[']);
        let value = is_json.then(|| serde_json::from_str(&text).ok()).flatten();
        (name, value.unwrap_or(Value::String(text)))
    };
    Value::Object(fields.map(read).collect::<Map<_, _>>())
}

/// The fields of an `application/x-www-form-urlencoded` body.
pub(crate) fn fields(body: &[u8]) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned()))
}
