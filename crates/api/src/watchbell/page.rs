//! Lists with a cursor: `{"items":[…],"nextCursor":"…"}`, the cursor left out on the last page.

use std::ops::RangeInclusive;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use watchbell_wire::Page;

use crate::problem::Problem;
use crate::request::Params;
use crate::surface::json;

const LIMIT: RangeInclusive<i64> = 1..=500;
const USUAL: i64 = 50;

/// The items of a page, in bytes as they are sent; one that is larger comes alone.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// How many to list.
pub(super) fn limit(params: &Params) -> Result<i64, Problem> {
    Ok(params.integer("limit", &LIMIT)?.unwrap_or(USUAL))
}

/// Writes the first `limit` of what was found, one more having been asked for, but no more than [`MOST_BYTES`] of them; `cursor`
/// names the last one shown.
pub(super) fn write<T, W: Serialize>(
    found: Vec<T>,
    limit: i64,
    cursor: impl Fn(&T) -> String,
    item: impl Fn(&T) -> W,
) -> Result<Response, Problem> {
    let (items, next_cursor) = fill(found, limit, cursor, item)?;
    Ok(json(StatusCode::OK, &Page { items, next_cursor }))
}

/// The bytes that something takes up in an answer.
pub(super) fn bytes_of(item: &impl Serialize) -> Result<usize, Problem> {
    serde_json::to_vec(item).map(|written| written.len()).map_err(|error| {
        tracing::error!(%error, "an item of a list could not be written");
        Problem::internal()
    })
}

fn fill<T, W: Serialize>(
    found: Vec<T>,
    limit: i64,
    cursor: impl Fn(&T) -> String,
    item: impl Fn(&T) -> W,
) -> Result<(Vec<W>, Option<String>), Problem> {
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut items, mut room, mut last) = (Vec::new(), MOST_BYTES, None);
    for entry in found {
        let written = item(&entry);
        let bytes = bytes_of(&written)?;
        if items.len() == shown || (bytes > room && !items.is_empty()) {
            return Ok((items, last));
        }
        room = room.saturating_sub(bytes);
        last = Some(cursor(&entry));
        items.push(written);
    }
    Ok((items, None))
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn a_page_ends_where_it_is_full() {
        let fill = |lengths: &[usize], limit| {
            let found: Vec<(usize, usize)> = lengths.iter().copied().enumerate().collect();
            let (items, next) = fill(found, limit, |(at, _)| at.to_string(), |(_, length)| "x".repeat(*length)).unwrap();
            (items.len(), next)
        };
        let half = MOST_BYTES / 2 - 2;
        assert_eq!(fill(&[], 2), (0, None));
        assert_eq!(fill(&[1, 1], 2), (2, None));
        assert_eq!(fill(&[1, 1, 1], 2), (2, Some("1".to_owned())));
        assert_eq!(fill(&[half, half], 9), (2, None));
        assert_eq!(fill(&[half, half, 1], 9), (2, Some("1".to_owned())));
        // What fits no page is a page of its own.
        assert_eq!(fill(&[3 * MOST_BYTES, 1], 9), (1, Some("0".to_owned())));
        assert_eq!(fill(&[1, 3 * MOST_BYTES], 9), (1, Some("0".to_owned())));
    }
}
