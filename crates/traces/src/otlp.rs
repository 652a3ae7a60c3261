//! Spans as OTLP/HTTP has them in JSON: an `ExportTraceServiceRequest`, and the answer to it.

use serde_json::{Value as Json, json};
use watchbell_core::{Timestamp, TraceContext};

use crate::span::{Span, Value};

/// OTLP's figure for a span that failed.
const FAILED: u8 = 2;

/// Of which process spans tell.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The process's name; unique among those that run.
    pub instance: String,
    pub version: &'static str,
}

/// The body of a request that tells of these spans.
pub fn request(resource: &Resource, spans: &[Span]) -> Json {
    let attributes = [
        ("service.name", Value::from("watchbell")),
        ("service.version", Value::from(resource.version)),
        ("service.instance.id", Value::from(resource.instance.as_str())),
    ];
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes.iter().map(attribute).collect::<Vec<_>>() },
        "scopeSpans": [{
            "scope": { "name": "watchbell", "version": resource.version },
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }] })
}

/// How many of the spans the collector did not take, by its answer to a request that it took. None for what is no such answer.
pub fn rejected(answer: &Json) -> Option<usize> {
    let answer = answer.as_object()?;
    let Some(partial) = answer.get("partialSuccess") else { return Some(0) };
    match partial.get("rejectedSpans") {
        None | Some(Json::Null) => Some(0),
        // Whole numbers of 64 bits are texts in protobuf's JSON, and numbers are taken for them.
        Some(Json::String(text)) => text.parse().ok(),
        Some(number) => usize::try_from(number.as_u64()?).ok(),
    }
}

fn span(span: &Span) -> Json {
    let mut json = json!({
        "traceId": span.context.trace_id.to_string(),
        "spanId": span.context.span_id.to_string(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": nanoseconds(span.start),
        "endTimeUnixNano": nanoseconds(span.end.max(span.start)),
        "attributes": span.attributes.iter().map(attribute).collect::<Vec<_>>(),
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = json!(parent.to_string());
    }
    if !span.links.is_empty() {
        json["links"] = span.links.iter().map(link).collect();
    }
    if let Some(error) = &span.error {
        json["status"] = json!({ "code": FAILED, "message": error });
    }
    json
}

fn link(to: &TraceContext) -> Json {
    json!({ "traceId": to.trace_id.to_string(), "spanId": to.span_id.to_string() })
}

fn attribute((key, value): &(&'static str, Value)) -> Json {
    let value = match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": key, "value": value })
}

fn nanoseconds(at: Timestamp) -> String {
    (i128::from(at.as_millis()) * 1_000_000).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;
    use crate::span::Kind;

    #[test]
    fn spans_are_written_as_otlp_has_them() {
        let accept: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
        let other: TraceContext = "00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-01".parse().unwrap();
        let at = Timestamp::from_millis;
        let call = Span::new(TraceContext { span_id: other.span_id, ..accept })
            .named("delivery.call", Kind::Client)
            .under(Some(accept))
            .during(at(1_795_161_600_123), at(1_795_161_600_125))
            .with("watchbell.channel", "sms")
            .with_some("watchbell.code", None::<&str>)
            .with("watchbell.attempt", 2);
        let call = Span { links: vec![other], error: Some("provider_down".to_owned()), ..call };
        let resource = Resource { instance: "p1".to_owned(), version: "0.1.0" };
        let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let expected = json!({ "resourceSpans": [{
            "resource": { "attributes": [text("service.name", "watchbell"), text("service.version", "0.1.0"), text("service.instance.id", "p1")] },
            "scopeSpans": [{
                "scope": { "name": "watchbell", "version": "0.1.0" },
                "spans": [{
                    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
                    "spanId": "10f067aa0ba902b7",
                    "parentSpanId": "00f067aa0ba902b7",
                    "name": "delivery.call",
                    "kind": 3,
                    "startTimeUnixNano": "1795161600123000000",
                    "endTimeUnixNano": "1795161600125000000",
                    "attributes": [text("watchbell.channel", "sms"), { "key": "watchbell.attempt", "value": { "intValue": "2" } }],
                    "links": [{ "traceId": "5bf92f3577b34da6a3ce929d0e0e4736", "spanId": "10f067aa0ba902b7" }],
                    "status": { "code": 2, "message": "provider_down" },
                }],
            }],
        }] });
        assert_eq!(request(&resource, &[call]), expected);
    }

    #[test]
    fn answers_say_how_many_spans_were_not_taken() {
        let table = [
            (json!({}), Some(0)),
            (json!({ "partialSuccess": {} }), Some(0)),
            (json!({ "partialSuccess": { "rejectedSpans": "3", "errorMessage": "too old" } }), Some(3)),
            (json!({ "partialSuccess": { "rejectedSpans": 3 } }), Some(3)),
            (json!({ "partialSuccess": { "rejectedSpans": "some" } }), None),
            (json!(null), None),
            (json!("welcome"), None),
        ];
        for (answer, expected) in table {
            assert_eq!(rejected(&answer), expected, "{answer}");
        }
    }
}
