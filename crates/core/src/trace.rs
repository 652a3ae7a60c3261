//! Trace contexts: which trace something belongs to, and which span of it is behind it.
//!
//! They are read and written as the W3C's `traceparent` (Trace Context, level 1). Watchbell's own span ids are derived from what a span
//! is about, not drawn: whoever finishes a delivery in another process, hours later, knows the spans before it without having kept them.
//! Only the event's row holds a context.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::ids::{DeliveryId, EventId};

/// A span of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// Whether its spans are kept. One that is not is carried on all the same, so that nobody behind us begins a trace of their own.
    pub is_sampled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub [u8; 16]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(pub [u8; 8]);

impl TraceContext {
    /// The span that accepts an event: of the trace that the event came with, or of one that begins with it, of which a `share` of 0 to
    /// 1 is sampled.
    pub fn of_accept(came_with: Option<Self>, event: &EventId, share: f64) -> Self {
        let parts = ["event.accept", event.as_str()];
        if let Some(parent) = came_with {
            return parent.child(&parts);
        }
        let trace_id: [u8; 16] = derive(&["trace", event.as_str()]);
        let [.., a, b, c, d] = trace_id;
        let is_sampled = f64::from(u32::from_be_bytes([a, b, c, d])) < share * f64::from(u32::MAX);
        Self { trace_id: TraceId(trace_id), span_id: SpanId(derive(&parts)), is_sampled: is_sampled || share >= 1.0 }
    }

    /// The span in which a delivery is claimed for its next attempt, of an event that was accepted by this one.
    #[must_use]
    pub fn claim(self, delivery: &DeliveryId, attempt: i64) -> Self {
        self.child(&["delivery.claim", delivery.as_str(), &attempt.to_string()])
    }

    /// The span of a delivery's call, of an event that was accepted by this one.
    #[must_use]
    pub fn call(self, delivery: &DeliveryId, attempt: i64) -> Self {
        self.child(&["delivery.call", delivery.as_str(), &attempt.to_string()])
    }

    /// The span in which something that came at `at` is heard of a delivery's call, which is this one.
    #[must_use]
    pub fn receipt(self, delivery: &DeliveryId, outcome: &str, at: crate::Timestamp) -> Self {
        self.child(&["delivery.receipt", delivery.as_str(), outcome, &at.as_millis().to_string()])
    }

    fn child(self, parts: &[&str]) -> Self {
        Self { span_id: SpanId(derive(parts)), ..self }
    }
}

/// The first bytes of a digest of the parts. All zeros, which would be no id, come once in 2^64 times; then it is what a collector drops.
fn derive<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    std::array::from_fn(|at| digest[at])
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-0{}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no traceparent: it must be 00-TRACE-SPAN-FLAGS, in 32, 16 and 2 hexadecimal digits, the first two not all zeros")]
pub struct NoTraceContext;

impl FromStr for TraceContext {
    type Err = NoTraceContext;

    /// Reads version 00, and what later versions have in common with it.
    fn from_str(text: &str) -> Result<Self, NoTraceContext> {
        let read = || {
            let text = text.trim();
            let mut parts = text.split('-');
            let [version] = bytes(parts.next()?)?;
            let (trace_id, span_id, [flags]) = (bytes(parts.next()?)?, bytes(parts.next()?)?, bytes(parts.next()?)?);
            let is_whole = version != 0xff && (version != 0 || parts.next().is_none());
            let is_some = trace_id != [0; 16] && span_id != [0; 8];
            let context = Self { trace_id: TraceId(trace_id), span_id: SpanId(span_id), is_sampled: flags & 1 == 1 };
            Some(context).filter(|_| is_whole && is_some)
        };
        read().ok_or(NoTraceContext)
    }
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let hex = hex.as_bytes();
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes).filter(|_| hex.len() == N * 2)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    /// The specification's own example.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        let table = [
            (EXAMPLE, Some(true)),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", Some(false)),
            (" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03 ", Some(true)),
            // A later version may have more.
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", Some(true)),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", None),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e47é6-00f067aa0ba902b7-01", None),
            ("", None),
        ];
        for (text, is_sampled) in table {
            assert_eq!(text.parse::<TraceContext>().ok().map(|context| context.is_sampled), is_sampled, "{text}");
        }
        assert_eq!(EXAMPLE.parse::<TraceContext>().unwrap().to_string(), EXAMPLE);
    }

    #[test]
    fn spans_are_found_again_from_what_they_are_about() {
        let (event, delivery) = (EventId("01E".to_owned()), DeliveryId("01D".to_owned()));
        let came_with: TraceContext = EXAMPLE.parse().unwrap();
        let accept = TraceContext::of_accept(Some(came_with), &event, 0.0);
        assert_eq!((accept.trace_id, accept.is_sampled), (came_with.trace_id, true));
        let read: TraceContext = accept.to_string().parse().unwrap();
        assert_eq!(read.call(&delivery, 2), accept.call(&delivery, 2));
        let spans = [came_with, accept, accept.claim(&delivery, 1), accept.call(&delivery, 1), accept.call(&delivery, 2)];
        for (at, span) in spans.iter().enumerate() {
            assert!(spans[..at].iter().all(|other| other.span_id != span.span_id && other.trace_id == span.trace_id), "{at}");
        }
    }

    #[test]
    fn a_share_of_the_traces_that_begin_here_is_sampled() {
        let sampled = |share: f64| {
            let events = (0..1_000).map(|number| EventId(format!("01E{number}")));
            events.filter(|event| TraceContext::of_accept(None, event, share).is_sampled).count()
        };
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 1_000));
        assert!((150..350).contains(&sampled(0.25)), "{}", sampled(0.25));
    }
}
