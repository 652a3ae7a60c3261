//! What surrounds an event's data: CloudEvents attributes, or nothing but an `id`.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::fields::{Problems, scalar, shortened, time};
use super::header::TRACEPARENT;
use super::{EventSettings, RejectReason, Undecodable, header, json};
use crate::event::Occurrence;
use crate::time::Timestamp;
use crate::trace::TraceContext;

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
        header::attribute(headers, name)
            .map_or(Self::Absent, |value| Self::of_json(Some(Value::String(header::decode(value).into_owned()))))
    }

    /// Takes a text or, as many publishers count their events, a number.
    fn of_json(value: Option<Value>) -> Self {
        match value.filter(|value| !value.is_null()) {
            None => Self::Absent,
            Some(Value::String(text)) if text.trim().is_empty() => Self::Absent,
            Some(value) => scalar(value).map_or(Self::Wrong("must be a string"), |(text, _)| Self::Text(shortened(text).0)),
        }
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
    /// What published it: the attribute of the CloudEvents extension for distributed tracing, else the header of that name.
    pub trace: Option<TraceContext>,
}

#[derive(Debug)]
pub(super) struct CloudEvent {
    pub spec_version: Attribute,
    pub source: Attribute,
    pub kind: Attribute,
    pub time: Option<Value>,
}

impl Envelope {
    /// Reads one event in whichever of the three encodings it has.
    pub(super) fn read(headers: &[(String, String)], payload: &[u8], problems: &mut Problems) -> Result<Self, Undecodable> {
        let media_type = header::media_type(headers);
        let value = json::parse(payload, problems).map_err(|why| match media_type.strip_prefix("application/cloudevents+") {
            Some(format) if why.reason == RejectReason::BadJson && format != "json" => {
                Undecodable::new(RejectReason::BadEncoding, "of the CloudEvents formats only application/cloudevents+json is read here")
            }
            _ => why,
        })?;
        Self::of_value(headers, value, problems)
    }

    /// The same of JSON that is parsed.
    pub(super) fn of_value(headers: &[(String, String)], value: Value, problems: &mut Problems) -> Result<Self, Undecodable> {
        let is_declared = header::media_type(headers).starts_with("application/cloudevents");
        let mut object = object(value, "the payload", problems)?;
        // Many NATS tools cannot set a content type; nothing else looks like this.
        if is_declared || is_structured(&object) {
            let own = object.remove(TRACEPARENT).and_then(|value| value.as_str()?.parse().ok());
            let envelope = Self::structured(object, problems)?;
            Ok(Self { trace: own.or_else(|| header::trace(headers)), ..envelope })
        } else if headers.iter().any(|(name, _)| header::attribute_name(name).is_some()) {
            Ok(Self::binary(headers, object))
        } else {
            Ok(Self { trace: header::trace(headers), ..Self::plain(object) })
        }
    }

    fn binary(headers: &[(String, String)], data: Map<String, Value>) -> Self {
        let attribute = |name| Attribute::of_header(headers, name);
        let cloud_event = CloudEvent {
            spec_version: attribute("specversion"),
            source: attribute("source"),
            kind: attribute("type"),
            time: header::attribute(headers, "time").map(|time| Value::String(header::decode(time).into_owned())),
        };
        let own = header::attribute(headers, TRACEPARENT).and_then(|value| value.parse().ok());
        Self { id: attribute("id"), cloud_event: Some(cloud_event), data, trace: own.or_else(|| header::trace(headers)) }
    }

    fn structured(mut object: Map<String, Value>, problems: &mut Problems) -> Result<Self, Undecodable> {
        let time = object.remove("time").filter(|time| !time.is_null());
        let mut attribute = |name| Attribute::of_json(object.remove(name));
        let id = attribute("id");
        let cloud_event = CloudEvent { spec_version: attribute("specversion"), source: attribute("source"), kind: attribute("type"), time };
        let mut given = |name| object.remove(name).filter(|value| !value.is_null());
        let data = match (given("data"), given("data_base64")) {
            (Some(data), _) => self::object(data, "data", problems)?,
            (None, Some(Value::String(encoded))) => {
                // Mail programs and shells break it into lines; some libraries use the alphabet of URLs.
                let encoded: String = encoded.chars().filter(|c| !c.is_whitespace() && *c != '\0').collect();
                let encoded = encoded.replace('-', "+").replace('_', "/");
                let bytes = BASE64.decode(encoded).map_err(|_| Undecodable::new(RejectReason::BadEncoding, "data_base64 is no base64"))?;
                self::object(json::parse(&bytes, problems)?, "data_base64", problems)?
            }
            (None, Some(_)) => return Err(Undecodable::new(RejectReason::BadField, "data_base64 must be a string")),
            (None, None) if object.is_empty() => return Err(Undecodable::new(RejectReason::MissingField, "data is missing")),
            (None, None) => {
                problems.add("data is missing; what stands beside the attributes is taken for it");
                object
            }
        };
        Ok(Self { cloud_event: Some(cloud_event), id, data, trace: None })
    }

    fn plain(mut data: Map<String, Value>) -> Self {
        Self { cloud_event: None, id: Attribute::of_json(data.remove("id")), data, trace: None }
    }

    /// The CloudEvents `source`; None for plain data.
    pub(super) fn source(&self) -> Option<&Attribute> {
        self.cloud_event.as_ref().map(|event| &event.source)
    }

    /// When it happened; `place` is the broker's.
    pub(super) fn occurrence(&self, place: (Timestamp, u64), settings: &EventSettings, problems: &mut Problems) -> Occurrence {
        let (received_at, sequence) = place;
        let Some(event) = &self.cloud_event else {
            return Occurrence { source: String::new(), time: None, received_at, sequence };
        };
        let time = match event.time.as_ref().map(time) {
            None => None,
            // A publisher's clock says nothing when nobody knows whose it is.
            Some(_) if event.source.as_text().is_none() => {
                problems.add("time without a source; left out");
                None
            }
            Some(Ok((time, _))) if received_at.ms_since(time) > settings.max_age_s.saturating_mul(1000) => {
                problems.add(format!("time is more than {} s before the event was received; left out", settings.max_age_s));
                None
            }
            Some(Ok((time, repair))) => {
                if let Some(repair) = repair {
                    problems.add(format!("time {repair}"));
                }
                Some(time)
            }
            Some(Err(must)) => {
                problems.add(format!("time {must}; left out"));
                None
            }
        };
        Occurrence { source: event.source.as_text().unwrap_or_default().to_owned(), time, received_at, sequence }
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

/// Whether an object is a structured event, whatever it was declared as.
pub(super) fn is_structured(object: &Map<String, Value>) -> bool {
    object.contains_key("specversion") && (object.contains_key("data") || object.contains_key("data_base64"))
}

/// An object; also the text of one, and a list of just one.
fn object(value: Value, what: &str, problems: &mut Problems) -> Result<Map<String, Value>, Undecodable> {
    let not_one = || Undecodable::new(RejectReason::BadJson, format!("{what} must be a JSON object"));
    let value = match value {
        Value::String(text) => {
            problems.add(format!("{what} is a text; read as the JSON that it holds"));
            json::parse(text.as_bytes(), problems).map_err(|_| not_one())?
        }
        Value::Array(mut entries) if entries.len() == 1 => {
            problems.add(format!("{what} is a list of one; read as its entry"));
            entries.pop().unwrap_or_default()
        }
        other => other,
    };
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(not_one()),
    }
}
