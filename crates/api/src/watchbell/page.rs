//! Lists with a cursor: `{"items":[…],"nextCursor":"…"}`, the cursor left out on the last page.

use std::ops::RangeInclusive;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::request::Params;
use crate::surface::json;

const LIMIT: RangeInclusive<i64> = 1..=500;
const USUAL: i64 = 50;

/// How many to list.
pub(super) fn limit(params: &Params) -> Result<i64, Problem> {
    Ok(params.integer("limit", &LIMIT)?.unwrap_or(USUAL))
}

/// Writes the first `limit` of what was found, one more having been asked for; `cursor` names the last one shown.
pub(super) fn write<T>(mut found: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String, item: impl Fn(&T) -> Value) -> Response {
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > shown;
    found.truncate(shown);
    let mut body = Map::new();
    body.insert("items".to_owned(), found.iter().map(item).collect());
    if let Some(last) = found.last().filter(|_| has_more) {
        body.insert("nextCursor".to_owned(), cursor(last).into());
    }
    json(StatusCode::OK, &Value::Object(body))
}

/// A cursor that is a number.
pub(super) fn numeric_cursor(params: &Params) -> Result<Option<i64>, Problem> {
    let wrong = || Problem::invalid("cursor", "is none of ours", "pass the nextCursor of the page before");
    params.query("cursor")?.map(|text| text.parse().map_err(|_| wrong())).transpose()
}

/// A cursor, or an id, that is a derived one: 26 characters of base 32.
pub(super) fn derived_id(name: &str, text: &str) -> Result<String, Problem> {
    if text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(Problem::invalid(name, "is no id", "it must be the 26 characters that Watchbell gave"))
}
