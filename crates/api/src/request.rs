//! The parts of a request, read once for every surface: path, query, and body.

use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use futures::StreamExt;
use tokio::sync::OwnedSemaphorePermit;
use watchbell_core::Timestamp;

use crate::json;
use crate::problem::{Fault, Kind, Problem};
use crate::state::Api;
use crate::validate::Fields;

/// The parameters of a path and of its query.
#[derive(Clone, Debug)]
pub struct Params {
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl FromRequestParts<Api> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let raw = RawPathParams::from_request_parts(parts, api)
            .await
            .map_err(|_| Problem::bad_request("the path is not UTF-8").because(Fault::Parameter))?;
        let path: Vec<(String, String)> = raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::bad_request("the query is not of the form name=value&name=value").because(Fault::Parameter))?;
        for (name, value) in path.iter().chain(&query) {
            if value.contains('\0') {
                return Err(parameter(name, "has a NUL", "it must be text without control characters"));
            }
        }
        Ok(Self { path, query })
    }
}

impl Params {
    /// A parameter of the path.
    pub fn path(&self, name: &str) -> &str {
        // Empty only if a handler asks for what its route does not have.
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A numeric id of the path.
    pub fn id(&self, name: &str) -> Result<i64, Problem> {
        parse_id(name, self.path(name))
    }

    /// A parameter of the query; an empty one counts as absent.
    pub fn query(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(parameter(name, "is given twice", "give it once"));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// The whole query, as it came.
    pub fn queries(&self) -> &[(String, String)] {
        &self.query
    }

    pub fn integer(&self, name: &str, range: &RangeInclusive<i64>) -> Result<Option<i64>, Problem> {
        let Some(text) = self.query(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        let right = || format!("it must be an integer from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| parameter(name, "is out of range or no integer", &right()))
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.query(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(parameter(name, "is no boolean", "it must be true or false")),
        }
    }

    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.query(name)? else { return Ok(None) };
        // A + that was not percent-encoded has become a space.
        Timestamp::parse_rfc3339(&text.replace(' ', "+"))
            .map(Some)
            .map_err(|_| parameter(name, "is no time", "it must be RFC 3339 between 1970 and 9999, such as 2026-11-20T08:00:00Z"))
    }

    /// One of an enum's names.
    pub fn choice<T: FromStr<Err = watchbell_core::channel::UnknownName>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.query(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|unknown: watchbell_core::channel::UnknownName| {
            parameter(name, "is unknown", &format!("it must be one of {}", unknown.choices.join(", ")))
        })
    }
}

/// Reads an id as paths carry it.
pub(crate) fn parse_id(name: &str, text: &str) -> Result<i64, Problem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| parameter(name, "is no id", "it must be a 64-bit integer"))
}

/// A part of a request's path, query or head that cannot be used.
pub(crate) fn parameter(name: &str, wrong: &str, right: &str) -> Problem {
    Problem::invalid(name, wrong, right).because(Fault::Parameter)
}

/// A request's body, not looked at yet: who calls is checked before what they say.
#[derive(Clone, Debug)]
pub struct Payload {
    pub bytes: Bytes,
    pub headers: HeaderMap,
}

impl FromRequest<Api> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        Self::read(request, api, api.settings.body_limit_bytes).await.map(|(payload, _)| payload)
    }
}

/// Memory that a body takes up.
pub(crate) type Room = Option<OwnedSemaphorePermit>;

/// A request whose body has arrived whole. The room is to be kept as long as the body is.
pub(crate) async fn arrived(request: Request, api: &Api) -> Result<(Request, Room), Problem> {
    if request.body().is_end_stream() {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let (bytes, room) = read(body, api, api.settings.body_limit_bytes).await?;
    Ok((Request::from_parts(parts, Body::from(bytes)), room))
}

async fn read(body: Body, api: &Api, limit: usize) -> Result<(Bytes, Room), Problem> {
    let read = tokio::time::timeout(api.settings.request_timeout, read_all(body, api, limit));
    read.await.map_err(|_| Problem::new(Kind::Timeout, "the body did not arrive in time"))?
}

async fn read_all(body: Body, api: &Api, limit: usize) -> Result<(Bytes, Room), Problem> {
    let mut stream = body.into_data_stream();
    let mut whole: Vec<u8> = Vec::new();
    let mut room: Room = None;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("the body did not arrive whole"))?;
        if whole.len() + chunk.len() > limit {
            return Err(Problem::new(Kind::TooLarge, format!("the body is too large; at most {limit} bytes are taken")));
        }
        let more = api.gates.room(chunk.len()).ok_or_else(|| Problem::new(Kind::Unavailable, "too many large requests arrive at once"))?;
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        whole.extend_from_slice(&chunk);
    }
    Ok((whole.into(), room))
}

impl Payload {
    /// Reads a body that has not arrived yet, of `limit` bytes at most.
    pub(crate) async fn read(request: Request, api: &Api, limit: usize) -> Result<(Self, Room), Problem> {
        let (parts, body) = request.into_parts();
        let (bytes, room) = read(body, api, limit).await?;
        Ok((Self { bytes, headers: parts.headers }, room))
    }

    /// The content type's media type in lower case; empty when there is none.
    pub fn media_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// `UnsupportedMediaType` where the content type says that the body is something else: a missing one, or one that says
    /// nothing, is let pass, as many clients send those.
    pub fn object(&self) -> Result<Fields, Problem> {
        let media_type = self.media_type();
        if media_type.starts_with("multipart/") || media_type == "application/x-www-form-urlencoded" || media_type.ends_with("xml") {
            return Err(Problem::new(Kind::UnsupportedMediaType, format!("{media_type} is not read here; send application/json")));
        }
        match json::parse(&self.bytes)? {
            serde_json::Value::Object(members) => Ok(Fields::new(members)),
            other => Err(json::wrong(format!("the body is {}; it must be a JSON object", json::describe(&other)))),
        }
    }

    /// The same, where everything may be left out, the body included.
    pub fn object_or_nothing(&self) -> Result<Fields, Problem> {
        if self.bytes.trim_ascii().is_empty() { Ok(Fields::new(serde_json::Map::new())) } else { self.object() }
    }
}
