//! Scenarios: files that describe a job and what a policy is expected to do with it. docs/scenarios.md has the format.

mod golden;
mod judge;
mod junit;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fault::{Code, Fault, codes};
pub use golden::Golden;
pub use judge::judge;
pub use junit::{Verdict, junit};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::rehearsal::RehearsalSetup;

/// File extensions of scenarios.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Suffix of golden files.
const GOLDEN: &str = ".golden.json";

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

#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name without its extension.
    pub name: String,
    pub file: PathBuf,
    /// The scenario's description; may be empty.
    pub about: String,
    /// Settings of the policy. They override those of its manifest.
    pub settings: Map<String, Value>,
    /// The job and its surroundings.
    pub setup: RehearsalSetup,
    pub expect: Expectation,
}

/// What a job must do. Anything that is not named is ignored, except failure: the job must succeed unless `fails` is
/// set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Expectation {
    /// The renditions, each by name or by its fields.
    pub ladder: Option<Vec<Value>>,
    /// The expected refusal of `ladder.select`.
    pub refused: Value,
    /// The `store:key` of assets, by the assets' names.
    pub keys: BTreeMap<String, String>,
    /// Fields of the plan. Its outputs must include these, in this order.
    pub plan: Value,
    /// Calls that must be made in this order. Other calls may come between.
    pub calls: Vec<ExpectedCall>,
    pub never: Vec<String>,
    /// Fields of the body of the message to the platform.
    pub payload: Value,
    /// Fields of the job's output.
    pub output: Value,
    /// Fields of the job's failure; null if the job must succeed.
    pub fails: Value,
    /// Problems that the policy must find in the settings. If there are any, no job is run.
    pub problems: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ExpectedCall {
    /// The call's name in the contract.
    pub call: String,
    /// Fields of its arguments.
    pub with: Value,
    /// Fields of its answer.
    pub answer: Value,
}

impl Scenario {
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let failed = |reason: String| ScenarioError { file: file.display().to_string(), reason };
        let value = read_value(file).map_err(failed)?;
        let beside = |name: &str| read_value(&file.with_file_name(name));
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        written::scenario(name, file, value, beside).map_err(|error| failed(error.to_string()))
    }

    /// The scenarios in a folder and its subfolders, sorted by name. A file is returned as it is.
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
                // `media` holds descriptions of sources that scenarios share.
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

    pub fn golden_file(&self) -> PathBuf {
        self.file.with_file_name(format!("{}{GOLDEN}", self.name))
    }
}

fn is_scenario(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ending = file.extension().unwrap_or_default().to_string_lossy();
    EXTENSIONS.contains(&&*ending) && !name.ends_with(GOLDEN)
}

fn read_value(file: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    if file.extension().is_some_and(|ending| ending == "json") {
        serde_json::from_str(&text).map_err(|error| format!("it is not JSON ({error})"))
    } else {
        serde_saphyr::from_str(&text).map_err(|error| format!("it is not YAML ({error})"))
    }
}
