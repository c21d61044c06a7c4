//! A stand-in for ffmpeg that tries what an upload in control of ffmpeg would try, under each profile and without a sandbox.
//!
//! This program is all three: the tests, the helper that confines, and the stand-in that tries one act. An act exits with 0
//! if it was possible, and with [`REFUSED`] if the system refused it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail, and its name says what it is about"
)]

mod acts;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use acts::{ACTS, Act, REFUSED};
use libtest_mimic::{Arguments, Failed, Trial};
use sandbox::{Confinement, FAILURE_EXIT, Level, Limits, Profile, Sandbox};

fn main() -> ExitCode {
    sandbox::run_if_helper();
    if std::env::args().nth(1).as_deref() == Some("act") {
        return acts::perform(std::env::args().skip(2).collect());
    }
    program();
    let mut trials = Vec::new();
    for act in ACTS {
        for profile in [Profile::Strict, Profile::Gpu] {
            if act.profiles.contains(&profile) {
                let name = format!("{} [{profile:?}]", act.name);
                trials.push(Trial::test(name, move || refuses(act, profile)));
            }
        }
        if act.possible_without {
            let name = format!("{} [is possible without a sandbox]", act.name);
            let can_be_shown = !act.needs_root || is_root();
            trials.push(Trial::test(name, move || is_possible_without(act)).with_ignored_flag(!can_be_shown));
        }
    }
    trials.push(Trial::test("the sandbox is full where the kernel has everything", is_full));
    trials.push(Trial::test("what a transcode does is possible", a_transcode_is_possible));
    trials.push(Trial::test("a kernel without Landlock is reported", landlock_missing_is_reported));
    trials.push(Trial::test("a child ends with its host", a_child_ends_with_its_host));
    trials.push(Trial::test("a helper whose layers are gone starts nothing", a_weaker_helper_starts_nothing));
    let ended = libtest_mimic::run(&Arguments::from_args(), trials);
    // A static is never dropped.
    let _ = std::fs::remove_dir_all(program().with_file_name(""));
    ended.exit_code()
}

fn is_root() -> bool {
    // SAFETY: it has no arguments and can't fail.
    unsafe { libc::geteuid() == 0 }
}

/// A copy of this program that any user may run, which the build's folder may not allow. Made before there are threads: a
/// file that is open for writing in some child of this process can't be executed.
fn program() -> &'static Path {
    static COPY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let folder = tempfile::Builder::new().prefix("codex-escape-program-").tempdir().unwrap();
        open_to_all(folder.path());
        std::fs::copy(std::env::current_exe().unwrap(), folder.path().join("program")).unwrap();
        open_to_all(&folder.path().join("program"));
        folder
    });
    static PATH: LazyLock<PathBuf> = LazyLock::new(|| COPY.path().join("program"));
    &PATH
}

/// A job's folder, and another job's folder beside it.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::Builder::new().prefix("codex-escape-").tempdir().unwrap();
        open_to_all(root.path());
        for folder in ["job/made", "other"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("job/input"), "an upload").unwrap();
        std::fs::write(root.path().join("job/made/segment.ts"), "a segment").unwrap();
        std::fs::write(root.path().join("other/input"), "another creator's upload").unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn run(&self, sandbox: &Sandbox, profile: Profile, act: &str) -> Output {
        let confinement = Confinement {
            profile,
            read: vec!["input".into()],
            write: vec!["made".into()],
            limits: Limits {
                memory_bytes: Some(512 << 20),
                cpu_seconds: 5,
                file_bytes: 1 << 20,
                // All threads of the user count where the tests are not run by root.
                threads: 4_096,
                descriptors: 64,
            },
        };
        let other = self.path("other");
        let parent = std::process::id().to_string();
        let arguments = ["act", act, other.to_str().unwrap(), parent.as_str()];
        let mut command = sandbox.command(program(), arguments, &confinement).unwrap();
        output_in_time(command.current_dir(self.path("job")).env_clear())
    }
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// No act takes long, so one that hangs is an escape of its own.
fn output_in_time(command: &mut Command) -> Output {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::yield_now();
    }
    child.wait_with_output().unwrap()
}

fn detected() -> Sandbox {
    Sandbox::detect(Sandbox::this_program(), &[program()])
}

/// Without the kernel's parts nothing can be refused. That is a failure where the tests have to be whole.
fn needs_full(sandbox: &Sandbox) -> Result<(), Failed> {
    if sandbox.level() == Level::Full {
        return Ok(());
    }
    Err(format!("these tests need Landlock and seccomp: {}", sandbox.reason()).into())
}

fn refuses(act: &Act, profile: Profile) -> Result<(), Failed> {
    let place = Place::new();
    let sandbox = detected();
    needs_full(&sandbox)?;
    let output = place.run(&sandbox, profile, act.name);
    let ended = output.status.code() == Some(REFUSED) || (act.may_be_killed && output.status.signal().is_some());
    let untouched = std::fs::read_to_string(place.path("other/input"))? == "another creator's upload"
        && std::fs::read_to_string(place.path("job/input"))? == "an upload"
        && std::fs::read_dir(place.path("other"))?.count() == 1;
    if ended && untouched { Ok(()) } else { Err(format!("{:?}, untouched: {untouched}", described(&output)).into()) }
}

fn is_possible_without(act: &Act) -> Result<(), Failed> {
    let place = Place::new();
    let output = place.run(&Sandbox::none("on purpose"), Profile::Strict, act.name);
    if output.status.success() { Ok(()) } else { Err(described(&output).into()) }
}

fn described(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    format!("{}: {} {}", output.status, text(&output.stdout), text(&output.stderr))
}

fn is_full() -> Result<(), Failed> {
    needs_full(&detected())
}

fn a_transcode_is_possible() -> Result<(), Failed> {
    let place = Place::new();
    let sandbox = detected();
    for profile in [Profile::Strict, Profile::Gpu] {
        let output = place.run(&sandbox, profile, "do what a transcode does");
        if !output.status.success() {
            return Err(described(&output).into());
        }
    }
    assert_eq!(std::fs::read_to_string(place.path("job/made/renamed")).unwrap(), "an upload");
    Ok(())
}

/// A filter that answers the calls of Landlock as a kernel without it does.
fn landlock_missing_is_reported() -> Result<(), Failed> {
    let output =
        output_in_time(Command::new(std::env::current_exe()?).args(["act", "detect without Landlock"]).env_clear());
    let said = described(&output);
    if output.status.success() && said.contains("Partial") && said.contains("no Landlock") {
        Ok(())
    } else {
        Err(said.into())
    }
}

fn a_child_ends_with_its_host() -> Result<(), Failed> {
    let place = Place::new();
    let mut host = Command::new(std::env::current_exe()?)
        .args(["act", "be a host that is killed"])
        .arg(place.path("job"))
        .arg(program())
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(host.stdout.take().unwrap()), &mut line)?;
    host.kill()?;
    host.wait()?;
    let child = PathBuf::from(format!("/proc/{}/stat", line.trim()));
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::read_to_string(&child).is_ok_and(|stat| !stat.contains(") Z")) {
        if Instant::now() > deadline {
            return Err(format!("{} outlived its host", line.trim()).into());
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// The host found everything at its start. A helper that finds less later must not start the program.
fn a_weaker_helper_starts_nothing() -> Result<(), Failed> {
    let place = Place::new();
    let output = output_in_time(
        Command::new(std::env::current_exe()?)
            .args(["act", "start a child after Landlock is gone"])
            .arg(place.path("job"))
            .arg(program())
            .env_clear(),
    );
    let said = described(&output);
    if output.status.code() == Some(FAILURE_EXIT) && said.contains("codex-sandbox: ") {
        Ok(())
    } else {
        Err(said.into())
    }
}
