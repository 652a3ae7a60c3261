//! What a collector of spans was told, by OTLP over HTTP in JSON.

use serde_json::Value;

use crate::stand_ins::Request;

/// A span as it was told.
#[derive(Clone, Debug)]
pub struct ToldSpan {
    pub name: String,
    pub trace_id: String,
    pub span_id: String,
    /// Empty where the trace begins with it.
    pub parent_id: String,
    /// Of the process that told it.
    pub instance: String,
    pub attributes: Value,
}

impl ToldSpan {
    /// The text of an attribute.
    pub fn attribute(&self, key: &str) -> &str {
        let mut all = self.attributes.as_array().into_iter().flatten();
        all.find(|attribute| attribute["key"] == key).and_then(|attribute| attribute["value"]["stringValue"].as_str()).unwrap_or_default()
    }
}

/// The spans that a request tells of.
pub fn spans(request: &Request) -> Vec<ToldSpan> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let body = request.json();
    let resource = &body["resourceSpans"][0];
    let instance = resource["resource"]["attributes"].as_array().into_iter().flatten().find(|one| one["key"] == "service.instance.id");
    let instance = instance.map(|one| text(&one["value"]["stringValue"])).unwrap_or_default();
    let span = |span: &Value| ToldSpan {
        name: text(&span["name"]),
        trace_id: text(&span["traceId"]),
        span_id: text(&span["spanId"]),
        parent_id: text(&span["parentSpanId"]),
        instance: instance.clone(),
        attributes: span["attributes"].clone(),
    };
    resource["scopeSpans"][0]["spans"].as_array().into_iter().flatten().map(span).collect()
}
