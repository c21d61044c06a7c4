//! The body of `/run` and `/runsync`, and the file of `--test-input`.

use std::time::Duration;

use fault::{Failure, codes};
use job::is_plain_id;
use serde_json::{Map, Value};
use tokio::time::Instant;

const EXPECTED: &str = "{\"input\": {...}} is expected";

fn bad_request(message: String) -> Failure {
    Failure::new(&codes::serve::BAD_REQUEST, message)
}

/// How long the sender lets a job take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeLimits {
    /// `policy.executionTimeout`, from the start.
    pub execution: Option<Duration>,
    /// `policy.ttl`, from the submission: includes the time in the queue.
    pub ttl: Option<Duration>,
}

impl TimeLimits {
    /// When a job times out, and the message that says so.
    pub fn deadline(self, submitted: Instant, started: Option<Instant>) -> Option<Deadline> {
        let execution = self.execution.zip(started).map(|(time, from)| ("executionTimeout", from, time));
        let ttl = self.ttl.map(|time| ("ttl", submitted, time));
        let (field, from, time) = execution.into_iter().chain(ttl).min_by_key(|(_, from, time)| *from + *time)?;
        Some((from + time, format!("the job timed out: policy.{field} is {} ms", time.as_millis())))
    }
}

pub type Deadline = (Instant, String);

#[derive(Clone, Debug, PartialEq)]
pub struct JobRequest {
    /// The server makes one where there is none.
    pub id: Option<String>,
    pub input: Value,
    pub limits: TimeLimits,
}

impl JobRequest {
    /// Reads the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| bad_request(format!("the body is not JSON: {error}; {EXPECTED}")))?;
        // Silence would leave the sender waiting for a call that never comes.
        if body.get("webhook").is_some_and(|url| !url.is_null()) {
            let message = "`webhook` is not supported here: ask /status, or set `webhookUrl` in `input`";
            return Err(bad_request(message.to_owned()));
        }
        Self::read(body)
    }

    /// Reads a job. Unknown fields are ignored, as in the cloud.
    pub fn read(body: Value) -> Result<Self, Failure> {
        let Value::Object(mut body) = body else {
            return Err(bad_request(format!("the body is not an object; {EXPECTED}")));
        };
        let no_input = || bad_request(format!("`input` is missing; {EXPECTED}"));
        let input = body.remove("input").filter(|input| !input.is_null()).ok_or_else(no_input)?;
        let id = match body.get("id") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if is_plain_id(id) => Some(id.clone()),
            Some(_) => return Err(not("id", "a text of 1 to 128 letters, digits, `_` and `-`")),
        };
        let limits = match body.get("policy") {
            None | Some(Value::Null) => TimeLimits::default(),
            Some(Value::Object(policy)) => {
                TimeLimits { execution: milliseconds(policy, "executionTimeout")?, ttl: milliseconds(policy, "ttl")? }
            }
            Some(_) => return Err(not("policy", "an object")),
        };
        Ok(Self { id, input, limits })
    }
}

fn not(field: &str, expected: &str) -> Failure {
    bad_request(format!("`{field}` is not {expected}"))
}

/// A week, the cloud's limit.
const MAX_MS: u64 = 7 * 24 * 3_600_000;

fn milliseconds(policy: &Map<String, Value>, name: &str) -> Result<Option<Duration>, Failure> {
    match policy.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(ms @ 1..=MAX_MS) => Ok(Some(Duration::from_millis(ms))),
            _ => Err(not(&format!("policy.{name}"), "a whole number of milliseconds, 1 to 604800000")),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_may_have_every_field_of_the_cloud() {
        let body = br#"{"input":{"a":1},"id":"job-1","s3Config":{},
            "policy":{"executionTimeout":5000,"ttl":60000,"lowPriority":true}}"#;
        let request = JobRequest::parse(body).unwrap();
        assert_eq!((request.id.as_deref(), &request.input), (Some("job-1"), &json!({"a": 1})));
        let (execution, ttl) = (Some(Duration::from_secs(5)), Some(Duration::from_secs(60)));
        assert_eq!(request.limits, TimeLimits { execution, ttl });
    }

    #[test]
    fn a_bad_body_is_refused_with_the_reason() {
        for (body, expected) in [
            ("", "not JSON"),
            ("{\"input\":", "not JSON"),
            ("[]", "not an object"),
            ("{}", "`input` is missing"),
            ("{\"input\":null}", "`input` is missing"),
            ("{\"input\":{},\"id\":7}", "`id` is not a text"),
            ("{\"input\":{},\"id\":\"../x\"}", "`id` is not a text of 1 to 128 letters"),
            ("{\"input\":{},\"webhook\":{}}", "`webhook` is not supported"),
            ("{\"input\":{},\"policy\":1}", "`policy` is not an object"),
            ("{\"input\":{},\"policy\":{\"ttl\":0}}", "`policy.ttl` is not a whole number"),
            ("{\"input\":{},\"policy\":{\"executionTimeout\":1.5}}", "`policy.executionTimeout` is not a whole number"),
            ("{\"input\":{},\"policy\":{\"ttl\":18446744073709551615}}", "`policy.ttl` is not a whole number"),
        ] {
            let text = JobRequest::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(text.contains(expected), "{body}: {text}");
        }
        let deep = "[".repeat(100_000);
        assert!(JobRequest::parse(deep.as_bytes()).unwrap_err().to_string().contains("not JSON"));
    }
}
