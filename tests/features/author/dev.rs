//! `policy dev`: what an author sees between two edits.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use testkit::workspace;

use super::{policy, shown};

/// The first build compiles the SDK.
const PATIENCE: Duration = Duration::from_secs(180);

struct Dev {
    program: Child,
    lines: Receiver<String>,
}

impl Dev {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
        command.args(["policy", "dev"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = command.spawn().unwrap();
        let output = BufReader::new(program.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || output.lines().try_for_each(|line| sender.send(line.unwrap())));
        Self { program, lines }
    }

    /// Reads up to a line with this text.
    #[track_caller]
    fn says(&self, text: &str) {
        let mut before = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return,
                Ok(line) => before.push(line),
                Err(_) => panic!("`{text}` is not in {before:?}"),
            }
        }
    }

    /// Interrupts it as Ctrl-C does.
    fn interrupted(mut self) -> i32 {
        kill_process(Pid::from_child(&self.program), Signal::INT).unwrap();
        self.says("stopped");
        self.program.wait().unwrap().code().unwrap()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn a_crate_is_built_and_tested_after_every_edit_until_it_is_interrupted() {
    let folder = workspace::scratch();
    let made = folder.path().join("watched-policy");
    policy(&["new", "watched-policy", "--dir", shown(&made)]).ends_with(0);
    let target = workspace::root().join("target/policies");
    let dev = Dev::start(&[shown(&made), "--target-dir", shown(&target)]);
    dev.says("trial passed, 1 scenarios passed");
    dev.says("waiting for changes");

    let ladder = made.join("src/ladder.rs");
    edit(&ladder, "\"720p\"", "\"721p\"");
    dev.says("FAIL  landscape-1080p");
    dev.says("1 of 1 scenarios FAILED");
    edit(&ladder, "const RUNGS", "konst RUNGS");
    dev.says("cargo ended with exit status: 101");
    edit(&ladder, "konst RUNGS", "const RUNGS");
    dev.says("1 of 1 scenarios FAILED");
    edit(&made.join("scenarios/landscape-1080p.yaml"), "720p", "721p");
    dev.says("trial passed, 1 scenarios passed");
    assert_eq!(dev.interrupted(), 0);
}

#[test]
fn a_policy_of_another_language_is_built_by_its_own_command() {
    let folder = workspace::scratch();
    let (source, scenarios) = (folder.path().join("source.txt"), folder.path().join("scenarios"));
    fs::write(&source, "panic").unwrap();
    fs::create_dir(&scenarios).unwrap();
    fs::write(scenarios.join("works.yaml"), "about: It works.\n").unwrap();
    let build =
        format!("mkdir -p dist && grep -q works source.txt && cp {} dist/", shown(workspace::showcase_policy()));
    let made = folder.path().join("dist/showcase-policy.wasm");
    let dev = Dev::start(&[shown(folder.path()), "--build", &build, "--policy", shown(&made)]);
    dev.says("ended with exit status: 1");
    fs::write(&source, "works").unwrap();
    dev.says("trial passed");
    assert_eq!(dev.interrupted(), 0);
}
