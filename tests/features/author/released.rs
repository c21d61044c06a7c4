//! Components of every released contract version, as they were built then: each still decides what it decided.
//!
//! A folder below tests/released has the components of one version and jobs that were recorded with them. Its files never
//! change; a new version adds a folder.

use std::path::{Path, PathBuf};

use testkit::{fixtures, workspace};

use super::{policy, shown};
use crate::program_on;

fn released(version: &str) -> PathBuf {
    workspace::root().join("tests/released").join(version)
}

/// The recordings of a version, with the name of the component that they were made with.
fn recordings(version: &str) -> Vec<(PathBuf, &'static str)> {
    let folder = std::fs::read_dir(released(version).join("recordings")).unwrap();
    let of = |file: PathBuf| {
        let lean = file.file_name().unwrap().to_str().unwrap().starts_with("codex-lean");
        (file, if lean { "codex-lean-policy.wasm" } else { "codex-policy.wasm" })
    };
    folder.map(|entry| of(entry.unwrap().path())).collect()
}

/// Same plan, keys, payloads and calls, field by field.
#[track_caller]
fn assert_same(recording: &Path, component: &Path) {
    let output = policy(&["replay", shown(recording), "--policy", shown(component), "--json", "--exit-code"]);
    output.ends_with(0);
}

#[test]
fn a_component_of_contract_0_1_decides_what_it_decided_when_it_was_released() {
    let recordings = recordings("0.1");
    assert_eq!(recordings.len(), 8);
    for (recording, component) in recordings {
        assert_same(&recording, &released("0.1").join(component));
    }
}

#[test]
fn todays_policies_decide_what_those_of_contract_0_1_decided() {
    for (recording, component) in recordings("0.1") {
        let today = if component.starts_with("codex-lean") { "codex-lean" } else { "built-in" };
        assert_same(&recording, Path::new(today));
    }
}

#[test]
fn a_component_of_contract_0_1_runs_a_whole_job() {
    let upload = fixtures::silent_clip(320, 180, "25", 1.0);
    for component in ["codex-policy.wasm", "codex-lean-policy.wasm"] {
        let job = program_on(&upload).policy(&released("0.1").join(component)).setting("effort", "fastest");
        job.run().done().is_whole();
    }
}
