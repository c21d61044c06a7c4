//! Scripted answers to host calls.

use std::sync::{Mutex, PoisonError};

use contract::json::{JsonError, from_value};
use contract::v0_1::media::{ProgressReport, Report};
use contract::v0_1::storage::ObjectInfo;
use contract::v0_1::types::Failure;
use contract::v0_1::webhook::Delivery;
use serde_json::Value;

use super::compare;

/// The calls that a script can answer. The others have one fixed answer, or one that the host computes.
pub const SCRIPTABLE: [&str; 8] = [
    "media.open",
    "transcode.progress",
    "transcode.wait",
    "job.cancelled",
    "storage.head",
    "storage.put",
    "storage.delete",
    "webhook.deliver",
];

/// A scripted answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The call's name in the contract.
    pub call: String,
    /// The arguments that it applies to. Arguments that are not named match anything.
    pub with: Value,
    pub answer: Value,
    /// How many calls it answers; none for any number.
    pub times: Option<u32>,
}

/// Checks that `answer` has the type that the contract gives the call's result.
pub fn check_answer(call: &str, answer: &Value) -> Result<(), JsonError> {
    let answer = answer.clone();
    match call {
        "media.open" | "storage.put" | "storage.delete" => from_value::<Result<(), Failure>>("", answer).map(drop),
        "transcode.wait" => from_value::<Result<Report, Failure>>("", answer).map(drop),
        "transcode.progress" => from_value::<Option<ProgressReport>>("", answer).map(drop),
        "storage.head" => from_value::<Result<Option<ObjectInfo>, Failure>>("", answer).map(drop),
        "webhook.deliver" => from_value::<Result<Delivery, Failure>>("", answer).map(drop),
        _ => from_value::<bool>("", answer).map(drop),
    }
}

/// The answers that are not used up.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Vec<Answer>>);

impl Answers {
    pub(super) fn new(answers: Vec<Answer>) -> Self {
        Self(Mutex::new(answers))
    }

    /// The first answer that matches the call. One with a count is used up.
    pub(super) fn take(&self, call: &str, arguments: &Value) -> Option<Value> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let matches = |answer: &&mut Answer| {
            answer.call == call && answer.times != Some(0) && compare::covers(&answer.with, arguments)
        };
        let found = answers.iter_mut().find(matches)?;
        found.times = found.times.map(|times| times - 1);
        Some(found.answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_matching_answer_is_used_until_its_count_is_spent() {
        let answer = |with: Value, answer: u32, times| Answer {
            call: "storage.head".into(),
            with,
            answer: json!(answer),
            times,
        };
        let answers = Answers::new(vec![
            answer(json!({ "key": "a" }), 1, Some(1)),
            answer(json!({ "key": "a" }), 2, None),
            answer(Value::Null, 3, Some(1)),
        ]);
        let ask = |key: &str| answers.take("storage.head", &json!({ "store": "media", "key": key }));
        assert_eq!(ask("a"), Some(json!(1)));
        assert_eq!(ask("b"), Some(json!(3)));
        assert_eq!(ask("a"), Some(json!(2)));
        assert_eq!(ask("a"), Some(json!(2)));
        assert_eq!((ask("b"), answers.take("storage.put", &json!({}))), (None, None));
    }

    #[test]
    fn an_answer_of_the_wrong_type_is_an_error_with_its_path() {
        assert!(check_answer("webhook.deliver", &json!({ "ok": { "delivered": false, "attempts": 3 } })).is_ok());
        assert!(check_answer("job.cancelled", &json!(true)).is_ok());
        let error = check_answer("webhook.deliver", &json!({ "ok": { "delivered": "no", "attempts": 3 } }));
        assert_eq!(error.unwrap_err().path(), "ok.delivered");
    }
}
