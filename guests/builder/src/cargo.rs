//! Compiling a policy crate to a core module.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::member::Member;

const TARGET: &str = "wasm32-unknown-unknown";

/// The variables by which an outer cargo, clippy or a user changes native builds. A guest inherits none of them.
const NOT_INHERITED: [&str; 12] = [
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "CLIPPY_TERMINAL_WIDTH",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// Compiles the crate and reads the module. `on_line` gets every line of cargo's output.
pub fn build(member: &Member, on_line: &mut dyn FnMut(&str)) -> Result<Vec<u8>> {
    let program = program();
    let mut running = command(&program, member);
    let mut running = running
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let mut output = String::new();
    let lines = running.stderr.take().map(|stderr| BufReader::new(stderr).split(b'\n'));
    for line in lines.into_iter().flatten() {
        let line = line.context("cannot read cargo's output")?;
        let line = String::from_utf8_lossy(&line);
        on_line(&line);
        output.push_str(&line);
        output.push('\n');
    }
    let status = running.wait().with_context(|| format!("cannot wait for {}", program.display()))?;
    if !status.success() {
        bail!("{}", explain(&member.name, status, &output));
    }
    module(member)
}

/// Reads the module that cargo built.
pub fn module(member: &Member) -> Result<Vec<u8>> {
    let path = module_path(&member.target_dir, member.profile.name(), &member.library);
    fs::read(&path).with_context(|| {
        format!("cargo built {} but left no {}: is \"cdylib\" among its crate types?", member.name, path.display())
    })
}

/// The cargo that started this process, or else the one on the path.
pub fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The `cargo build` of the crate. Its output comes on stderr.
pub fn command(program: &OsStr, member: &Member) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&member.root);
    command.args(["build", "--lib", "--package", &member.name, "--profile", member.profile.name(), "--target", TARGET]);
    command.arg("--target-dir").arg(&member.target_dir);
    command.args(member.more_arguments());
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    // This variable overrules all other places where flags can be set.
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(&member.root));
    command
}

/// How large a function may be that LLVM inlines, in LLVM's own unit; its default is 225. Measured on the two policies
/// of this workspace: 225 makes 102.1 and 102.9 KB, 90 makes 98.5 and 98.1, 50 makes 98.0 and 97.4.
const INLINE: &str = "-Cllvm-args=-inline-threshold=50";

/// Panics name source files. These flags keep the folders of this machine out of the names, so that the bytes are the
/// same on every machine.
fn flags(workspace_root: &Path) -> OsString {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let mut flags = OsString::from(INLINE);
    for (from, to) in [(Some(workspace_root.to_path_buf()), "."), (home, "cargo")] {
        let Some(from) = from else { continue };
        // The variable's own separator, so that a folder's name may have a space.
        flags.push("\u{1f}");
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}

fn module_path(target_dir: &Path, profile: &str, library: &str) -> PathBuf {
    target_dir.join(TARGET).join(profile).join(format!("{}.wasm", library.replace('-', "_")))
}

/// The error of a failed build. If the cause is known, the remedy comes first.
fn explain(package: &str, status: ExitStatus, output: &str) -> String {
    let output = output.trim();
    if output.contains("target may not be installed") || output.contains("can't find crate for `core`") {
        return format!(
            "cannot build the policy {package}: the compiler lacks the target {TARGET}. Add it with `rustup target \
             add {TARGET}`.\n{output}"
        );
    }
    format!("cannot build the policy {package}: cargo ended with {status}.\n{output}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn explained(stderr: &str) -> String {
        explain("codex-policy", ExitStatus::from_raw(101 << 8), stderr)
    }

    #[test]
    fn the_error_for_a_missing_target_has_the_command_that_adds_it() {
        let output = "error[E0463]: can't find crate for `core`\n  = note: the `wasm32-unknown-unknown` target may not \
                      be installed\n";
        let error = explained(output);
        assert!(error.contains("rustup target add wasm32-unknown-unknown"), "{error}");
    }

    #[test]
    fn any_other_error_has_the_compilers_output() {
        let error = explained("error: expected `;`\n");
        assert!(error.contains("error: expected `;`") && error.contains("101") && !error.contains("rustup"), "{error}");
    }

    #[test]
    fn the_module_has_the_crates_name() {
        let path = module_path(Path::new("out"), "guest", "codex-policy");
        assert_eq!(path, Path::new("out/wasm32-unknown-unknown/guest/codex_policy.wasm"));
    }

    #[test]
    fn the_outer_builds_flags_do_not_reach_a_guest() {
        let member = Member::of_workspace(Path::new("/here"), "codex-policy");
        let command = command(OsStr::new("cargo"), &member);
        let set = |name: &str| command.get_envs().find(|(key, _)| *key == name).map(|(_, value)| value.is_some());
        for name in NOT_INHERITED {
            assert_eq!(set(name), Some(false), "{name}");
        }
        assert_eq!(set("CARGO_ENCODED_RUSTFLAGS"), Some(true));
    }
}
