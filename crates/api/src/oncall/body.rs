//! A request's body: JSON, or a form, whose members are texts.

use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::{error, multipart};
use crate::json;
use crate::problem::{Kind, Problem};
use crate::request::Payload;

/// The members of a body. None at all is as good as none of them.
///
/// # Errors
/// 415 for another media type, 400 for what is none of its own kind, or is no object.
pub(super) fn read(payload: &Payload) -> Result<Map<String, Value>, Problem> {
    if payload.bytes.is_empty() {
        return Ok(Map::new());
    }
    match payload.media_type().as_str() {
        // Whoever does not say what it is means JSON.
        "application/json" | "" => object(payload),
        "application/x-www-form-urlencoded" => Ok(form(url::form_urlencoded::parse(&payload.bytes))),
        "multipart/form-data" => {
            let parts = multipart::read(content_type(payload).as_ref(), &payload.bytes)?;
            Ok(form(parts.into_iter().map(|(name, value)| (name.into(), value.into()))))
        }
        _ => {
            let message = format!("Unsupported media type \"{}\" in request.", content_type(payload));
            Err(Problem::new(Kind::UnsupportedMediaType, message))
        }
    }
}

fn content_type(payload: &Payload) -> std::borrow::Cow<'_, str> {
    payload.headers.get(CONTENT_TYPE).map_or_else(Default::default, |value| String::from_utf8_lossy(value.as_bytes()))
}

fn object(payload: &Payload) -> Result<Map<String, Value>, Problem> {
    let value = json::parse(&payload.bytes).map_err(|problem| Problem::bad_request(format!("JSON parse error - {}", problem.message)))?;
    // The original is written in Python, and names its types.
    let other = match value {
        Value::Object(members) => return Ok(members),
        Value::Null => return Err(whole("No data provided")),
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
    };
    Err(whole(&format!("Invalid data. Expected a dictionary, but got {other}.")))
}

fn whole(wrong: &str) -> Problem {
    error::fields(Map::from_iter([("non_field_errors".to_owned(), vec![wrong].into())]))
}

/// Of a field that is given twice the last counts. One that is left empty was not filled in, unless empty would be wrong.
fn form<'a>(pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>) -> Map<String, Value> {
    let mut members: Map<String, Value> = pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    members.retain(|name, value| value != "" || matches!(name.as_str(), "user_id" | "duration"));
    members
}
