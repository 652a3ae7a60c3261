//! What makes an event the same event when it comes again.
//!
//! (publisher, `source`, `id`), else (publisher, subject, `id`) of plain data, else `Nats-Msg-Id`, else the place in the stream.
//! Each form has its own prefix, and the parts' lengths are bound into it, so that no two forms or pairs ever give the same text.
//! The publisher is the key over HTTP: two tools that count from one do not meet.

use super::envelope::{Attribute, Envelope};
use super::fields::{Problems, clean, shortened};
use super::{EVENTS_PREFIX, RejectReason, Undecodable, header};
use crate::event::EventKind;
use crate::time::Timestamp;

/// The header that the consumer adds to an event's original: where in the stream it lay. Never taken from a publisher.
pub const POSITION_HEADER: &str = "Watchbell-Stream-Position";

/// The header of an event's original that says which key published it over HTTP. Never taken from a publisher.
pub const PUBLISHER_HEADER: &str = "Watchbell-Publisher";

/// A place in a stream.
///
/// The broker's time belongs to it: a stream that was deleted and made again counts from 1 again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPosition<'a> {
    pub stream: &'a str,
    pub sequence: u64,
    pub stored_at: Timestamp,
}

impl StreamPosition<'_> {
    /// The value of [`POSITION_HEADER`].
    pub fn to_header(&self) -> String {
        format!("{}:{}:{}", self.stream, self.sequence, self.stored_at.as_millis())
    }
}

/// The sequence in a stream of what has a [`POSITION_HEADER`]; 0 for what came another way.
pub(super) fn sequence(headers: &[(String, String)]) -> u64 {
    let position = header::get(headers, POSITION_HEADER).unwrap_or_default();
    position.rsplit(':').nth(1).and_then(|sequence| sequence.parse().ok()).unwrap_or_default()
}

/// The publisher of what came over NATS; over HTTP it is the key.
const NATS: &str = "nats";

/// The identity of an event from NATS, or of one that is kept as it came. There is always one, unless the consumer forgot the
/// position.
pub(super) fn of_message(
    envelope: &Envelope,
    kind: EventKind,
    headers: &[(String, String)],
    problems: &mut Problems,
) -> Result<String, Undecodable> {
    if let Some(publisher) = header::get(headers, PUBLISHER_HEADER) {
        return of_request(envelope, kind, publisher, problems);
    }
    match of_envelope(envelope, kind, NATS) {
        Ok(identity) => return Ok(identity),
        // Plain data need no id of their own here.
        Err(why) if envelope.cloud_event.is_none() && why.reason == RejectReason::MissingField => {}
        Err(why) => problems.add(format!("{}; told apart by Nats-Msg-Id or the place in the stream", why.detail)),
    }
    if let Some(id) = header::get(headers, "nats-msg-id").filter(|id| !id.trim().is_empty()) {
        return Ok(format!("msg:{}", shortened(clean(id.to_owned())).0));
    }
    header::get(headers, POSITION_HEADER)
        .map(|position| format!("seq:{position}"))
        .ok_or_else(|| Undecodable::new(RejectReason::MissingField, "id is missing"))
}

/// The identity of an event over HTTP, where nothing but the event can give it one. Without a source it is the key's own.
pub(super) fn of_request(envelope: &Envelope, kind: EventKind, publisher: &str, problems: &mut Problems) -> Result<String, Undecodable> {
    if let Some(source) = envelope.source()
        && let Err(why) = part(source, "source")
    {
        let id = part(&envelope.id, "id")?;
        problems.add(format!("{}; told apart from the key's other events by its id alone", why.detail));
        return Ok(plain(publisher, kind, id));
    }
    of_envelope(envelope, kind, publisher)
}

/// The identity that the event itself carries.
fn of_envelope(envelope: &Envelope, kind: EventKind, publisher: &str) -> Result<String, Undecodable> {
    let Some(source) = envelope.source() else {
        return Ok(plain(publisher, kind, part(&envelope.id, "id")?));
    };
    let source = part(source, "source")?;
    Ok(of_source(publisher, source, part(&envelope.id, "id")?))
}

/// The identity of a CloudEvent.
pub fn of_source(publisher: &str, source: &str, id: &str) -> String {
    format!("ce:{publisher}:{}:{source}:{id}", source.len())
}

fn plain(publisher: &str, kind: EventKind, id: &str) -> String {
    format!("json:{publisher}:{EVENTS_PREFIX}{kind}:{id}")
}

fn part<'a>(attribute: &'a Attribute, name: &str) -> Result<&'a str, Undecodable> {
    match attribute {
        Attribute::Absent => Err(Undecodable::new(RejectReason::MissingField, format!("{name} is missing"))),
        Attribute::Wrong(must) => Err(Undecodable::new(RejectReason::BadField, format!("{name} {must}"))),
        Attribute::Text(text) => Ok(text),
    }
}
