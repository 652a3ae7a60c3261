//! From the bytes of an event to an [`Event`], without any I/O.
//!
//! Three encodings are taken, over NATS and over HTTP alike: CloudEvents 1.0 binary (`ce-*` headers), CloudEvents 1.0
//! structured (`application/cloudevents+json`), and the plain JSON data with an `id`. HTTP has batches
//! (`application/cloudevents-batch+json`, or any JSON array) besides. Over NATS the subject alone decides the kind, over HTTP the
//! `type` does.
//!
//! Repair comes before refusal: what has the wrong form and a plain meaning is read by that meaning, what cannot be used is left
//! out, and both are named in [`Event::problems`]. Only where nothing useful is left the event is an [`Undecodable`], which the
//! consumer turns into a dead letter and the HTTP intake into a 400. Details never quote values, as those may be message texts or
//! names.
//!
//! [`from_nats`] also reads a dead letter's [`Original`] again, whichever way it came: [`from_http`] writes originals that it
//! understands, with the same identity and the same times.

mod data;
mod envelope;
mod fields;
mod header;
mod http;
mod identity;
mod json;

#[cfg(test)]
mod tests;

pub use header::{percent_decode, text_of_header};
pub use http::{Request, from_http};
pub use identity::{POSITION_HEADER, PUBLISHER_HEADER, StreamPosition, of_source};

use serde::{Deserialize, Serialize};

use crate::channel::named_enum;
use crate::event::{Event, EventKind, Occurrence, Original, Priorities};
use crate::trace::TraceContext;
use envelope::Envelope;

/// The longest payload that is looked at, in bytes; also nats-server's own default limit.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// What the subjects of events begin with.
pub const EVENTS_PREFIX: &str = "watchbell.events.";

/// The kinds that publishers send. Verifications are made by Watchbell itself and must not come from outside.
pub const PUBLISHED_KINDS: [EventKind; 4] = [EventKind::Alert, EventKind::Update, EventKind::Duty, EventKind::Subscription];

named_enum! {
    /// Why an event cannot be used: the code in the dead-letter table, in metrics and in the API.
    pub enum RejectReason ("reason") {
        /// The payload is no JSON, or is nested too deeply.
        BadJson = "bad_json",
        /// The subject or type is none of the four kinds.
        UnknownKind = "unknown_kind",
        MissingField = "missing_field",
        BadField = "bad_field",
        /// None of the named users exists. Found when the event is accepted.
        UnknownUser = "unknown_user",
        /// Nobody is on duty by a schedule that it names. Found when the event is accepted, as the two below.
        NobodyOnDuty = "nobody_on_duty",
        /// A topic that it names has no members, or more than an alert tells.
        BadTopic = "bad_topic",
        /// An escalation list that it names is not configured.
        UnknownEscalation = "unknown_escalation",
        /// Another event has this identity and says something else. Found when the event is accepted.
        Conflict = "conflict",
        TooLarge = "too_large",
        /// Not UTF-8, no base64, headers that cannot be read, or an event format other than JSON.
        BadEncoding = "bad_encoding",
        /// The store refuses the event, whatever is tried.
        Refused = "refused",
    }
}

impl RejectReason {
    /// Whether somebody whom an event names could not be found: once there is somebody, it can be replayed.
    pub fn is_about_names(self) -> bool {
        matches!(self, Self::UnknownUser | Self::NobodyOnDuty | Self::BadTopic | Self::UnknownEscalation)
    }
}

/// What reading events leaves to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSettings {
    /// A `time` that lies so many seconds before the event was received is no time, but a clock that is wrong.
    pub max_age_s: i64,
    /// What words for an alert's urgency mean.
    pub priorities: Priorities,
}

impl Default for EventSettings {
    /// The design's figure: 24 hours.
    fn default() -> Self {
        Self { max_age_s: 24 * 3_600, priorities: Priorities::default() }
    }
}

/// Why an event cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Undecodable {
    pub reason: RejectReason,
    /// A sentence for whoever published the event.
    pub detail: String,
}

impl Undecodable {
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// An event that cannot be used, on its way to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub original: Original,
    pub reason: RejectReason,
    pub detail: String,
}

impl Rejected {
    pub fn new(original: Original, why: Undecodable) -> Self {
        Self { original, reason: why.reason, detail: why.detail }
    }

    /// The last part of the subject that the dead letter is published to: the kind, or `unknown`.
    pub fn kind(&self) -> &'static str {
        kind_of(&self.original.subject).map_or("unknown", EventKind::as_str)
    }
}

/// The kind that a subject or a CloudEvents `type` stands for.
pub fn kind_of(subject: &str) -> Option<EventKind> {
    let name = subject.strip_prefix(EVENTS_PREFIX)?;
    PUBLISHED_KINDS.into_iter().find(|kind| kind.as_str() == name)
}

/// Decodes an event that came over NATS, or one kept as a dead letter.
///
/// Without an id of its own the event's identity is its `Nats-Msg-Id`, else its place in the stream, which the consumer adds
/// as the header [`POSITION_HEADER`].
///
/// # Errors
/// The event cannot be used; the original is handed back with the reason.
pub fn from_nats(original: Original, settings: &EventSettings) -> Result<Event, Box<Rejected>> {
    match decode(&original, settings) {
        Ok(decoded) => Ok(decoded.into_event(original)),
        Err(why) => Err(Box::new(Rejected::new(original, why))),
    }
}

/// An [`Event`] without its original.
struct Decoded {
    identity: String,
    occurrence: Occurrence,
    data: crate::event::EventData,
    problems: Vec<String>,
    trace: Option<TraceContext>,
}

impl Decoded {
    fn into_event(self, original: Original) -> Event {
        let Self { identity, occurrence, data, problems, trace } = self;
        Event { identity, occurrence, data, problems, replay_of: None, trace, original }
    }
}

fn decode(original: &Original, settings: &EventSettings) -> Result<Decoded, Undecodable> {
    let kind = kind_of(&original.subject).ok_or_else(|| {
        Undecodable::new(
            RejectReason::UnknownKind,
            "the subject must be watchbell.events.alert, watchbell.events.update, watchbell.events.duty or watchbell.events.subscription",
        )
    })?;
    let mut problems = fields::Problems::default();
    let envelope = Envelope::read(&original.headers, &original.payload, &mut problems)?;
    let identity = identity::of_message(&envelope, kind, &original.headers, &mut problems)?;
    let place = (original.received_at, identity::sequence(&original.headers));
    finish(envelope, kind, identity, place, settings, problems)
}

/// The part that is the same for both ways in; `place` is when and at which place the broker took the event.
fn finish(
    envelope: Envelope,
    kind: EventKind,
    identity: String,
    place: (crate::Timestamp, u64),
    settings: &EventSettings,
    mut problems: fields::Problems,
) -> Result<Decoded, Undecodable> {
    let occurrence = envelope.occurrence(place, settings, &mut problems);
    envelope.check_version(&mut problems);
    let data = data::read(kind, envelope.data, &identity, settings, &mut problems)?;
    Ok(Decoded { identity, occurrence, data, problems: problems.into_sentences(), trace: envelope.trace })
}
