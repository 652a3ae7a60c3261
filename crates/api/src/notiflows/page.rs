//! Lists: `{"items":[…],"page":{"limit":25,"after":null,"before":null,"has_more_after":false,"has_more_before":false}}`.
//!
//! A cursor is the id of the entry that a page starts beside. `after` is given only where there is more after: clients go on
//! as long as it is.

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::{Value, json};
use watchbell_core::UserId;

use crate::problem::Problem;
use crate::request::{Params, parameter};
use crate::state::Api;

/// The original's figures.
const LIMIT: RangeInclusive<i64> = 1..=1_000;
const USUAL: i64 = 25;

/// The page that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub limit: i64,
    pub after: Option<UserId>,
    pub before: Option<UserId>,
}

impl FromRequestParts<Api> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let params = Params::from_request_parts(parts, api).await?;
        let limit = params.integer("limit", &LIMIT)?.unwrap_or(USUAL);
        let asked = Self { limit, after: cursor(&params, "after")?, before: cursor(&params, "before")? };
        if asked.after.is_some() && asked.before.is_some() {
            return Err(parameter("before", "is given beside after", "give one of the two"));
        }
        Ok(asked)
    }
}

fn cursor(params: &Params, name: &str) -> Result<Option<UserId>, Problem> {
    let wrong = || parameter(name, "is no cursor of ours", "take it from the page before");
    params.query(name)?.map(|text| text.parse().map(UserId).map_err(|_| wrong())).transpose()
}

/// Writes a page. `more` says whether there is more before and after it.
pub(super) fn write(asked: Asked, items: &[Value], ends: Option<(UserId, UserId)>, more: (bool, bool)) -> Value {
    let cursor = |has_more: bool, id: Option<UserId>| id.filter(|_| has_more).map(|id| id.to_string());
    json!({
        "items": items,
        "page": {
            "limit": asked.limit,
            "after": cursor(more.1, ends.map(|ends| ends.1)),
            "before": cursor(more.0, ends.map(|ends| ends.0)),
            "has_more_after": more.1,
            "has_more_before": more.0,
        },
    })
}
