//! What is asked for: the body of `/run` and `/runsync`, and the file that is given to a test run.

use std::time::Duration;

use fault::{Code, Fault, codes};
use job::is_plain_id;
use serde_json::{Map, Value};

/// Why a body is no job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Not JSON.
    #[error("the body is not JSON: {0}; {{\"input\": {{...}}}} is expected")]
    NotJson(String),
    /// JSON, but no object.
    #[error("the body is not an object; {{\"input\": {{...}}}} is expected")]
    NotAnObject,
    /// Nothing to work on.
    #[error("`input` is missing; {{\"input\": {{...}}}} is expected")]
    NoInput,
    /// A field of another type, or beyond its limits.
    #[error("`{field}` is not {expected}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl Fault for BadRequest {
    fn code(&self) -> &'static Code {
        &codes::serve::BAD_REQUEST
    }
}

/// How long a job may take, as its sender says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// From its start: `policy.executionTimeout`.
    pub execution: Option<Duration>,
    /// From its submission, the time in the queue included: `policy.ttl`.
    pub life: Option<Duration>,
}

/// A job that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The id that it is given; one is made where there is none.
    pub id: Option<String>,
    /// What to work on.
    pub input: Value,
    /// Whom to tell the end, not checked yet.
    pub webhook: Option<String>,
    /// How long it may take.
    pub limits: Limits,
}

impl Request {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let body = serde_json::from_slice(body).map_err(|error| BadRequest::NotJson(error.to_string()))?;
        Self::read(body)
    }

    /// The same from JSON. Fields that nobody knows are passed over, as the cloud does.
    pub fn read(body: Value) -> Result<Self, BadRequest> {
        let Value::Object(mut body) = body else { return Err(BadRequest::NotAnObject) };
        let input = body.remove("input").filter(|input| !input.is_null()).ok_or(BadRequest::NoInput)?;
        let id = text(&body, "id", "a text of 1 to 128 letters, digits, `_` and `-`", is_plain_id)?;
        let webhook = text(&body, "webhook", "a URL", |_| true)?;
        let limits = match body.get("policy") {
            None | Some(Value::Null) => Limits::default(),
            Some(Value::Object(policy)) => Limits {
                execution: milliseconds(policy, "executionTimeout", "policy.executionTimeout")?,
                life: milliseconds(policy, "ttl", "policy.ttl")?,
            },
            Some(_) => return Err(BadRequest::Field { field: "policy", expected: "an object" }),
        };
        Ok(Self { id, input, webhook, limits })
    }
}

fn text(
    body: &Map<String, Value>,
    field: &'static str,
    expected: &'static str,
    good: fn(&str) -> bool,
) -> Result<Option<String>, BadRequest> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if good(text) => Ok(Some(text.clone())),
        Some(_) => Err(BadRequest::Field { field, expected }),
    }
}

/// The longest time that the cloud takes, a week.
const MOST_MS: u64 = 7 * 24 * 3_600_000;

fn milliseconds(policy: &Map<String, Value>, name: &str, field: &'static str) -> Result<Option<Duration>, BadRequest> {
    match policy.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(ms @ 1..=MOST_MS) => Ok(Some(Duration::from_millis(ms))),
            _ => Err(BadRequest::Field { field, expected: "a whole number of milliseconds, 1 to 604800000" }),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_read_with_all_that_the_cloud_knows() {
        let body = br#"{"input":{"a":1},"id":"job-1","webhook":"https://x.example/","s3Config":{},
            "policy":{"executionTimeout":5000,"ttl":60000,"lowPriority":true}}"#;
        let request = Request::parse(body).unwrap();
        assert_eq!((request.id.as_deref(), &request.input), (Some("job-1"), &json!({"a": 1})));
        assert_eq!(request.webhook.as_deref(), Some("https://x.example/"));
        let (execution, life) = (Some(Duration::from_secs(5)), Some(Duration::from_secs(60)));
        assert_eq!(request.limits, Limits { execution, life });
    }

    #[test]
    fn what_is_no_job_is_answered_with_a_sentence() {
        for (body, expected) in [
            ("", "not JSON"),
            ("{\"input\":", "not JSON"),
            ("[]", "not an object"),
            ("{}", "`input` is missing"),
            ("{\"input\":null}", "`input` is missing"),
            ("{\"input\":{},\"id\":7}", "`id` is not a text"),
            ("{\"input\":{},\"id\":\"../x\"}", "`id` is not a text of 1 to 128 letters"),
            ("{\"input\":{},\"webhook\":{}}", "`webhook` is not a URL"),
            ("{\"input\":{},\"policy\":1}", "`policy` is not an object"),
            ("{\"input\":{},\"policy\":{\"ttl\":0}}", "`policy.ttl` is not a whole number"),
            ("{\"input\":{},\"policy\":{\"executionTimeout\":1.5}}", "`policy.executionTimeout` is not a whole number"),
            ("{\"input\":{},\"policy\":{\"ttl\":18446744073709551615}}", "`policy.ttl` is not a whole number"),
        ] {
            let text = Request::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(text.contains(expected), "{body}: {text}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(Request::parse(deep.as_bytes()), Err(BadRequest::NotJson(_))));
    }
}
