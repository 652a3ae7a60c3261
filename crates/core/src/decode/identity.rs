//! What makes an event the same event when it comes again.
//!
//! (`source`, `id`), else (subject, `id`) of plain data, else `Nats-Msg-Id`, else the place in the stream. Each form has its own
//! prefix, and the parts' lengths are bound into it, so that no two forms or pairs ever give the same text.

use super::envelope::{Attribute, Envelope};
use super::fields::{MAX_ID_CHARS, Problems, clean};
use super::{EVENTS_PREFIX, Reason, Undecodable, header};
use crate::event::EventKind;
use crate::time::Timestamp;

/// The header that the consumer adds to an event's original: where in the stream it lay. Never taken from a publisher.
pub const POSITION_HEADER: &str = "Watchbell-Stream-Position";

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

/// The identity of an event from NATS. There is always one, unless the consumer forgot the position.
pub(super) fn of_message(
    envelope: &Envelope,
    kind: EventKind,
    headers: &[(String, String)],
    problems: &mut Problems,
) -> Result<String, Undecodable> {
    match of_envelope(envelope, kind) {
        Ok(identity) => return Ok(identity),
        // Plain data need no id of their own here.
        Err(why) if envelope.cloud_event.is_none() && why.reason == Reason::MissingField => {}
        Err(why) => problems.add(format!("{}; told apart by Nats-Msg-Id or the place in the stream", why.detail)),
    }
    if let Some(id) = header::get(headers, "nats-msg-id").filter(|id| is_short(id)) {
        return Ok(format!("msg:{}", clean(id.to_owned())));
    }
    header::get(headers, POSITION_HEADER)
        .map(|position| format!("seq:{position}"))
        .ok_or_else(|| Undecodable::new(Reason::MissingField, "id is missing"))
}

/// The identity that the event itself carries.
pub(super) fn of_envelope(envelope: &Envelope, kind: EventKind) -> Result<String, Undecodable> {
    let Some(source) = envelope.source() else {
        let id = part(&envelope.id, "id")?;
        return Ok(format!("json:{EVENTS_PREFIX}{kind}:{id}"));
    };
    let source = part(source, "source")?;
    let id = part(&envelope.id, "id")?;
    Ok(format!("ce:{}:{source}:{id}", source.len()))
}

fn part<'a>(attribute: &'a Attribute, name: &str) -> Result<&'a str, Undecodable> {
    match attribute {
        Attribute::Absent => Err(Undecodable::new(Reason::MissingField, format!("{name} is missing"))),
        Attribute::Wrong(must) => Err(Undecodable::new(Reason::BadField, format!("{name} {must}"))),
        Attribute::Text(text) if is_short(text) => Ok(text),
        Attribute::Text(_) => Err(Undecodable::new(Reason::BadField, format!("{name} must have 1 to {MAX_ID_CHARS} characters"))),
    }
}

fn is_short(text: &str) -> bool {
    !text.is_empty() && text.chars().nth(MAX_ID_CHARS).is_none()
}
