//! The core module.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "guest";

/// Variables by which an outer cargo, clippy or a user steers native builds. A guest takes none of them.
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

/// What is compiled, and where.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The workspace's root, which panics name as `.`.
    pub root: &'a Path,
    /// The package.
    pub package: &'a str,
    /// What its library is called.
    pub library: &'a str,
    /// Where cargo works.
    pub target_dir: &'a Path,
    /// What cargo is told besides.
    pub more: &'a [String],
}

/// Compiles a library and reads the module. `heard` gets every line that cargo says meanwhile.
pub fn build(order: &Order<'_>, heard: &mut dyn FnMut(&str)) -> Result<Vec<u8>> {
    let program = program();
    let mut running = command(&program, order);
    let mut running = running
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let mut said = String::new();
    let lines = running.stderr.take().map(|stderr| BufReader::new(stderr).split(b'\n'));
    for line in lines.into_iter().flatten() {
        let line = line.context("cannot read what cargo says")?;
        let line = String::from_utf8_lossy(&line);
        heard(&line);
        said.push_str(&line);
        said.push('\n');
    }
    let status = running.wait().with_context(|| format!("cannot wait for {}", program.display()))?;
    if !status.success() {
        bail!("{}", explain(order.package, status, &said));
    }
    let path = module_path(order.target_dir, order.library);
    fs::read(&path).with_context(|| {
        format!("cargo built {} but left no {}: is \"cdylib\" among its crate types?", order.package, path.display())
    })
}

/// The cargo that this process was started by, else the one on the path.
pub fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn command(program: &OsStr, order: &Order<'_>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(order.root);
    command.args(["build", "--lib", "--package", order.package, "--profile", PROFILE, "--target", TARGET]);
    command.arg("--target-dir").arg(order.target_dir);
    command.args(order.more);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    // Of all the places where flags can be set this one overrules the rest.
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(order.root));
    command
}

/// How large a function may be that LLVM inlines, in LLVM's own unit; its default is 225. Measured on the two policies of
/// this workspace: 225 makes 102.1 and 102.9 KB, 90 makes 98.5 and 98.1, 50 makes 98.0 and 97.4.
const INLINE: &str = "-Cllvm-args=-inline-threshold=50";

/// Panics name source files. Without these flags they would name this machine's folders, and the bytes would differ
/// from one machine to the next.
fn flags(workspace_root: &Path) -> OsString {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let mut flags = OsString::from(INLINE);
    for (from, to) in [(Some(workspace_root.to_path_buf()), "."), (home, "cargo")] {
        let Some(from) = from else { continue };
        // How this variable parts one flag from the next, so that a folder's name may have a space in it.
        flags.push("\u{1f}");
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}

fn module_path(target_dir: &Path, library: &str) -> PathBuf {
    target_dir.join(TARGET).join(PROFILE).join(format!("{}.wasm", library.replace('-', "_")))
}

/// What went wrong, with the remedy first where the cause is known.
fn explain(package: &str, status: ExitStatus, said: &str) -> String {
    let said = said.trim();
    if said.contains("target may not be installed") || said.contains("can't find crate for `core`") {
        return format!(
            "cannot build the policy {package}: the compiler lacks the target {TARGET}. Add it with `rustup target \
             add {TARGET}`.\n{said}"
        );
    }
    format!("cannot build the policy {package}: cargo ended with {status}.\n{said}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn told(stderr: &str) -> String {
        explain("codex-policy", ExitStatus::from_raw(101 << 8), stderr)
    }

    #[test]
    fn a_missing_target_is_answered_with_the_command_that_adds_it() {
        let said = "error[E0463]: can't find crate for `core`\n  = note: the `wasm32-unknown-unknown` target may not be \
                    installed\n";
        let told = told(said);
        assert!(told.contains("rustup target add wasm32-unknown-unknown"), "{told}");
    }

    #[test]
    fn any_other_failure_is_told_in_the_compilers_words() {
        let told = told("error: expected `;`\n");
        assert!(told.contains("error: expected `;`") && told.contains("101") && !told.contains("rustup"), "{told}");
    }

    #[test]
    fn a_package_leaves_its_module_under_the_crates_name() {
        let path = module_path(Path::new("out"), "codex-policy");
        assert_eq!(path, Path::new("out/wasm32-unknown-unknown/guest/codex_policy.wasm"));
    }

    #[test]
    fn the_outer_builds_flags_do_not_reach_a_guest() {
        let (root, target_dir) = (Path::new("/here"), Path::new("/there"));
        let order = Order { root, package: "codex-policy", library: "codex_policy", target_dir, more: &[] };
        let command = command(OsStr::new("cargo"), &order);
        let set = |name: &str| command.get_envs().find(|(key, _)| *key == name).map(|(_, value)| value.is_some());
        for name in NOT_INHERITED {
            assert_eq!(set(name), Some(false), "{name}");
        }
        assert_eq!(set("CARGO_ENCODED_RUSTFLAGS"), Some(true));
    }
}
