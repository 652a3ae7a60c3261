//! Where in a request a value stands, as definitions write it: `header.x-signature`, `query.token`, `form.sig`,
//! `json./signature/token`.

use std::borrow::Cow;

use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::reading::{Reading, field};

/// One value of a request. It counts only if it is given once, and is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub enum Source {
    Header(HeaderName),
    Query(String),
    Form(String),
    /// A JSON pointer (RFC 6901).
    Json(String),
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let source = match text.split_once('.') {
            Some(("header", name)) => name.parse().ok().map(Self::Header),
            Some(("query", name)) if !name.is_empty() => Some(Self::Query(name.to_owned())),
            Some(("form", name)) if !name.is_empty() => Some(Self::Form(name.to_owned())),
            Some(("json", pointer)) if pointer.starts_with('/') => Some(Self::Json(pointer.to_owned())),
            _ => None,
        };
        let right = "must be header.NAME, query.NAME, form.NAME, or json. and a JSON pointer, such as json./signature/token";
        source.ok_or_else(|| format!("`{text}`: {right}"))
    }
}

impl Source {
    /// The header that it is, in lower case.
    pub fn header(&self) -> Option<&str> {
        if let Self::Header(name) = self { Some(name.as_str()) } else { None }
    }

    pub(super) fn read<'a>(&self, reading: &'a Reading<'_, '_>) -> Option<Cow<'a, str>> {
        let text = match self {
            Self::Header(name) => reading.header(name.as_str())?.into(),
            Self::Query(name) => field(reading.request.query, name)?.into(),
            Self::Form(name) => field(reading.form(), name)?.into(),
            Self::Json(pointer) => match reading.json().pointer(pointer)? {
                Value::String(text) => text.as_str().into(),
                Value::Number(number) => number.to_string().into(),
                _ => return None,
            },
        };
        Some(text).filter(|text: &Cow<'_, str>| !text.is_empty())
    }
}
