//! Spans in the JSON encoding of OTLP.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::trace_context::TraceContext;

/// What a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    Internal = 1,
    /// A request of this program.
    Client = 3,
    /// A message that this program has taken.
    Consumer = 5,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub at: TraceContext,
    pub parent: Option<u64>,
    pub name: &'static str,
    pub kind: SpanKind,
    pub start: SystemTime,
    pub end: SystemTime,
    pub attributes: Vec<(&'static str, String)>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// The body of a request to `/v1/traces`.
pub fn request(resource: &Value, spans: &[Span]) -> Value {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "scope": scope(), "spans": spans }] }] })
}

/// What makes the spans and metrics.
pub fn scope() -> Value {
    json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") })
}

fn span(span: &Span) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    set("traceId", format!("{:032x}", span.at.trace).into());
    set("spanId", format!("{:016x}", span.at.span).into());
    if let Some(parent) = span.parent {
        set("parentSpanId", format!("{parent:016x}").into());
    }
    set("name", span.name.into());
    set("kind", (span.kind as u8).into());
    set("startTimeUnixNano", nanoseconds(span.start).into());
    set("endTimeUnixNano", nanoseconds(span.end).into());
    set("attributes", attributes(span.attributes.iter().map(|(name, value)| (*name, value.as_str()))));
    if let Some(failure) = &span.failure {
        set("status", json!({ "code": 2, "message": failure }));
    }
    Value::Object(fields)
}

/// Attributes that are texts.
pub fn attributes<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    pairs.map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } })).collect()
}

/// Since 1970. In JSON, OTLP has numbers of 64 bits as texts.
pub fn nanoseconds(time: SystemTime) -> String {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos().to_string()
}
