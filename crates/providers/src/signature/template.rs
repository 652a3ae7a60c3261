//! What is signed, as definitions write it: a text with holes that the request fills.
//!
//! `{timestamp}` is the time as the request writes it, `{url}` the public URL as it was called, `{body}` the raw body,
//! `{body.sha256}` the 32 bytes of its hash, and every [`Source`] is itself: `{header.webhook-id}`, `{json./signature/token}`.

use ring::digest;
use schemars::JsonSchema;
use serde::Deserialize;

use super::reading::Reading;
use super::source::Source;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Timestamp,
    Url,
    Body,
    BodySha256,
    Value(Source),
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}`: a {{ has no }}"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::read(name)?);
            rest = after;
        }
        if rest.contains('}') {
            return Err(format!("`{text}`: a }} has no {{"));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

impl Part {
    fn read(name: &str) -> Result<Self, String> {
        Ok(match name {
            "timestamp" => Self::Timestamp,
            "url" => Self::Url,
            "body" => Self::Body,
            "body.sha256" => Self::BodySha256,
            name => Self::Value(Source::try_from(name.to_owned()).map_err(|right| {
                format!("{{{name}}} is no hole; there are {{timestamp}}, {{url}}, {{body}}, {{body.sha256}}, and sources: {right}")
            })?),
        })
    }
}

impl Template {
    pub(super) fn has_timestamp(&self) -> bool {
        self.0.contains(&Part::Timestamp)
    }

    pub(super) fn has_body(&self) -> bool {
        self.0.contains(&Part::Body) || self.0.contains(&Part::BodySha256)
    }

    /// The bytes that are signed; None where the request has not what a hole needs.
    pub(super) fn fill(&self, reading: &Reading<'_, '_>, timestamp: Option<&str>) -> Option<Vec<u8>> {
        let mut filled = Vec::with_capacity(reading.request.body.len() + 256);
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.extend_from_slice(text.as_bytes()),
                Part::Timestamp => filled.extend_from_slice(timestamp?.as_bytes()),
                Part::Url => filled.extend_from_slice(reading.request.url.as_bytes()),
                Part::Body => filled.extend_from_slice(reading.request.body),
                Part::BodySha256 => filled.extend_from_slice(digest::digest(&digest::SHA256, reading.request.body).as_ref()),
                Part::Value(source) => filled.extend_from_slice(source.read(reading)?.as_bytes()),
            }
        }
        Some(filled)
    }
}
