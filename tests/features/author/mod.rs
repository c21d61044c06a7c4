//! What the commands for authors of policies print, without running a job.

mod backtraces;
mod compiled;
mod dev;
mod explain;
mod recorded;
mod released;
mod scenarios;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a command of `policy` came to.
#[derive(Debug)]
struct ProgramOutput {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl ProgramOutput {
    #[track_caller]
    fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{} {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }

    #[track_caller]
    fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.stdout.contains(text), "`{text}` is not in: {}", self.stdout);
        }
        self
    }
}

fn policy(arguments: &[&str]) -> ProgramOutput {
    policy_with(&[], arguments)
}

fn policy_with(variables: &[(&str, &str)], arguments: &[&str]) -> ProgramOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    for name in ["CODEX_POLICY", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    let output = command.arg("policy").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    ProgramOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}
