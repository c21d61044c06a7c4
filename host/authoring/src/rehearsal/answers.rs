//! Scripted answers to host calls.

use std::sync::{Mutex, PoisonError};

use contract::json::{JsonError, from_value};
use contract::v0_1::media::{ProgressReport, Report};
use contract::v0_1::storage::ObjectInfo;
use contract::v0_1::types::Failure;
use contract::v0_1::webhook::Delivery;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::compare;

/// Says what is wrong with an answer.
type Check = fn(Value) -> Result<(), JsonError>;

/// The calls that a script can answer, and the check that an answer has the type of the call's result. The other calls
/// have one fixed answer, or one that the host computes.
pub const SCRIPTABLE: [(&str, Check); 8] = [
    ("media.open", check::<Result<(), Failure>>),
    ("transcode.progress", check::<Option<ProgressReport>>),
    ("transcode.wait", check::<Result<Report, Failure>>),
    ("job.cancelled", check::<bool>),
    ("storage.head", check::<Result<Option<ObjectInfo>, Failure>>),
    ("storage.put", check::<Result<(), Failure>>),
    ("storage.delete", check::<Result<(), Failure>>),
    ("webhook.deliver", check::<Result<Delivery, Failure>>),
];

fn check<T: DeserializeOwned>(answer: Value) -> Result<(), JsonError> {
    from_value::<T>("", answer).map(drop)
}

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
        let check = |call: &str, answer: Value| SCRIPTABLE.iter().find(|(name, _)| *name == call).unwrap().1(answer);
        assert!(check("webhook.deliver", json!({ "ok": { "delivered": false, "attempts": 3 } })).is_ok());
        assert!(check("job.cancelled", json!(true)).is_ok());
        let error = check("webhook.deliver", json!({ "ok": { "delivered": "no", "attempts": 3 } }));
        assert_eq!(error.unwrap_err().path(), "ok.delivered");
    }
}
