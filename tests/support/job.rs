//! The program on one upload, as a sentence.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::outcome::Outcome;
use crate::receiver::{Receiver, SECRET};
use crate::workspace;

/// Who uploads in these tests.
pub const CREATOR: &str = "creator-1";

/// What is uploaded in these tests.
pub const MEDIA: &str = "media-1";

/// Longest that a job of these tests may take. The longest takes a tenth of it on two cores.
const PATIENCE: Duration = Duration::from_secs(300);

/// A job that was not started yet.
#[derive(Debug)]
pub struct Job {
    command: Command,
    scratch: Arc<TempDir>,
    out: PathBuf,
    work: PathBuf,
}

impl Job {
    /// The program on an upload, with folders of its own.
    pub fn of(program: &Path, upload: &Path) -> Self {
        let scratch = Arc::new(workspace::scratch());
        let mut command = Command::new(program);
        command.arg("run").arg(upload).args(["--json", "--creator", CREATOR, "--media-id", MEDIA]);
        for name in ["CODEX_POLICY", "CODEX_WORK_DIR", "RUST_LOG", "WEBHOOK_SECRET"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (out, work) = (scratch.path().join("out"), scratch.path().join("work"));
        std::fs::create_dir(&work).unwrap();
        Self { command, scratch, out, work }
    }

    /// A setting of the policy.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.command.args(["--settings", &format!("{name}={value}")]);
        self
    }

    /// Another policy than the built-in one.
    #[must_use]
    pub fn policy(mut self, path: &Path) -> Self {
        self.command.arg("--policy").arg(path);
        self
    }

    /// What the uploader says it is: `video` or `audio`.
    #[must_use]
    pub fn declared(mut self, kind: &str) -> Self {
        self.command.args(["--type", kind]);
        self
    }

    /// Where to publish, instead of a folder that goes with the outcome.
    #[must_use]
    pub fn out(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.out);
        self
    }

    /// Where to work.
    #[must_use]
    pub fn work(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.work);
        self
    }

    /// Where to send its webhook.
    #[must_use]
    pub fn with_webhook(mut self, receiver: &Receiver) -> Self {
        self.command.args(["--webhook", &receiver.url()]).env("WEBHOOK_SECRET", SECRET);
        self
    }

    /// Further arguments of the command line.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        let _turn = Turn::take();
        self.start().wait()
    }

    /// Starts it, without waiting for a turn.
    pub fn start(mut self) -> Running {
        self.command.arg("--out").arg(&self.out).arg("--work-dir").arg(&self.work);
        let mut child = self.command.spawn().unwrap();
        let stdout = read(child.stdout.take().unwrap());
        let stderr = read(child.stderr.take().unwrap());
        Running {
            child,
            stdout: Some(stdout),
            stderr: Some(stderr),
            out: self.out,
            work: self.work,
            _scratch: self.scratch,
        }
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// A job under way. Ended when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    out: PathBuf,
    work: PathBuf,
    _scratch: Arc<TempDir>,
}

impl Running {
    /// Where it works.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// What Ctrl-C sends.
    pub fn interrupt(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, Signal::INT).unwrap();
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Outcome {
        let mut status = None;
        until("the job has ended", PATIENCE, || {
            status = self.ended();
            status.is_some()
        });
        let text = |reader: Option<JoinHandle<String>>| reader.unwrap().join().unwrap();
        let stdout = text(self.stdout.take());
        let stderr = text(self.stderr.take());
        Outcome::new(status.unwrap().code(), &stdout, stderr, &self.out, &self.work, Arc::clone(&self._scratch))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until something is so, and panics when it is still not so at the end.
pub fn until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < deadline, "after {} s it is still not so that {what}", patience.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Two jobs at once: each has ffmpeg use all cores, and policies have limits of real time.
struct Turn;

static RUNNING: Mutex<u32> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = ENDED.wait_while(running, |running| *running >= 2).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}
