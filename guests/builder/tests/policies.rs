//! Properties of the two built-in policies as components.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};
use std::thread;

use policy_builder::{build, imports};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

const POLICIES: [&str; 2] = ["codex-policy", "codex-lean-policy"];

#[test]
fn a_policy_imports_the_contract_and_nothing_else() {
    for policy in POLICIES {
        let imports = imports(&build(&root(), policy).unwrap().bytes).unwrap();
        assert!(!imports.is_empty());
        assert!(imports.iter().all(|name| name.starts_with("codex:transcode/")), "{policy}: {imports:?}");
    }
}

#[test]
fn a_policy_is_smaller_than_112_kb() {
    for policy in POLICIES {
        let size = build(&root(), policy).unwrap().bytes.len();
        assert!(size < 112_000, "{policy}: {size} bytes");
    }
}

#[test]
fn a_policy_does_not_contain_the_path_of_the_workspace() {
    let folder = root();
    let folder = folder.to_str().unwrap().as_bytes();
    for policy in POLICIES {
        let built = build(&root(), policy).unwrap();
        assert!(!built.bytes.windows(folder.len()).any(|window| window == folder), "{policy}");
    }
}

#[test]
fn two_concurrent_builds_leave_the_same_file() {
    let build = || build(&root(), "codex-policy").unwrap();
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(build);
        let other = scope.spawn(build);
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_eq!(one.bytes, other.bytes);
    assert_eq!(std::fs::read(one.path).unwrap(), one.bytes);
}

#[test]
fn the_error_names_an_unknown_package() {
    let error = build(&root(), "no-such-policy").unwrap_err();
    assert!(error.to_string().contains("no-such-policy"), "{error}");
}
