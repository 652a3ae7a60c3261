//! From a JetStream message to an event's [`Original`].

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use watchbell_core::Timestamp;
use watchbell_core::decode::{POSITION_HEADER, PUBLISHER_HEADER, StreamPosition};
use watchbell_core::event::Original;

/// What every delivery from a stream is to be answered to.
const ACK_PREFIX: &str = "$JS.ACK.";

/// Whether this is an event, and not a status of the pull request. Statuses of stored messages (anybody may publish such
/// headers) do not count: what tells is the reply subject, which only the server gives.
pub(crate) fn is_delivery(message: &async_nats::Message) -> bool {
    message.reply.as_ref().is_some_and(|reply| reply.starts_with(ACK_PREFIX))
}

/// Copies a message. `now` stands in where the reply subject cannot be read.
pub(crate) fn of_message(message: &Message, now: Timestamp) -> Original {
    let mut headers = message.headers.as_ref().map(of_headers).unwrap_or_default();
    let mut received_at = now;
    if let Ok(info) = message.info() {
        received_at = of_nanos(info.published.unix_timestamp_nanos());
        let position = StreamPosition { stream: info.stream, sequence: info.stream_sequence, stored_at: received_at };
        headers.push((POSITION_HEADER.to_owned(), position.to_header()));
    }
    Original { subject: text(message.subject.as_str()), headers, payload: message.payload.to_vec(), received_at }
}

/// Whether the server delivered this message before.
pub(crate) fn is_redelivered(message: &Message) -> bool {
    message.info().is_ok_and(|info| info.delivered > 1)
}

fn of_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let pairs = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    pairs.map(|(name, value)| (text(name.as_ref()), text(value.as_str()))).filter(|(name, _)| !is_own_header(name)).collect()
}

/// Headers that Watchbell adds to originals itself: a publisher's say nothing.
pub(crate) fn is_own_header(name: &str) -> bool {
    name.eq_ignore_ascii_case(POSITION_HEADER) || name.eq_ignore_ascii_case(PUBLISHER_HEADER)
}

/// PostgreSQL's texts cannot hold NULs.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

pub(crate) fn of_nanos(nanos: i128) -> Timestamp {
    Timestamp::from_millis(i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or_default())
}
