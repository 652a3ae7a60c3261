//! What surrounds an event's data: CloudEvents attributes, or nothing but an `id`.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::fields::{Problems, clean};
use super::{MAX_PAYLOAD_BYTES, Reason, Undecodable, header};
use crate::event::Occurrence;
use crate::time::Timestamp;

/// Standard base64, with or without padding.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// An attribute: absent, of a wrong form, or there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Absent,
    /// What it must be instead.
    Wrong(&'static str),
    Text(String),
}

impl Attribute {
    fn of_header(headers: &[(String, String)], name: &str) -> Self {
        match header::attribute(headers, name).map(header::decode) {
            None => Self::Absent,
            Some(None) => Self::Wrong("must be percent-encoded UTF-8"),
            Some(Some(text)) => Self::text(text.into_owned()),
        }
    }

    /// Takes a text or, as many publishers count their events, an integer.
    fn of_json(value: Option<Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Absent,
            Some(Value::String(text)) => Self::text(text),
            Some(Value::Number(number)) if !number.is_f64() => Self::Text(number.to_string()),
            Some(_) => Self::Wrong("must be a string"),
        }
    }

    fn text(text: String) -> Self {
        if text.is_empty() { Self::Wrong("must not be empty") } else { Self::Text(clean(text)) }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Wrong(_) => None,
        }
    }
}

/// An event whose data are a JSON object, and what was said around them.
#[derive(Debug)]
pub(super) struct Envelope {
    /// None for plain JSON data.
    pub cloud_event: Option<CloudEvent>,
    /// The CloudEvents `id`, or the `id` beside plain data.
    pub id: Attribute,
    pub data: Map<String, Value>,
}

#[derive(Debug)]
pub(super) struct CloudEvent {
    pub spec_version: Attribute,
    pub source: Attribute,
    pub kind: Attribute,
    pub time: Attribute,
}

impl Envelope {
    /// Reads one event in whichever of the three encodings it has.
    pub(super) fn read(headers: &[(String, String)], payload: &[u8]) -> Result<Self, Undecodable> {
        let media_type = header::media_type(headers);
        let declared_structured = media_type == "application/cloudevents+json" || media_type == "application/cloudevents";
        if !declared_structured && media_type.starts_with("application/cloudevents") {
            return Err(Undecodable::new(Reason::BadEncoding, "of the CloudEvents formats only application/cloudevents+json is read here"));
        }
        let object = object(parse(payload)?, "the payload")?;
        if declared_structured {
            Self::structured(object)
        } else if headers.iter().any(|(name, _)| header::attribute_name(name).is_some()) {
            Ok(Self::binary(headers, object))
        } else if object.contains_key("specversion") && (object.contains_key("data") || object.contains_key("data_base64")) {
            // Many NATS tools cannot set a content type; nothing else looks like this.
            Self::structured(object)
        } else {
            Ok(Self::plain(object))
        }
    }

    fn binary(headers: &[(String, String)], data: Map<String, Value>) -> Self {
        let attribute = |name| Attribute::of_header(headers, name);
        let cloud_event = CloudEvent {
            spec_version: attribute("specversion"),
            source: attribute("source"),
            kind: attribute("type"),
            time: attribute("time"),
        };
        Self { id: attribute("id"), cloud_event: Some(cloud_event), data }
    }

    pub(super) fn structured(mut object: Map<String, Value>) -> Result<Self, Undecodable> {
        let mut attribute = |name| Attribute::of_json(object.remove(name));
        let id = attribute("id");
        let cloud_event = CloudEvent {
            spec_version: attribute("specversion"),
            source: attribute("source"),
            kind: attribute("type"),
            time: attribute("time"),
        };
        let data = match (object.remove("data"), object.remove("data_base64")) {
            (Some(data), _) => self::object(data, "data")?,
            (None, Some(Value::String(encoded))) => {
                let bytes =
                    BASE64.decode(encoded.trim_ascii()).map_err(|_| Undecodable::new(Reason::BadEncoding, "data_base64 is no base64"))?;
                self::object(parse(&bytes)?, "data_base64")?
            }
            (None, Some(_)) => return Err(Undecodable::new(Reason::BadField, "data_base64 must be a string")),
            (None, None) => return Err(Undecodable::new(Reason::MissingField, "data is missing")),
        };
        Ok(Self { cloud_event: Some(cloud_event), id, data })
    }

    fn plain(mut data: Map<String, Value>) -> Self {
        Self { cloud_event: None, id: Attribute::of_json(data.remove("id")), data }
    }

    /// The CloudEvents `source`; None for plain data.
    pub(super) fn source(&self) -> Option<&Attribute> {
        self.cloud_event.as_ref().map(|event| &event.source)
    }

    pub(super) fn occurrence(&self, received_at: Timestamp, problems: &mut Problems) -> Occurrence {
        let Some(event) = &self.cloud_event else {
            return Occurrence { source: String::new(), time: None, received_at };
        };
        let time = match &event.time {
            Attribute::Absent => None,
            // A publisher's clock says nothing when nobody knows whose it is.
            _ if event.source.as_text().is_none() => {
                problems.add("time without a source; left out");
                None
            }
            Attribute::Text(text) => {
                let time = Timestamp::parse_rfc3339(text).ok();
                if time.is_none() {
                    problems.add("time must be an RFC 3339 time between 1970 and 9999; left out");
                }
                time
            }
            Attribute::Wrong(must) => {
                problems.add(format!("time {must}; left out"));
                None
            }
        };
        Occurrence { source: event.source.as_text().unwrap_or_default().to_owned(), time, received_at }
    }

    pub(super) fn check_version(&self, problems: &mut Problems) {
        let version = self.cloud_event.as_ref().map(|event| event.spec_version.as_text());
        match version {
            None => {}
            Some(None) => problems.add("specversion is missing; read as 1.0"),
            Some(Some(text)) if text == "1" || text.starts_with("1.") => {}
            Some(Some(_)) => problems.add("specversion is not 1.0; read as 1.0 all the same"),
        }
    }
}

/// Parses JSON of a bounded size and depth (serde_json stops at 128 levels).
pub(super) fn parse(payload: &[u8]) -> Result<Value, Undecodable> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Undecodable::new(Reason::TooLarge, "the payload is larger than 1 MiB"));
    }
    let text = std::str::from_utf8(payload).map_err(|_| Undecodable::new(Reason::BadEncoding, "the payload is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| {
        // The error's own text may quote the payload.
        Undecodable::new(Reason::BadJson, format!("the payload is not JSON: line {}, column {}", error.line(), error.column()))
    })
}

pub(super) fn object(value: Value, what: &str) -> Result<Map<String, Value>, Undecodable> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Undecodable::new(Reason::BadJson, format!("{what} must be a JSON object"))),
    }
}
