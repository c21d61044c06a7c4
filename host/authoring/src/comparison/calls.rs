//! Compares the host calls of two runs.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::recording::CallRecord;
use crate::rehearsal::compare::{Difference, differences};

/// Calls that depend on timing and not on decisions.
const TIMING_CALLS: [&str; 2] = ["transcode.progress", "job.cancelled"];

/// A difference between the calls of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum CallChange {
    /// The call is no longer made.
    Gone { call: String, with: Value },
    /// The call was not made before.
    New { call: String, with: Value },
    /// The call is made with other arguments.
    Changed { call: String, differences: Vec<Difference> },
}

impl fmt::Display for CallChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |value: &Value| fault::text::printable(&value.to_string(), 120);
        match self {
            Self::Gone { call, with } => write!(f, "- {call} {}", short(with)),
            Self::New { call, with } => write!(f, "+ {call} {}", short(with)),
            Self::Changed { call, differences } => {
                write!(f, "~ {call}")?;
                for difference in differences.iter().take(3) {
                    write!(f, " {}: {} -> {}", difference.path, short(&difference.expected), short(&difference.got))?;
                }
                Ok(())
            }
        }
    }
}

/// Aligns the calls of two runs, as diff does with lines.
pub fn changed_calls(was: &[CallRecord], now: &[CallRecord]) -> Vec<CallChange> {
    let timeless = |calls: &[CallRecord]| -> Vec<CallRecord> {
        calls.iter().filter(|record| !TIMING_CALLS.contains(&record.call.as_str())).cloned().collect()
    };
    let (was, now) = (timeless(was), timeless(now));
    let keys = |calls: &[CallRecord]| -> Vec<String> { calls.iter().map(key).collect() };
    let mut changes = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &keys(&was), &keys(&now)) {
        let gone = was.get(op.old_range()).unwrap_or_default();
        let new = now.get(op.new_range()).unwrap_or_default();
        if matches!(op, DiffOp::Equal { .. }) {
            changes.extend(gone.iter().zip(new).filter_map(|(was, now)| changed(was, now)));
        } else {
            let named = |record: &CallRecord| (record.call.clone(), record.arguments.clone());
            changes.extend(gone.iter().map(named).map(|(call, with)| CallChange::Gone { call, with }));
            changes.extend(new.iter().map(named).map(|(call, with)| CallChange::New { call, with }));
        }
    }
    changes
}

/// Calls with the same key are aligned. The key leaves out plans and messages, which are compared separately.
fn key(record: &CallRecord) -> String {
    match record.call.as_str() {
        "transcode.start" => record.call.clone(),
        "webhook.deliver" => format!("{} {}", record.call, record.arguments.get("event").unwrap_or(&Value::Null)),
        call => format!("{call} {}", record.arguments),
    }
}

/// Progress messages are part of no decision, so they are compared here.
fn changed(was: &CallRecord, now: &CallRecord) -> Option<CallChange> {
    let is_progress = was.arguments.get("event").and_then(Value::as_str) == Some("progress");
    if was.arguments == now.arguments || !is_progress {
        return None;
    }
    let differences = differences("", &with_parsed_body(&was.arguments), &with_parsed_body(&now.arguments));
    Some(CallChange::Changed { call: was.call.clone(), differences })
}

/// Parses the body of a message.
fn with_parsed_body(arguments: &Value) -> Value {
    let mut arguments = arguments.clone();
    if let Some(body) = arguments.pointer_mut("/message/body")
        && let Some(said) = body.as_str().and_then(|text| serde_json::from_str(text).ok())
    {
        *body = said;
    }
    arguments
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(name: &str, arguments: Value) -> CallRecord {
        CallRecord { call: name.into(), arguments, answer: Value::Null }
    }

    #[test]
    fn new_and_gone_calls_are_reported_and_timing_calls_are_ignored() {
        let step = |step: &str| call("job.progress", json!({ "step": step, "percent": 1 }));
        let progress = || call("transcode.progress", json!({}));
        let was = [step("a"), progress(), progress(), step("b"), call("transcode.start", json!({ "plan": 1 }))];
        let now = [step("a"), step("c"), progress(), call("transcode.start", json!({ "plan": 2 }))];
        let change = |step: &str| ("job.progress".to_owned(), json!({ "step": step, "percent": 1 }));
        let ((call, with), (new_call, new_with)) = (change("b"), change("c"));
        let expected = [CallChange::Gone { call, with }, CallChange::New { call: new_call, with: new_with }];
        assert_eq!(changed_calls(&was, &now), expected);
        assert!(changed_calls(&was, &was).is_empty());
    }

    #[test]
    fn progress_messages_are_compared_by_their_parsed_bodies() {
        let message = |percent: u32| {
            let body = json!({ "percent": percent }).to_string();
            call("webhook.deliver", json!({ "event": "progress", "message": { "body": body } }))
        };
        let changes = changed_calls(&[message(10)], &[message(20)]);
        let [CallChange::Changed { differences, .. }] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!(differences[0].path, "message.body.percent");
    }
}
