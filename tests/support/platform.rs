//! The platform around a worker: queue, stores and receiver, each a real server of this process, and the worker itself
//! as a process of its own, with the variables that deployments have.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::job::{CREATOR, MEDIA, until};
use crate::receiver::{Receiver, SECRET};
use crate::runpod::RunpodServer;
use crate::s3::{ACCESS_KEY_ID, BUCKET, Personality, S3Server, SECRET_ACCESS_KEY};
use crate::{standards, workspace};

/// Longest that anything here may take. The longest takes a tenth of it on two cores.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Everything that a worker talks to.
#[derive(Debug)]
pub struct Platform {
    /// The queue.
    pub queue: RunpodServer,
    /// Where originals are, and where viewers read from.
    pub media: S3Server,
    /// Where mezzanines go.
    pub archive: S3Server,
    /// Receives the webhooks.
    pub receiver: Receiver,
    folder: TempDir,
}

impl Default for Platform {
    fn default() -> Self {
        Self::with_receiver(Receiver::answering(&[]))
    }
}

impl Platform {
    /// One whose receiver answers in its own way.
    pub fn with_receiver(receiver: Receiver) -> Self {
        let (media, archive) = (S3Server::start(Personality::R2), S3Server::start(Personality::B2));
        // The real second would make every test a slow one.
        media.rewrite_window(Duration::from_millis(50));
        let folder = workspace::scratch();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        Self { queue: RunpodServer::start(), media, archive, receiver, folder }
    }

    /// The same with a queue that remembers nothing.
    #[must_use]
    pub fn with_another_queue(self) -> Self {
        Self { queue: RunpodServer::start(), ..self }
    }

    /// Puts an original where a sender puts it, and gives back what the job's input is.
    pub fn upload(&self, original: &Path, kind: &str) -> Value {
        let key = format!("{CREATOR}/originals/{MEDIA}/upload");
        self.media.put_object(&key, std::fs::read(original).unwrap());
        json!({
            "mediaId": MEDIA, "creatorId": CREATOR, "type": kind, "inputKey": key,
            "webhookUrl": self.receiver.url(),
        })
    }

    /// The variables of an existing deployment, and those that let it work on loopback.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let mut variables: BTreeMap<String, String> = self.queue.environment().into_iter().collect();
        let (media, archive) = (self.media.url(), self.archive.url());
        let work = self.work().to_str().unwrap().to_owned();
        let policies = self.folder.path().join("policies").to_str().unwrap().to_owned();
        for (name, value) in [
            ("R2_ENDPOINT", media.as_str()),
            ("R2_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("R2_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("R2_BUCKET_NAME", BUCKET),
            ("B2_ENDPOINT", archive.as_str()),
            ("B2_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("B2_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("B2_BUCKET_NAME", BUCKET),
            ("WEBHOOK_SECRET", SECRET),
            ("ENVIRONMENT", "staging"),
            ("CODEX_STORES_MEDIA_DIALECT", "r2"),
            ("CODEX_STORES_ARCHIVE_DIALECT", "b2"),
            ("CODEX_STORES_ARCHIVE_REGION", "us-test-1"),
            ("CODEX_WEBHOOK_ALLOW_HTTP", "loopback"),
            ("CODEX_WEBHOOK_ALLOW_PRIVATE", "true"),
            ("CODEX_JOB_WORK_DIR", work.as_str()),
            ("CODEX_POLICY_CACHE_DIR", policies.as_str()),
            ("CODEX_POLICY_SETTINGS", r#"{"effort":"fastest"}"#),
            ("CODEX_JOB_ENCODER", "cpu"),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
        variables
    }

    /// Where the worker works.
    pub fn work(&self) -> std::path::PathBuf {
        self.folder.path().join("work")
    }

    /// A command of the program, with the variables and nothing else of this process but the way to ffmpeg.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(self.variables());
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A worker that takes jobs from the queue.
    pub fn worker(&self, program: &Path) -> Worker {
        Worker::start(self.command(program, &["worker"]))
    }

    /// The result of a job, when it has one.
    #[track_caller]
    pub fn result(&self, job: &str) -> Value {
        self.queue.wait_for_result(job, PATIENCE)
    }

    /// What a viewer reads, beginning with the master playlist: asserts that all of it is there, and gives back the names.
    #[track_caller]
    pub fn readable(&self) -> BTreeSet<String> {
        readable(|key| self.media.object(key))
    }

    /// The objects of the media store that are neither originals nor the host's own notes.
    pub fn published(&self) -> Vec<String> {
        let kept = |key: &String| !key.contains("/originals/") && !key.contains(".codex/");
        self.media.keys().into_iter().filter(kept).collect()
    }
}

/// What a viewer of a store reads, beginning with the master playlist: asserts that all of it is there and keeps the
/// standards, and gives back the names.
#[track_caller]
pub fn readable(read: impl Fn(&str) -> Option<Vec<u8>>) -> BTreeSet<String> {
    let (mut found, mut waiting) = (BTreeSet::new(), Vec::new());
    let copy = workspace::scratch();
    let master = format!("{CREATOR}/hls/{MEDIA}/master.m3u8");
    waiting.extend(read(&master).is_some().then_some(master));
    while let Some(key) = waiting.pop() {
        let content = read(&key).unwrap_or_else(|| panic!("{key} is named and not there"));
        assert!(!content.is_empty(), "{key} is empty");
        let file = copy.path().join(&key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &content).unwrap();
        if key.ends_with(".m3u8") {
            let folder = key.rsplit_once('/').unwrap().0;
            let text = String::from_utf8(content).unwrap();
            let names = text.lines().filter_map(name_in).filter(|name| !name.contains("://"));
            waiting.extend(names.map(|name| format!("{folder}/{name}")));
        }
        found.insert(key);
    }
    standards::assert_kept(copy.path());
    found
}

/// The file that a line of a playlist names, if it names one.
fn name_in(line: &str) -> Option<&str> {
    if line.starts_with('#') {
        return line.split_once("URI=\"").and_then(|(_, rest)| rest.split('"').next());
    }
    (!line.is_empty()).then_some(line)
}

/// A worker. Ended when it is dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    log: Arc<Mutex<Vec<u8>>>,
}

/// A worker that has ended.
#[derive(Debug)]
pub struct Gone {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// Its log.
    pub log: String,
}

impl Worker {
    /// Starts a command whose output is piped.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let log = Arc::default();
        Self { child, stdout: Some(read(stdout, Arc::default())), stderr: Some(read(stderr, Arc::clone(&log))), log }
    }

    /// The last line of its log that has all of these words, as soon as there is one.
    #[track_caller]
    pub fn logged(&self, words: &[&str]) -> Value {
        let mut found = Value::Null;
        until(&format!("the log has a line with {words:?}"), PATIENCE, || {
            let log = self.log.lock().unwrap();
            let log = String::from_utf8_lossy(&log);
            let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let line = whole.lines().rev().find(|line| words.iter().all(|word| line.contains(word)));
            found = line.map_or(Value::Null, |line| serde_json::from_str(line).unwrap());
            !found.is_null()
        });
        found
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to go.
    pub fn terminate(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, Signal::TERM).unwrap();
    }

    /// Ends it without asking.
    pub fn kill(mut self) -> Gone {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Asks it to go, and waits.
    pub fn stop(self) -> Gone {
        self.terminate();
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Gone {
        let mut status = None;
        until("the program has ended", PATIENCE, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let text = |reader: Option<JoinHandle<String>>| reader.unwrap().join().unwrap();
        Gone { status: status.unwrap(), stdout: text(self.stdout.take()), log: text(self.stderr.take()) }
    }
}

impl Gone {
    /// The log's lines, each of which is an object of JSON.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        self.log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads to the end; what came so far can be looked at meanwhile.
fn read(mut pipe: impl Read + Send + 'static, so_far: Arc<Mutex<Vec<u8>>>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        loop {
            match pipe.read(&mut chunk).unwrap() {
                0 => return String::from_utf8_lossy(&so_far.lock().unwrap()).into_owned(),
                length => so_far.lock().unwrap().extend_from_slice(&chunk[..length]),
            }
        }
    })
}
