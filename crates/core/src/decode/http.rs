//! Events over HTTP: one, or a batch.

use serde_json::Value;

use super::envelope::{self, Envelope};
use super::fields::Problems;
use super::{Decoded, EVENTS_PREFIX, EventSettings, PUBLISHER_HEADER, RejectReason, Undecodable, finish, header, identity, json, kind_of};
use crate::event::{Event, Original};
use crate::time::Timestamp;

/// A request that publishes.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Whose identities its events have: the key.
    pub publisher: &'a str,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
    pub received_at: Timestamp,
}

/// Decodes the body of a request, which may hold many events.
///
/// The CloudEvents `type` decides the kind; plain JSON data carry it as `type` beside their `id`. Both are needed here, as
/// there is no subject, and without an identity a client that repeats its request would page twice. A batch is taken as a
/// whole or not at all, so that a client can simply send it again; any JSON array is one.
///
/// The originals keep only the headers that belong to the event, never those of the request's authorisation.
///
/// # Errors
/// An event of the body cannot be used; in a batch the detail says which.
pub fn from_http(request: &Request<'_>, settings: &EventSettings) -> Result<Vec<Event>, Undecodable> {
    let mut problems = Problems::default();
    let is_trace = |name: &str| name.eq_ignore_ascii_case(header::TRACEPARENT);
    let belongs = |name: &str| header::attribute_name(name).is_some() || name.eq_ignore_ascii_case("content-type") || is_trace(name);
    let mut kept: Vec<(String, String)> = request.headers.iter().filter(|(name, _)| belongs(name)).cloned().collect();
    let is_binary = kept.iter().any(|(name, _)| header::attribute_name(name).is_some());
    let publisher = (PUBLISHER_HEADER.to_owned(), request.publisher.to_owned());
    match json::parse(request.body, &mut problems)? {
        // Who declares no batch did not mean to send nothing.
        Value::Array(entries) if entries.is_empty() && header::media_type(request.headers) != "application/cloudevents-batch+json" => {
            Err(Undecodable::new(RejectReason::BadJson, "the payload must be a JSON object, or an array of events that is not empty"))
        }
        // The attributes of a binary event are of one event only.
        Value::Array(entries) if !(is_binary && entries.len() == 1) => {
            let entry = |(at, entry): (usize, Value)| {
                let is_structured = entry.as_object().is_some_and(envelope::is_structured);
                let content_type = if is_structured { "application/cloudevents+json" } else { "application/json" };
                let mut headers = vec![("content-type".to_owned(), content_type.to_owned()), publisher.clone()];
                headers.extend(kept.iter().find(|(name, _)| is_trace(name)).cloned());
                let payload = entry.to_string().into_bytes();
                let original = Original { subject: String::new(), headers, payload, received_at: request.received_at };
                one(entry, original, at, request.publisher, problems.clone(), settings)
                    .map_err(|why| Undecodable::new(why.reason, format!("event {at} of the batch: {}", why.detail)))
            };
            entries.into_iter().enumerate().map(entry).collect()
        }
        value => {
            kept.push(publisher);
            let original =
                Original { subject: String::new(), headers: kept, payload: request.body.to_vec(), received_at: request.received_at };
            one(value, original, 0, request.publisher, problems, settings).map(|event| vec![event])
        }
    }
}

/// One event; `at` is its place in the request.
fn one(
    value: Value,
    mut original: Original,
    at: usize,
    publisher: &str,
    mut problems: Problems,
    settings: &EventSettings,
) -> Result<Event, Undecodable> {
    let mut envelope = Envelope::of_value(&original.headers, value, &mut problems)?;
    let named = match &envelope.cloud_event {
        Some(event) => event.kind.as_text().map(str::to_owned),
        None => envelope.data.remove("type").and_then(|kind| kind.as_str().map(|kind| kind.trim().to_owned())),
    };
    let named = named.ok_or_else(|| Undecodable::new(RejectReason::MissingField, "type is missing"))?;
    let kind = kind_of(&named).ok_or_else(|| {
        Undecodable::new(
            RejectReason::UnknownKind,
            "type must be watchbell.events.alert, watchbell.events.update, watchbell.events.duty or watchbell.events.subscription",
        )
    })?;
    let identity = identity::of_request(&envelope, kind, publisher, &mut problems)?;
    let place = (original.received_at, at as u64);
    let decoded: Decoded = finish(envelope, kind, identity, place, settings, problems)?;
    original.subject = format!("{EVENTS_PREFIX}{kind}");
    Ok(decoded.into_event(original))
}
