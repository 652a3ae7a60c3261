//! A span that has ended.

use watchbell_core::trace::{SpanId, TraceContext};
use watchbell_core::{DeliveryId, Timestamp};

/// Which side of a call or message a span is; the figures are OTLP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal = 1,
    Client = 3,
    Consumer = 5,
}

/// What an attribute says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Number(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub context: TraceContext,
    /// None where the trace begins with it.
    pub parent: Option<SpanId>,
    /// Spans of other traces that it is about as well.
    pub links: Vec<TraceContext>,
    /// `noun.verb`.
    pub name: &'static str,
    pub kind: Kind,
    pub start: Timestamp,
    pub end: Timestamp,
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed, if it did: a name of an enumeration.
    pub error: Option<String>,
}

impl Span {
    pub(crate) fn new(context: TraceContext) -> Self {
        let never = Timestamp::from_millis(0);
        Self {
            context,
            parent: None,
            links: Vec::new(),
            name: "",
            kind: Kind::Internal,
            start: never,
            end: never,
            attributes: Vec::with_capacity(8),
            error: None,
        }
    }

    #[must_use]
    pub fn named(self, name: &'static str, kind: Kind) -> Self {
        Self { name, kind, ..self }
    }

    #[must_use]
    pub fn under(self, parent: Option<TraceContext>) -> Self {
        Self { parent: parent.map(|parent| parent.span_id), ..self }
    }

    #[must_use]
    pub fn during(self, start: Timestamp, end: Timestamp) -> Self {
        Self { start, end, ..self }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// The same of something that may be absent.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    #[must_use]
    pub fn about(self, delivery: &DeliveryId) -> Self {
        self.with("watchbell.delivery.id", delivery.as_str())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}
