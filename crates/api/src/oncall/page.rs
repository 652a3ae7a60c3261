//! Pages by number. What is asked for out of range, or is no number, becomes what is nearest: never a 404.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};

use super::MOUNT;
use crate::origin::Origin;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;
use crate::surface;

/// Entries on a page, at most.
const MOST: i64 = 100;

/// The page of a list that is asked for, and where the list is.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    params: Params,
    /// Of the list, without its query.
    url: String,
}

/// One page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// From 1.
    number: i64,
    size: i64,
}

impl Page {
    pub fn offset(self) -> i64 {
        (self.number - 1).saturating_mul(self.size)
    }

    pub fn limit(self) -> i64 {
        self.size
    }

    /// Becomes the last page of so many entries in all, if it is beyond it; whether it was, so that it has to be read again.
    pub fn turn_back(&mut self, count: i64) -> bool {
        let is_beyond = self.number > self.last(count);
        self.number = self.number.min(self.last(count));
        is_beyond
    }

    /// Nothing at all is one empty page.
    fn last(self, count: i64) -> i64 {
        count.max(1).saturating_add(self.size - 1) / self.size
    }
}

impl FromRequestParts<Api> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let params = Params::from_request_parts(parts, api).await?;
        let Origin(origin) = Origin::from_request_parts(parts, api).await?;
        // Under its mount, a router sees the rest of the path.
        Ok(Self { params, url: format!("{origin}{MOUNT}{}", parts.uri.path()) })
    }
}

impl Asked {
    /// A parameter of the query: the last of that name, and also an empty one.
    pub fn query(&self, name: &str) -> Option<&str> {
        last(&self.params, name)
    }

    /// The page to begin with, of `usual` entries unless told.
    pub fn page(&self, usual: i64) -> Page {
        let number = |name| self.query(name).and_then(|text| text.trim().parse().ok()).filter(|number: &i64| *number >= 1);
        Page { number: number("page").unwrap_or(1), size: number("perpage").unwrap_or(usual).min(MOST) }
    }

    /// Answers a page of so many entries in all.
    pub fn answer(&self, page: Page, count: i64, results: Vec<Value>) -> Response {
        let last = page.last(count);
        let mut body = json!({
            "count": count,
            "next": (page.number < last).then(|| self.link(page.number + 1)),
            "previous": (page.number > 1).then(|| self.link(page.number - 1)),
            "page_size": page.size,
            "current_page_number": page.number,
            "total_pages": last,
        });
        body["results"] = results.into();
        surface::json(StatusCode::OK, &body)
    }

    /// The same list's page of that number; the first goes without it.
    fn link(&self, page: i64) -> String {
        let mut query: Vec<(&str, String)> = self.params.queries().iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        query.retain(|(name, _)| *name != "page");
        if page > 1 {
            query.push(("page", page.to_string()));
        }
        query.sort_by_key(|(name, _)| *name);
        if query.is_empty() {
            return self.url.clone();
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{}?{query}", self.url)
    }
}

/// A parameter of a query: the last of that name, and also an empty one.
pub(super) fn last<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params.queries().iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
