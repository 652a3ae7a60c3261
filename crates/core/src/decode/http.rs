//! Events over HTTP: one, or a batch.

use serde_json::Value;

use super::envelope::{self, Envelope};
use super::fields::Problems;
use super::{Decoded, EVENTS_PREFIX, Reason, Undecodable, finish, header, identity, kind_of};
use crate::event::{Event, Original};
use crate::time::Timestamp;

/// Decodes the body of a request, which may hold many events.
///
/// The CloudEvents `type` decides the kind; plain JSON data carry it as `type` beside their `id`. Both are needed here, as
/// there is no subject, and without an identity a client that repeats its request would page twice. A batch is taken as a
/// whole or not at all, so that a client can simply send it again.
///
/// The originals keep only the headers that belong to the event, never those of the request's authorisation. `headers` holds
/// all of them; `content_type` is named apart only because callers have parsed it.
///
/// # Errors
/// An event of the body cannot be used; in a batch the detail says which.
pub fn from_http(
    content_type: Option<&str>,
    headers: &[(String, String)],
    body: &[u8],
    received_at: Timestamp,
) -> Result<Vec<Event>, Undecodable> {
    let mut kept: Vec<(String, String)> = headers.iter().filter(|(name, _)| header::attribute_name(name).is_some()).cloned().collect();
    if let Some(content_type) = content_type {
        kept.push(("content-type".to_owned(), content_type.to_owned()));
    }
    if header::media_type(&kept) == "application/cloudevents-batch+json" {
        return batch(body, received_at);
    }
    let envelope = Envelope::read(&kept, body)?;
    one(envelope, kept, body.to_vec(), received_at).map(|event| vec![event])
}

fn batch(body: &[u8], received_at: Timestamp) -> Result<Vec<Event>, Undecodable> {
    let Value::Array(entries) = envelope::parse(body)? else {
        return Err(Undecodable::new(Reason::BadJson, "a batch must be a JSON array of events"));
    };
    let headers = vec![("content-type".to_owned(), "application/cloudevents+json".to_owned())];
    let entry = |(at, entry): (usize, Value)| {
        let payload = entry.to_string().into_bytes();
        envelope::object(entry, "the event")
            .and_then(Envelope::structured)
            .and_then(|envelope| one(envelope, headers.clone(), payload, received_at))
            .map_err(|why| Undecodable::new(why.reason, format!("event {at} of the batch: {}", why.detail)))
    };
    entries.into_iter().enumerate().map(entry).collect()
}

fn one(mut envelope: Envelope, headers: Vec<(String, String)>, payload: Vec<u8>, received_at: Timestamp) -> Result<Event, Undecodable> {
    let named = match &envelope.cloud_event {
        Some(event) => event.kind.as_text().map(str::to_owned),
        None => envelope.data.remove("type").and_then(|kind| kind.as_str().map(str::to_owned)),
    };
    let named = named.ok_or_else(|| Undecodable::new(Reason::MissingField, "type is missing"))?;
    let kind = kind_of(&named).ok_or_else(|| {
        Undecodable::new(
            Reason::UnknownKind,
            "type must be watchbell.events.alert, watchbell.events.update, watchbell.events.duty or watchbell.events.subscription",
        )
    })?;
    let identity = identity::of_envelope(&envelope, kind)?;
    let decoded: Decoded = finish(envelope, kind, identity, received_at, Problems::default())?;
    let original = Original { subject: format!("{EVENTS_PREFIX}{kind}"), headers, payload, received_at };
    Ok(decoded.into_event(original))
}
