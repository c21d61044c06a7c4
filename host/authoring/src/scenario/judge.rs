//! Compares what a policy did with what its scenario expects.

use contract::asset::Asset;
use policy::{Call, Policy};
use serde_json::Value;

use super::{Expectation, ExpectedCall, Scenario};
use crate::recording::CallRecord;
use crate::rehearsal::RehearsalResult;
use crate::rehearsal::compare::{Difference, covers, missing};

fn difference(path: &str, expected: impl Into<Value>, got: impl Into<Value>) -> String {
    Difference { path: path.to_owned(), expected: expected.into(), got: got.into() }.expected_and_got()
}

/// All failed expectations of a scenario, one line each.
pub async fn judge(scenario: &Scenario, policy: &Policy, result: &RehearsalResult) -> Vec<String> {
    let expect = &scenario.expect;
    let decisions = &result.decisions;
    let mut findings = Vec::new();
    if let Some(expected) = &expect.ladder {
        findings.extend(ladder(expected, &decisions.ladder));
    }
    named("refused", &expect.refused, decisions.ladder.get("err").unwrap_or(&Value::Null), &mut findings);
    for (name, expected) in &expect.keys {
        let path = format!("keys.{name}");
        // The name was checked when the scenario was read.
        let Some(asset) = Asset::parse(name) else { continue };
        match Call::pure(policy).key_for(&scenario.setup.scene.job, &asset).await {
            Ok(to) => {
                let to = to.map(|to| format!("{}:{}", to.store, to.key));
                if to.as_ref() != Some(expected) {
                    findings.push(difference(&path, expected.as_str(), to));
                }
            }
            Err(error) => findings.push(format!("{path}: {error}")),
        }
    }
    plan(&expect.plan, &decisions.plan, &mut findings);
    calls(expect, &result.calls, &mut findings);
    named("payload", &expect.payload, decisions.payload.get("body").unwrap_or(&Value::Null), &mut findings);
    named("output", &expect.output, decisions.outcome.get("ok").unwrap_or(&Value::Null), &mut findings);
    let failed = decisions.outcome.get("err").unwrap_or(&Value::Null);
    if expect.fails.is_null() && !failed.is_null() {
        let (code, message) = decisions.failure().unwrap_or_default();
        findings.push(format!("the job should succeed, but failed: {message} [{code}]"));
    } else {
        named("fails", &expect.fails, failed, &mut findings);
    }
    findings
}

fn named(path: &str, expected: &Value, got: &Value, findings: &mut Vec<String>) {
    if !expected.is_null() {
        findings.extend(missing(path, expected, got).iter().map(Difference::expected_and_got));
    }
}

/// Compares the ladder. Each rendition is expected by name or by its fields.
fn ladder(expected: &[Value], got: &Value) -> Vec<String> {
    let Some(renditions) = got.get("ok").and_then(Value::as_array) else {
        return vec![difference("ladder", expected.to_vec(), got.clone())];
    };
    let name = |rendition: &Value| rendition.get("name").cloned().unwrap_or_default();
    if expected.len() != renditions.len() {
        let names: Vec<Value> = renditions.iter().map(name).collect();
        let wanted: Vec<Value> =
            expected.iter().map(|wanted| if wanted.is_string() { wanted.clone() } else { name(wanted) }).collect();
        return vec![difference("ladder", wanted, names)];
    }
    let mut findings = Vec::new();
    for (at, (expected, got)) in expected.iter().zip(renditions).enumerate() {
        let path = format!("ladder[{at}]");
        match expected {
            Value::String(_) => named(&path, expected, &name(got), &mut findings),
            expected => named(&path, expected, got, &mut findings),
        }
    }
    findings
}

/// Compares the plan. Expected outputs must appear in this order; other outputs may come between. Of the other fields,
/// those that are named must match.
fn plan(expected: &Value, got: &Value, findings: &mut Vec<String>) {
    let Value::Object(mut fields) = expected.clone() else { return };
    if got.is_null() {
        findings.push("plan: no plan was started".to_owned());
        return;
    }
    let wanted = fields.remove("outputs");
    named("plan", &Value::Object(fields), got, findings);
    let Some(Value::Array(wanted)) = wanted else { return };
    let outputs = got.get("outputs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut from = 0;
    for (at, wanted) in wanted.iter().enumerate() {
        let found = outputs.iter().skip(from).position(|output| is_of_kind(wanted, output) && covers(wanted, output));
        if let Some(found) = found {
            from += found + 1;
            continue;
        }
        let path = format!("plan.outputs[{at}]");
        match outputs.iter().skip(from).find(|output| is_of_kind(wanted, output)) {
            Some(nearest) => named(&path, wanted, nearest, findings),
            None => {
                let kinds: Vec<Value> = outputs.iter().map(|output| kind(output).into()).collect();
                findings.push(difference(&path, kind(wanted), kinds));
            }
        }
    }
}

fn kind(output: &Value) -> String {
    let named = output.as_object().and_then(|named| named.keys().next());
    named.map(String::as_str).or(output.as_str()).unwrap_or_default().to_owned()
}

fn is_of_kind(wanted: &Value, output: &Value) -> bool {
    kind(wanted) == kind(output)
}

fn calls(expect: &Expectation, calls: &[CallRecord], findings: &mut Vec<String>) {
    let mut from = 0;
    let mut after = "the beginning".to_owned();
    for (at, expected) in expect.calls.iter().enumerate() {
        let rest = calls.get(from..).unwrap_or_default();
        match rest.iter().position(|call| matches(expected, call)) {
            Some(found) => {
                from += found + 1;
                after = format!("`{}`", expected.call);
            }
            None => findings.extend(not_called(at, expected, rest, &after)),
        }
    }
    for never in &expect.never {
        if let Some(call) = calls.iter().find(|call| call.call == *never) {
            let with = &call.arguments;
            findings.push(format!("never: `{never}` was called, with {with}"));
        }
    }
}

fn matches(expected: &ExpectedCall, call: &CallRecord) -> bool {
    expected.call == call.call && covers(&expected.with, &call.arguments) && covers(&expected.answer, &call.answer)
}

/// The differences from the most similar call; if there is none, the calls that were made instead.
fn not_called(at: usize, expected: &ExpectedCall, rest: &[CallRecord], after: &str) -> Vec<String> {
    let path = format!("calls[{at}]");
    let differences = |call: &CallRecord| {
        let mut found = Vec::new();
        named(&format!("{path}.with"), &expected.with, &call.arguments, &mut found);
        named(&format!("{path}.answer"), &expected.answer, &call.answer, &mut found);
        found
    };
    let nearest = rest.iter().filter(|call| call.call == expected.call).map(differences).min_by_key(Vec::len);
    let name = &expected.call;
    match nearest {
        Some(differences) => {
            let heading = format!("{path}: no `{name}` after {after} matches; the nearest differs:");
            std::iter::once(heading).chain(differences).collect()
        }
        None => {
            let mut names: Vec<&str> = rest.iter().map(|call| call.call.as_str()).collect();
            names.dedup();
            let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            vec![format!("{path}: `{name}` was not called after {after}; calls made: {names}")]
        }
    }
}
