//! A policy's decisions about one job: the results of its pure functions, the plan that it started, and the outcome.

use std::collections::BTreeMap;

use contract::json::{from_value, to_value};
use contract::v0_1::media::Report;
use contract::v0_1::types::{Job, MediaInfo, Message};
use contract::v0_2::encoding::VideoEncoder;
use fault::Failure;
use policy::{Call, Policy, PolicyError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::recording::{CallRecord, Cleaner};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    pub job: &'a Job,
    /// The probed source; none if it could not be opened.
    pub media_info: Option<&'a MediaInfo>,
    /// The encoders that passed the startup check.
    pub encoders: &'a [VideoEncoder],
}

/// A decision that the job did not reach is null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decisions {
    /// `ladder.select`: `{"ok": [rendition]}` or `{"err": refusal}`.
    pub ladder: Value,
    /// `layout.key-for` for every asset: `store:key`.
    pub keys: BTreeMap<String, Value>,
    /// The argument of `transcode.start`.
    pub plan: Value,
    /// `payload.completed`, or `payload.failed` for a job that failed. The body is parsed.
    pub payload: Value,
    /// The job's outcome: `{"ok": output}` or `{"err": failure}`.
    pub outcome: Value,
}

impl Decisions {
    /// Calls the pure functions, and takes the other decisions from the recorded calls. A function that traps or
    /// exceeds a limit has the result `{"fails": failure}`.
    pub(crate) async fn of(
        policy: &Policy,
        inputs: Inputs<'_>,
        calls: &[CallRecord],
        outcome: &Result<Value, Failure>,
    ) -> Self {
        let mut decisions = Self { plan: plan_of(calls), outcome: to_value(outcome), ..Self::default() };
        let mut ladder = Vec::new();
        if let Some(info) = inputs.media_info {
            let selected = Call::pure(policy).select(inputs.job, info, inputs.encoders).await;
            if let Ok(Ok(renditions)) = &selected {
                ladder.clone_from(renditions);
            }
            decisions.ladder = value_or_failure(selected.map(|selected| to_value(&selected)));
        }
        for asset in rehearsal::assets(&ladder) {
            let to = Call::pure(policy).key_for(inputs.job, &asset).await;
            // What the policy doesn't make has no key.
            if let Some(to) = to.map(|to| to.map(|to| format!("{}:{}", to.store, to.key).into())).transpose() {
                decisions.keys.insert(asset.to_string(), value_or_failure(to));
            }
        }
        let message = match (outcome, inputs.media_info, report_of(calls)) {
            (Err(failure), ..) => Some(Call::pure(policy).failed_message(inputs.job, &failure.clone().into()).await),
            (Ok(_), Some(info), Some(report)) => {
                Some(Call::pure(policy).completed_message(inputs.job, info, &report).await)
            }
            (Ok(_), ..) => None,
        };
        if let Some(message) = message {
            decisions.payload = value_or_failure(message.map(|message| with_parsed_body(&message)));
        }
        decisions
    }

    /// Removes secrets and URLs.
    #[must_use]
    pub fn cleaned(self, cleaner: &Cleaner) -> Self {
        Self {
            ladder: cleaner.clean(self.ladder),
            keys: self.keys.into_iter().map(|(asset, to)| (asset, cleaner.clean(to))).collect(),
            plan: cleaner.clean(self.plan),
            payload: cleaner.clean(self.payload),
            outcome: cleaner.clean(self.outcome),
        }
    }

    /// The decisions by name, in the order of the output.
    pub fn parts(&self) -> [(&'static str, Value); 5] {
        [
            ("ladder", self.ladder.clone()),
            ("keys", to_value(&self.keys)),
            ("plan", self.plan.clone()),
            ("payload", self.payload.clone()),
            ("outcome", self.outcome.clone()),
        ]
    }

    /// Code and message of the job's failure.
    pub fn failure(&self) -> Option<(&str, &str)> {
        let failure = self.outcome.get("err")?;
        let text = |name: &str| failure.get(name).and_then(Value::as_str).unwrap_or_default();
        Some((text("code"), text("message")))
    }
}

fn value_or_failure(answer: Result<Value, PolicyError>) -> Value {
    answer.unwrap_or_else(|error| json!({ "fails": to_value(&Failure::from(error)) }))
}

/// A message with its body parsed, so that differences inside it have a path.
fn with_parsed_body(message: &Message) -> Value {
    let body = serde_json::from_str(&message.body).unwrap_or_else(|_| Value::from(message.body.as_str()));
    json!({ "body": body, "signature": to_value(&message.signature) })
}

fn plan_of(calls: &[CallRecord]) -> Value {
    let last = calls.iter().rev().find(|call| call.call == "transcode.start");
    last.and_then(|call| call.arguments.get("plan")).cloned().unwrap_or_default()
}

/// The report that `transcode.wait` returned to the policy.
pub(crate) fn report_of(calls: &[CallRecord]) -> Option<Report> {
    let waited = calls.iter().rev().filter(|call| call.call == "transcode.wait");
    waited.filter_map(|call| from_value("", call.answer.get("ok")?.clone()).ok()).next()
}
