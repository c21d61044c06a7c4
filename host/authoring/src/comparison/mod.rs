//! What another policy would do with a job that was recorded.

mod calls;
mod setup;

pub use calls::{CallChange, changed_calls};
use serde_json::{Value, json};
pub use setup::setup_of;

use crate::recording::CallRecord;
use crate::rehearsal::Decisions;
use crate::rehearsal::compare::{Difference, differences};

/// What is compared, in the order in which it is told.
pub const PARTS: [&str; 6] = ["ladder", "keys", "plan", "payload", "outcome", "calls"];

/// What differs between two ways in which a job went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Of the decisions, those that differ, by their names.
    pub decisions: Vec<(&'static str, Vec<Difference>)>,
    /// Of the calls, those that differ.
    pub calls: Vec<CallChange>,
    /// The code and the message of a failure that was not there before.
    pub fails: Option<(String, String)>,
    /// Whether a failure is no longer there.
    pub recovers: bool,
}

impl Comparison {
    /// Compares what was with what is now.
    pub fn of(was: (&Decisions, &[CallRecord]), now: (&Decisions, &[CallRecord])) -> Self {
        let (before, after) = (was.0.parts(), now.0.parts());
        let parts = before.iter().zip(&after).map(|((name, was), (_, now))| (*name, differences("", was, now)));
        let failed =
            |decisions: &Decisions| decisions.failure().map(|(code, message)| (code.to_owned(), message.to_owned()));
        let (failed_before, fails_now) = (failed(was.0), failed(now.0));
        Self {
            decisions: parts.filter(|(_, differences)| !differences.is_empty()).collect(),
            calls: changed_calls(was.1, now.1),
            recovers: failed_before.is_some() && fails_now.is_none(),
            fails: fails_now.filter(|_| failed_before.is_none()),
        }
    }

    /// The names of what differs.
    pub fn changed(&self) -> Vec<&'static str> {
        let calls = (!self.calls.is_empty()).then_some("calls");
        self.decisions.iter().map(|(name, _)| *name).chain(calls).collect()
    }

    /// The first difference of a part, on one line.
    pub fn example(&self, part: &str, show: impl Fn(&Difference) -> String) -> Option<String> {
        if part == "calls" {
            return self.calls.first().map(ToString::to_string);
        }
        let (_, differences) = self.decisions.iter().find(|(name, _)| *name == part)?;
        differences.first().map(show)
    }

    /// As programs read it.
    pub fn to_json(&self) -> Value {
        let mut changes: serde_json::Map<String, Value> = self
            .decisions
            .iter()
            .map(|(name, differences)| ((*name).to_owned(), differences.iter().map(was_and_now).collect()))
            .collect();
        if !self.calls.is_empty() {
            changes.insert("calls".to_owned(), self.calls.iter().map(CallChange::to_json).collect());
        }
        Value::Object(changes)
    }
}

/// A difference as programs read it.
pub fn was_and_now(difference: &Difference) -> Value {
    json!({ "path": difference.path, "was": difference.expected, "now": difference.got })
}
