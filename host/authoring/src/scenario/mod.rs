//! Scenarios: what a policy is expected to do with a job, written down beside it. docs/scenarios.md has the format.

mod golden;
mod judge;
mod junit;
mod written;

use std::path::{Path, PathBuf};

use contract::json::JsonError;
use contract::v0_1::layout::Asset;
use fault::{Code, Fault, codes};
pub use golden::Golden;
pub use judge::{Finding, judge};
pub use junit::{Verdict, junit};
use serde_json::{Map, Value};

use crate::rehearsal::RehearsalSetup;

/// What ends the names of scenarios.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// What ends the names of snapshots.
const GOLDEN: &str = ".golden.json";

/// A scenario that can't be run.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct ScenarioError {
    file: String,
    reason: String,
}

impl Fault for ScenarioError {
    fn code(&self) -> &'static Code {
        &codes::scenario::UNREADABLE
    }
}

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its file's name without the ending.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// What it is about; empty where nobody said.
    pub about: String,
    /// The settings of the policy, over those of its manifest.
    pub settings: Map<String, Value>,
    /// The job, and the host's side of it.
    pub setup: RehearsalSetup,
    /// What must come of it.
    pub expect: Expectation,
}

/// What must come of a job. What is not named may be anything, but for the job's end: unless it is to fail, it must not.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// The renditions, by name or by what each must have.
    pub ladder: Option<Vec<Value>>,
    /// The refusal of `ladder.select`.
    pub refused: Value,
    /// Where assets go.
    pub keys: Vec<(Asset, String)>,
    /// What the plan must have; of its outputs, those that must be among them, in this order.
    pub plan: Value,
    /// Calls that must be made, in this order; others may come between.
    pub calls: Vec<ExpectedCall>,
    /// Calls that must not be made.
    pub never: Vec<String>,
    /// What the body of the message to the platform must have.
    pub payload: Value,
    /// What the job's output must have.
    pub output: Value,
    /// What the job's failure must have; null where it must not fail.
    pub fails: Value,
    /// What the policy must have against the settings; then there is no job.
    pub problems: Vec<String>,
}

/// A call that must be made.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedCall {
    /// Its name in the contract.
    pub call: String,
    /// What its arguments must have.
    pub with: Value,
    /// What its answer must have.
    pub answer: Value,
}

impl Scenario {
    /// Reads one.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let failed = |reason: String| ScenarioError { file: file.display().to_string(), reason };
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        let value = parse(file, &text).map_err(failed)?;
        let beside = |name: &str| {
            let path = file.with_file_name(name);
            let reason = |reason: String| <JsonError as serde::de::Error>::custom(format!("{name}: {reason}"));
            let text = std::fs::read_to_string(&path).map_err(|error| reason(error.to_string()))?;
            parse(&path, &text).map_err(reason)
        };
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        written::scenario(name, file, value, beside).map_err(|error| failed(error.to_string()))
    }

    /// The scenarios in a folder and the folders below it, by name; or this one file.
    pub fn list(path: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
        let failed =
            |error: std::io::Error| ScenarioError { file: path.display().to_string(), reason: error.to_string() };
        if !path.is_dir() {
            std::fs::metadata(path).map_err(failed)?;
            return Ok(vec![path.to_owned()]);
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?.path();
            if entry.is_dir() {
                // What lies in `media` is described sources, for scenarios to share.
                if entry.file_name().is_none_or(|name| name != "media") {
                    files.extend(Self::list(&entry)?);
                }
            } else if is_scenario(&entry) {
                files.push(entry);
            }
        }
        files.sort();
        Ok(files)
    }

    /// Where its snapshot is kept.
    pub fn golden_file(&self) -> PathBuf {
        self.file.with_file_name(format!("{}{GOLDEN}", self.name))
    }
}

fn is_scenario(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ending = file.extension().unwrap_or_default().to_string_lossy();
    ENDINGS.contains(&&*ending) && !name.ends_with(GOLDEN)
}

fn parse(file: &Path, text: &str) -> Result<Value, String> {
    if file.extension().is_some_and(|ending| ending == "json") {
        serde_json::from_str(text).map_err(|error| format!("it is not JSON ({error})"))
    } else {
        serde_saphyr::from_str(text).map_err(|error| format!("it is not YAML ({error})"))
    }
}
