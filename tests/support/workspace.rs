//! Where things are: the workspace, folders for tests, the policies, real media.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Once, OnceLock};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::needs::unmet;

/// The workspace's root.
pub fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// Where uploads are kept from run to run: what made them is in their names.
pub fn uploads() -> PathBuf {
    made(root().join("target/test-uploads"))
}

/// A folder for one test. It goes when it is dropped, or, where a static holds it, when the tests run again.
pub fn scratch() -> TempDir {
    let folder = made(root().join("target/test-scratch"));
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| sweep(&folder));
    let prefix = format!("{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(folder).unwrap()
}

/// Removes what processes left that are no more.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.split('-').next().and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
        if id.is_none_or(|id| test_kill_process(id) == Err(Errno::SRCH)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn made(folder: PathBuf) -> PathBuf {
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The policy that misbehaves on demand, as a component. Built once.
pub fn hostile_policy() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| policy_builder::build(&root(), "hostile-policy").unwrap().path)
}

/// The policy that uses every power of the contract, as a component. Built once.
pub fn showcase_policy() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| policy_builder::build(&root(), "showcase-policy").unwrap().path)
}

/// The policy that tries what it can reach through WASI, as a component. Built once.
pub fn wasi_policy() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| policy_builder::build(&root(), "wasi-policy").unwrap().path)
}

/// Its manifest, which allows it WASI. Written once, whole.
pub fn wasi_policy_manifest() -> &'static Path {
    static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let module = wasi_policy();
        let manifest = serde_json::json!({
            "name": "wasi-policy",
            "module": module.file_name().unwrap().to_str().unwrap(),
            "sha256": sha256_of(module),
            "wasi": true,
        });
        let unfinished = tempfile::NamedTempFile::new_in(module.parent().unwrap()).unwrap();
        fs::write(unfinished.path(), manifest.to_string()).unwrap();
        let path = module.with_file_name("wasi-policy.json");
        unfinished.persist(&path).unwrap();
        path
    })
}

/// The digest of a module, as a manifest has it.
pub fn sha256_of(module: &Path) -> String {
    hex::encode(Sha256::digest(fs::read(module).unwrap()))
}

/// The manifest of the policy in JavaScript, built once. `None`, with a message, if its toolchain can't be installed.
pub fn javascript_policy() -> Option<&'static Path> {
    /// The exit code of its build if npm can't install the toolchain.
    const UNAVAILABLE: i32 = 69;
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let made = Command::new("node").arg("guests/codex-js/build.mjs").current_dir(root()).output();
        let output = match made {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err("there is no Node.js".to_owned()),
            made => made.unwrap(),
        };
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.code() {
            Some(0) => Ok(root().join("target/policies/codex-js/policy.json")),
            Some(UNAVAILABLE) => Err(said),
            _ => panic!("the policy in JavaScript can't be built: {said}"),
        }
    });
    built.as_deref().inspect_err(|reason| unmet(reason)).ok()
}

/// Real uploads: `media` below `$CODEX_SHARED`, or below a folder `shared` beside the workspace.
pub fn real_media() -> PathBuf {
    std::env::var_os("CODEX_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from).join("media")
}

/// Every file below a folder, relative to it, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Every file below a folder with its bytes, to compare by.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(folder).into_iter().map(|file| (file.clone(), fs::read(folder.join(&file)).unwrap())).collect()
}
