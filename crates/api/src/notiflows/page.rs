//! Lists, the newest first:
//! `{"items":[…],"page":{"limit":25,"after":null,"before":null,"has_more_after":false,"has_more_before":false}}`.
//!
//! A cursor names the entry that a page starts beside: `after` it are older ones, `before` it newer. `after` is given only where
//! there is more: clients go on as long as it is.

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::{Value, json};
use watchbell_store::page::Side;

use crate::problem::Problem;
use crate::request::{Params, parameter};
use crate::state::Api;

/// The original's figures.
const LIMIT: RangeInclusive<i64> = 1..=1_000;
const USUAL: i64 = 25;

/// The page that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    limit: i64,
    after: Option<String>,
    before: Option<String>,
}

impl FromRequestParts<Api> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let params = Params::from_request_parts(parts, api).await?;
        let limit = params.integer("limit", &LIMIT)?.unwrap_or(USUAL);
        let cursor = |name| params.query(name).map(|text| text.map(str::to_owned));
        let asked = Self { limit, after: cursor("after")?, before: cursor("before")? };
        if asked.after.is_some() && asked.before.is_some() {
            return Err(parameter("before", "is given beside after", "give one of the two"));
        }
        Ok(asked)
    }
}

/// What a page has, and whether there is more before and after it.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub entries: Vec<T>,
    more: (bool, bool),
}

impl Asked {
    /// Where the page begins; `read` reads a cursor.
    pub fn side<C>(&self, read: impl Fn(&str) -> Option<C>) -> Result<Side<C>, Problem> {
        let wrong = |name| parameter(name, "is no cursor of ours", "take it from the page before");
        match (&self.after, &self.before) {
            (Some(after), _) => read(after).map(Side::After).ok_or_else(|| wrong("after")),
            (_, Some(before)) => read(before).map(Side::Before).ok_or_else(|| wrong("before")),
            (None, None) => Ok(Side::Newest),
        }
    }

    /// One more than the page has: whether it is there says whether there is more.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Makes a page of what was found, newest first.
    pub fn cut<T>(&self, mut entries: Vec<T>) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let is_more = entries.len() > limit;
        if self.before.is_some() {
            // The one too many is the newest. Beyond the page is what the cursor names.
            entries.drain(..entries.len().saturating_sub(limit));
            return Page { entries, more: (is_more, true) };
        }
        entries.truncate(limit);
        Page { entries, more: (self.after.is_some(), is_more) }
    }

    /// Writes a page; `cursor` names an entry.
    pub fn write<T>(&self, page: &Page<T>, items: &[Value], cursor: impl Fn(&T) -> String) -> Value {
        let name = |has_more: bool, entry: Option<&T>| entry.filter(|_| has_more).map(&cursor);
        json!({
            "items": items,
            "page": {
                "limit": self.limit,
                "after": name(page.more.1, page.entries.last()),
                "before": name(page.more.0, page.entries.first()),
                "has_more_after": page.more.1,
                "has_more_before": page.more.0,
            },
        })
    }
}
