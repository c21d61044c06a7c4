//! Compares what two policies do with the same job.

mod calls;
mod causes;
mod costs;
mod setup;

pub use calls::{CallChange, changed_calls};
pub use causes::{Cause, Consequence};
pub use costs::{Amounts, Costing};
use serde_json::{Value, json};
pub use setup::setup_of;

use crate::recording::CallRecord;
use crate::rehearsal::Decisions;
use crate::rehearsal::compare::{Difference, differences};

/// What is compared, in the order of the output.
pub const PARTS: [&str; 6] = ["ladder", "keys", "plan", "payload", "outcome", "calls"];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The decisions that differ, by name.
    pub decisions: Vec<(&'static str, Vec<Difference>)>,
    /// The calls that differ.
    pub calls: Vec<CallChange>,
    /// Code and message if only the new run fails.
    pub fails: Option<(String, String)>,
    /// Whether only the old run fails.
    pub recovers: bool,
}

impl Comparison {
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

    /// The names of the parts that differ.
    pub fn changed(&self) -> Vec<&'static str> {
        let calls = (!self.calls.is_empty()).then_some("calls");
        self.decisions.iter().map(|(name, _)| *name).chain(calls).collect()
    }

    /// The decisions that differ and why, the first to be decided first.
    pub fn causes(&self) -> Vec<Cause> {
        causes::causes(&self.decisions)
    }

    /// The differences of a part, one line each.
    pub fn lines(&self, part: &str) -> Vec<String> {
        if part == "calls" {
            return self.calls.iter().map(ToString::to_string).collect();
        }
        let decisions = self.decisions.iter().filter(|(name, _)| *name == part);
        decisions.flat_map(|(_, differences)| differences).map(Difference::was_and_now).collect()
    }

    pub fn to_json(&self) -> Value {
        let decisions = self.decisions.iter().map(|(name, differences)| ((*name).to_owned(), json!(differences)));
        let calls = (!self.calls.is_empty()).then(|| ("calls".to_owned(), json!(self.calls)));
        Value::Object(decisions.chain(calls).collect())
    }
}
