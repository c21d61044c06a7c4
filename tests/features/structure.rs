//! The direction between the host's packages, as docs/architecture.md draws it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use testkit::workspace;

/// Every package of the host with those that it may use, besides `fault`.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("fault", &[]),
    ("storage", &[]),
    ("sandbox", &[]),
    ("timeline", &[]),
    ("media", &["sandbox", "storage", "timeline"]),
    ("publish", &["storage"]),
    ("webhook", &["storage"]),
    ("runpod", &[]),
    ("result-page", &["timeline"]),
    ("contract", &["media", "storage"]),
    ("policy", &["contract", "media", "storage"]),
    ("job", &["contract", "media", "policy", "publish", "result-page", "storage", "timeline", "webhook"]),
    ("rehearsal", &["contract", "job", "media", "policy", "storage", "webhook"]),
    ("authoring", &["contract", "job", "media", "policy", "rehearsal", "storage", "webhook"]),
    (
        "codex-transcoder",
        &[
            "authoring",
            "contract",
            "job",
            "media",
            "policy",
            "publish",
            "rehearsal",
            "result-page",
            "runpod",
            "sandbox",
            "storage",
            "timeline",
            "webhook",
        ],
    ),
];

fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"]);
    let output = cargo.current_dir(workspace::root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The packages below host/ with those below host/ that they use outside of their tests and build scripts.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let host = workspace::root().join("host");
    let in_host = |path: &Value| path.as_str().is_some_and(|path| path.starts_with(host.to_str().unwrap()));
    let ours = packages().into_iter().filter(|package| in_host(&package["manifest_path"]));
    let uses = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let normal = dependencies.filter(|dependency| dependency["kind"].is_null() && in_host(&dependency["path"]));
        normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
    };
    ours.map(|package| (package["name"].as_str().unwrap().to_owned(), uses(&package))).collect()
}

#[test]
fn packages_use_only_those_above_them() {
    let used = used();
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    assert_eq!(used.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
    for (place, (name, allowed)) in MAY_USE.iter().enumerate() {
        for other in &used[*name] {
            assert!(other == "fault" || allowed.contains(&other.as_str()), "{name} uses {other}");
            let above = MAY_USE.iter().position(|(above, _)| above == other).unwrap();
            assert!(above < place, "{name} uses {other}, which is below it");
        }
    }
}

#[test]
fn the_architecture_page_names_every_package_and_what_it_uses() {
    let page = std::fs::read_to_string(workspace::root().join("docs/architecture.md")).unwrap();
    for (name, used) in used() {
        let listed: Vec<&str> = used.iter().map(String::as_str).filter(|other| *other != "fault").collect();
        let cell = if listed.is_empty() { "–".to_owned() } else { listed.join(", ") };
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/architecture.md has no row for {name}"));
        assert!(row.ends_with(&format!("| {cell} |")), "the row of {name} should end with `| {cell} |`: {row}");
    }
}
